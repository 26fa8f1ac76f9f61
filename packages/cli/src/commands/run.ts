import type { Command } from "commander";
import { clientFor, newCommand, several, wholeNumber } from "../command.ts";
import { execute } from "../execution.ts";
import { filesNamedIn, placeFor, WORK_FOLDER } from "../copy/work-folder.ts";
import { toShell } from "../shell-words.ts";
import { tellTemplateBuild } from "../template-progress.ts";
import { type ExecOptions, withExecutionOptions } from "./exec.ts";

interface Options extends ExecOptions {
  template?: string;
  snapshot?: string;
  upload: string[];
  files: boolean;
  ttl: number;
  keep?: boolean;
}

/** Removes what a killed run leaves: nobody else would. */
const TTL_SECONDS = 300;

export function runCommand(): Command {
  const command = newCommand({
    name: "run",
    summary: "run a command in a sandbox of its own, which is removed afterwards",
    example: "pandastack run -- python3 script.py data.csv",
    more: `Creates a sandbox, copies in the files that the command names (and what --upload says), runs the command in ${WORK_FOLDER}, passes its output on and exits as it does.`,
  })
    .argument("<command...>", "one word is a shell line; several are a program and its arguments. Put -- before it")
    .option("--template <name>", "what the sandbox starts from (default: the server's, base)")
    .option("--snapshot <id>", "start from a snapshot instead")
    .option("--upload <path>", "a file or folder below this one to copy in; repeatable", several, [])
    .option("--no-files", "leave files that the command names where they are")
    .option("--ttl <seconds>", "remove the sandbox after this long without use", wholeNumber(1), TTL_SECONDS)
    .option("--keep", "leave the sandbox there, and print its id on stderr");
  return withExecutionOptions(command).action(async (words: string[], options: Options) => {
    const uploads = [...options.upload, ...(options.files ? filesNamedIn(words) : [])].map((path) => placeFor(path));
    const sandbox = await clientFor(options).sandboxes.create({
      template: options.template,
      fromSnapshot: options.snapshot,
      ttlSeconds: options.ttl,
      metadata: { "created-by": "pandastack run" },
      onTemplateBuild: tellTemplateBuild,
    });
    try {
      await sandbox.files.mkdir(WORK_FOLDER);
      for (const { from, to } of uploads) await sandbox.files.upload(from, to);
      const how = { ...options, cwd: options.cwd ?? WORK_FOLDER, keep: false };
      process.exitCode = await execute(sandbox, toShell(words), how);
    } finally {
      if (options.keep) process.stderr.write(`sandbox: ${sandbox.id}\n`);
      else await sandbox.kill();
    }
  });
}
