import { chmodSync, cpSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Cache } from "../../cache/cache.ts";
import { hashParts, hashSources } from "../../cache/hash.ts";
import type { StepContext } from "../../steps/step.ts";
import { runTool } from "../../tools/run-tool.ts";
import { obtainGo } from "../go-toolchain.ts";
import { CALLER, describeRunsc, SIDECARS, type RunscOutcome } from "./outcome.ts";

const RECIPE_VERSION = "1";
const GVISOR = "gvisor.dev/gvisor";
/** Of `native/runsc`: what the build is made of. */
const SOURCES = ["go.mod", "go.sum", "prepare", "call", "prewarm.c"];

export async function buildRecipe(module: string): Promise<string> {
  return hashParts(RECIPE_VERSION, await hashSources(...SOURCES.map((name) => join(module, name))));
}

/** Builds runsc and what belongs beside it into `folder`; see `native/runsc/README.md`. */
export async function buildRunsc(
  cache: Cache,
  module: string,
  folder: string,
  context: StepContext,
): Promise<RunscOutcome> {
  const { log } = context;
  const { oldestGo, version } = readGoMod(module);
  const go = await obtainGo(cache, oldestGo, context);
  const work = join(folder, "work");
  const ours = join(work, "module");
  const env = goEnvironment(join(work, "go"));
  const run = (...args: string[]): Promise<string> => runTool(go, args, { log, cwd: ours, env });
  try {
    mkdirSync(ours, { recursive: true });
    for (const name of SOURCES) cpSync(join(module, name), join(ours, name), { recursive: true });
    const { Dir: fetched } = JSON.parse(await run("mod", "download", "-json", GVISOR)) as { Dir: string };
    // Checked against go.sum when it was fetched; from here on it is ours to change.
    renameSync(fetched, join(work, "gvisor"));
    await run("mod", "edit", `-replace=${GVISOR}=../gvisor`);
    await run("run", "./prepare", "../gvisor");
    const linker = `-s -w -X ${GVISOR}/runsc/version.version=${version}`;
    await run("build", "-trimpath", "-ldflags", linker, "-o", join(folder, "runsc"), `${GVISOR}/runsc`);
    await addSidecars(folder, join(ours, "prewarm.c"), log);
    await run("build", "-trimpath", "-ldflags", "-s -w", "-o", join(folder, SIDECARS, CALLER), "./call");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return describeRunsc(folder, "built");
}

/** gVisor's commit is dated: the date is what a person can compare. */
function readGoMod(module: string): { oldestGo: string; version: string } {
  const text = readFileSync(join(module, "go.mod"), "utf8");
  const oldestGo = /^go (\S+)$/m.exec(text)?.[1];
  const date = /gvisor\.dev\/gvisor v0\.0\.0-(\d{8})\d{6}-[0-9a-f]{12}/.exec(text)?.[1];
  if (oldestGo === undefined || date === undefined) throw new Error(`${module}/go.mod names no Go or no gVisor`);
  return { oldestGo, version: `pandastack-${date}` };
}

/** Its own caches, gone with the build; no other toolchain, whatever a user's settings say. */
function goEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    GOFLAGS: "-modcacherw",
    CGO_ENABLED: "0",
    GOOS: "linux",
    GOARCH: "amd64",
    GOPATH: home,
    GOMODCACHE: join(home, "mod"),
    GOCACHE: join(home, "cache"),
  };
}

/** Without them runsc starts the sentry from itself: that works, is slower, and is announced to end. */
async function addSidecars(folder: string, prewarm: string, log: (text: string) => void): Promise<void> {
  const sidecars = join(folder, SIDECARS);
  mkdirSync(sidecars);
  linkSync(join(folder, "runsc"), join(sidecars, "gvisor_sentry"));
  const prewarmer = join(sidecars, "gvisor-sentry-prewarmer");
  await runTool("gcc", ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", prewarmer, prewarm], { log });
  chmodSync(prewarmer, 0o755);
}
