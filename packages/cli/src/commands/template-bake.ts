import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { printJson, printLine } from "../output.ts";
import { finishBuild } from "./template-build.ts";

interface Options extends CommonOptions {
  start?: string;
  ready?: string;
  replace?: boolean;
  wait: boolean;
}

export function templateBakeCommand(): Command {
  return newCommand({
    name: "bake",
    summary: "make a template of a sandbox's files as they are now",
    example: "pandastack template bake 4f9k2m7x1q8w3e5r6t0y my-app --start 'python3 /srv/app.py'",
    more: "Its processes and its memory are not in the template: --start says what runs in sandboxes that are made of it.",
  })
    .argument("<id>", "sandbox")
    .argument("<name>", "the template's name")
    .option(
      "--start <command>",
      "runs in its sandboxes from the first moment (default: what the sandbox's template starts)",
    )
    .option("--ready <command>", "tried until it ends with 0; only then is the template ready")
    .option("--replace", "put it in the place of another of this name")
    .option("--no-wait", "begin, and print the build's id")
    .action(async (id: string, name: string, options: Options) => {
      const { start, ready, replace } = options;
      const sandbox = await clientFor(options).sandboxes.get(id);
      const build = await sandbox.bakeImage(name, { start, ready, replace, wait: false });
      if (options.wait) return finishBuild(build, options);
      if (options.json) printJson(build.info);
      else printLine(build.id);
    });
}
