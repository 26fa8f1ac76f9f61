import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import module from "@balena/dockerignore";
import type { BuildOptions, TemplateBuild } from "@pandastack/sdk";
import { type Command, InvalidArgumentError } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { UsageError } from "../failure.ts";
import { printJson, printLine } from "../output.ts";
import { tellTemplateBuild } from "../template-progress.ts";

interface Options extends CommonOptions {
  dockerfile?: string;
  image?: string;
  rootfs?: string;
  registry?: string;
  registryUser?: string;
  context?: string;
  cpu?: number;
  memoryMb?: number;
  sizeMb?: number;
  buildArg?: Record<string, string>;
  secret?: Record<string, Uint8Array>;
  replace?: boolean;
  wait: boolean;
}

export function templateBuildCommand(): Command {
  return newCommand({
    name: "build",
    summary:
      "build a template: one of the catalogue by its name, or your own from a Dockerfile, an image or a root file system",
    example: "pandastack template build my-app --dockerfile Dockerfile",
    more: "Files that COPY names are taken from the Dockerfile's folder, or --context; a .dockerignore there leaves some out. The password of --registry-user is taken from PANDASTACK_REGISTRY_PASSWORD; it is used for this build and kept nowhere.",
  })
    .argument("<name>", "its name, or name:tag")
    .option("-f, --dockerfile <path>", "build this Dockerfile; a folder: the one in it")
    .option(
      "--image <image>",
      "take this image: registry.example.com/name:tag, or a file or folder here that holds one",
    )
    .option("--rootfs <file>", "take this root file system: a tar archive, plain, .gz or .zst")
    .option("--registry-user <name>", "who asks the registry")
    .option("--registry <host>", "which registry that is for (default: that of the image it begins with)")
    .option("--context <folder>", "where COPY takes files from (default: the Dockerfile's folder)")
    .option("--build-arg <name=value>", "value of an ARG; repeatable", keyValues)
    .option(
      "--secret <id=name,src=path>",
      "for RUN --mount=type=secret: of a file, or id=name,env=NAME; repeatable",
      secretValues,
    )
    .option("--cpu <number>", "processors of its sandboxes", wholeNumber(1, 64))
    .option("--memory-mb <number>", "memory of its sandboxes", wholeNumber(128, 65_536))
    .option("--size-mb <number>", "disk of its sandboxes", wholeNumber(1_024, 65_536))
    .option("--replace", "put it in the place of another of this name")
    .option("--no-wait", "begin, and print the build's id")
    .action(async (name: string, options: Options) => {
      const build = await begin(name, options);
      if (options.wait) return finishBuild(build, options);
      if (options.json) printJson(build.info);
      else printLine(build.id);
    });
}

/** Shows its log until it ends, and then what came of it. */
export async function finishBuild(build: TemplateBuild, options: CommonOptions): Promise<void> {
  if (build.info.status === "queued" || build.info.status === "building") await follow(build, options);
  const info = await build.done();
  if (options.json) printJson(info);
  else printLine(`${info.name} is ready: pandastack create --template ${info.name}`);
}

export function templateBuildLogsCommand(): Command {
  return newCommand({
    name: "logs",
    summary: "print a build's log",
    example: "pandastack template logs -f tb_4f9c2a7b1d8e3a5f",
  })
    .argument("<build>", "its id")
    .option("-f, --follow", "go on until it ends")
    .action(async (id: string, options: CommonOptions & { follow?: boolean }) => {
      const build = await clientFor(options).templates.getBuild(id);
      for await (const line of build.logs({ follow: options.follow })) printLine(line);
    });
}

async function begin(name: string, options: Options): Promise<TemplateBuild> {
  const { templates } = clientFor(options);
  const ways = [options.dockerfile, options.image, options.rootfs].filter((way) => way !== undefined);
  if (ways.length > 1) throw new UsageError("--dockerfile, --image and --rootfs: one of them");
  const common = {
    replace: options.replace,
    cpu: options.cpu,
    memoryMb: options.memoryMb,
    diskMb: options.sizeMb,
    timeoutMs: 0,
    onTemplateBuild: tellTemplateBuild,
  };
  const credentials = credentialsOf(options);
  if (options.image !== undefined)
    return templates.buildImage(name, imageOf(options.image), { ...common, credentials });
  if (options.rootfs !== undefined) return templates.buildRootfs(name, options.rootfs, common);
  if (options.dockerfile === undefined) return templates.buildCatalogue(name, { onTemplateBuild: tellTemplateBuild });
  const path = dockerfileOf(options.dockerfile);
  const context = resolve(options.context ?? dirname(path));
  return templates.buildDockerfile(name, readFileSync(path, "utf8"), {
    context,
    filter: filterOf(context, path),
    buildArgs: options.buildArg,
    credentials,
    secrets: options.secret,
    ...common,
  });
}

/** What is here is sent; anything else is in a registry. */
function imageOf(given: string): string | { path: string } {
  const isPath = existsSync(given) || /^\.{0,2}\//.test(given);
  return isPath ? { path: given } : given;
}

function credentialsOf({ registry, registryUser }: Options): BuildOptions["credentials"] {
  if (registryUser === undefined) return undefined;
  const password = process.env["PANDASTACK_REGISTRY_PASSWORD"];
  if (!password) throw new UsageError("--registry-user needs the password in PANDASTACK_REGISTRY_PASSWORD");
  return { username: registryUser, password, registry };
}

/** `id=token,src=./token` or `id=token,env=TOKEN`, as `docker build` has it: a value has no place in a command line. */
function secretValues(text: string, previous: Record<string, Uint8Array> = {}): Record<string, Uint8Array> {
  const fields = new Map(text.split(",").map((pair) => [pair.split("=")[0], pair.split("=").slice(1).join("=")]));
  const [id, src, env] = [fields.get("id"), fields.get("src") ?? fields.get("source"), fields.get("env")];
  if (!id || (src === undefined) === (env === undefined))
    throw new InvalidArgumentError(`"${text}" is not of the form id=name,src=path or id=name,env=NAME.`);
  if (src !== undefined) {
    if (!existsSync(src)) throw new InvalidArgumentError(`${src}: no such file.`);
    return { ...previous, [id]: readFileSync(src) };
  }
  const value = process.env[env!];
  if (value === undefined) throw new InvalidArgumentError(`the variable ${env} is not set.`);
  return { ...previous, [id]: Buffer.from(value) };
}

function dockerfileOf(given: string): string {
  const stats = statSync(given, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`${given}: no such file or folder`);
  return stats.isDirectory() ? join(given, "Dockerfile") : given;
}

/** As Docker reads it: `<Dockerfile>.dockerignore` beside the Dockerfile, else the context's `.dockerignore`. */
function filterOf(context: string, dockerfile: string): ((path: string) => boolean) | undefined {
  const own = join(dirname(dockerfile), `${basename(dockerfile)}.dockerignore`);
  const found = [own, join(context, ".dockerignore")].find((path) => existsSync(path));
  if (found === undefined) return undefined;
  const ignore = module.default().add(readFileSync(found, "utf8"));
  return (path) => !ignore.ignores(path);
}

/** What it says goes to stderr: the answer alone is this command's output. */
async function follow(build: TemplateBuild, options: CommonOptions): Promise<void> {
  for await (const line of build.logs({ follow: true })) if (!options.json) process.stderr.write(`${line}\n`);
}
