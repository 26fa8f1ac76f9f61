import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { printJson, printLine } from "../output.ts";

interface PreviewOptions extends CommonOptions {
  ttl?: number;
  path?: string[];
  public?: boolean;
}

/** Prints an address that a browser opens: signed, or for anyone. */
export function previewCommand(): Command {
  return newCommand({
    name: "preview",
    summary: "print a link to a server in a sandbox",
    example: "pandastack preview 4f9k2m7x1q8w3e5r6t0y 3000 --ttl 600",
    more: "The link opens it for whoever has it, until it expires. With --public the port is open to anyone from now on.",
  })
    .argument("<id>", "sandbox")
    .argument("<port>", "what the server listens on", wholeNumber(1))
    .option("--ttl <seconds>", "how long the link is good, at most seven days (default: 3600)", wholeNumber(1))
    .option("--path <prefix...>", "open only these paths and what is below them")
    .option("--public", "open the port to anyone who knows its address, without a link")
    .action(async (id: string, port: number, options: PreviewOptions) => {
      const { ports } = await clientFor(options).sandboxes.get(id);
      if (options.public === true) {
        const info = await ports.add(port, { public: true });
        return options.json === true ? printJson(info) : printLine(info.preview_url);
      }
      const link = await ports.createPreviewLink(port, {
        ...(options.ttl === undefined ? {} : { ttlSeconds: options.ttl }),
        ...(options.path === undefined ? {} : { paths: options.path }),
      });
      return options.json === true ? printJson(link) : printLine(link.host_url);
    });
}
