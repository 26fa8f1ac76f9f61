import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { download } from "../copy/download.ts";
import { checkDirection, parsePlace } from "../copy/place.ts";
import { progressLine } from "../copy/progress.ts";
import { upload } from "../copy/upload.ts";
import { printJson } from "../output.ts";

export function cpCommand(): Command {
  return newCommand({
    name: "cp",
    summary: "copy files into or out of a sandbox",
    example: "pandastack cp -r ./src 4f9k2m7x1q8w3e5r6t0y:/root/src",
  })
    .argument("<from>", "a path here, or <id>:/path; - is stdin")
    .argument("<to>", "a path here, or <id>:/path; - is stdout")
    .option("-r, --recursive", "folders too")
    .action(async (fromText: string, toText: string, options: CommonOptions & { recursive?: boolean }) => {
      const [from, to] = [parsePlace(fromText), parsePlace(toText)];
      checkDirection(from, to);
      const { sandboxes } = clientFor(options);
      const progress = progressLine(fromText);
      const how = { recursive: options.recursive ?? false, onProgress: progress.show };
      const target =
        to.sandboxId === undefined
          ? await download(await sandboxes.get(from.sandboxId ?? ""), from.path, to.path, how)
          : await upload(await sandboxes.get(to.sandboxId), from.path, to.path, how);
      progress.end();
      if (options.json) printJson({ from: fromText, to: target });
    });
}
