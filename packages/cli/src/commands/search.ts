import { type Command, Option } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { ExitCode } from "../failure.ts";
import { printJson, printLine } from "../output.ts";

interface Options extends CommonOptions {
  path: string;
  glob?: string;
  files?: boolean;
  ignoreCase?: boolean;
  fixed?: boolean;
  limit: number;
}

export function searchCommand(): Command {
  return newCommand({
    name: "search",
    summary: "look for text, or with --files for files, in a sandbox; exits with 1 where nothing is found",
    example: "pandastack search 4f9k2m7x1q8w3e5r6t0y 'TODO|FIXME' --path /root/src --glob '*.ts'",
    more: "ripgrep where the sandbox has it, else grep. Binary files, .git and node_modules are left out.",
  })
    .argument("<id>", "sandbox")
    .argument("<pattern>", "a regular expression; with --files a glob")
    .option("--path <path>", "where to look", "/root")
    .option("--glob <glob>", "only in files like this")
    .addOption(new Option("--files", "look for files whose path fits the pattern").conflicts(["glob", "fixed"]))
    .option("-i, --ignore-case", "upper case is lower case")
    .option("-F, --fixed", "the pattern is plain text")
    .option("--limit <number>", "most results", wholeNumber(1, 10_000), 200)
    .action(async (id: string, pattern: string, options: Options) => {
      const { path, glob, ignoreCase, fixed: isFixed, limit } = options;
      const { search } = await clientFor(options).sandboxes.get(id);
      const found = options.files
        ? await search.glob(pattern, { path, limit })
        : await search.grep(pattern, { path, limit, glob, ignoreCase, isFixed });
      const lines =
        "paths" in found ? found.paths : found.matches.map((each) => `${each.path}:${each.line}:${each.text}`);
      if (options.json) printJson(found);
      else if (lines.length > 0) printLine(lines.join("\n"));
      if (found.isTruncated) process.stderr.write(`there are more than these ${limit}: raise --limit\n`);
      if (lines.length === 0) process.exitCode = ExitCode.failed;
    });
}
