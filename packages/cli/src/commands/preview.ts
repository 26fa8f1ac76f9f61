import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { UsageError } from "../failure.ts";
import { printJson, printLine } from "../output.ts";

interface PreviewOptions extends CommonOptions {
  ttl?: number;
  path?: string[];
  public?: boolean;
  revoke?: boolean | string;
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
    .argument("[port]", "what the server listens on", wholeNumber(1))
    .option("--ttl <seconds>", "how long the link is good, at most seven days (default: 3600)", wholeNumber(1))
    .option("--path <prefix...>", "open only these paths and what is below them")
    .option("--public", "open the port to anyone who knows its address, without a link")
    .option("--revoke [link]", "take back this link, or all that were made for the sandbox, instead of making one")
    .action(async (id: string, port: number | undefined, options: PreviewOptions) => {
      const { ports } = await clientFor(options).sandboxes.get(id);
      if (options.revoke !== undefined) {
        const token = typeof options.revoke === "string" ? tokenIn(options.revoke) : undefined;
        await ports.revokePreviewLinks(token === undefined ? {} : { token });
        return options.json === true ? printJson({ revoked: true }) : undefined;
      }
      if (port === undefined) throw new UsageError("the port is missing");
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

/** Of a whole link, or the token itself. */
const tokenIn = (link: string): string =>
  /([\w-]+\.[\w-]{43})/.exec(link.replace(/^https?:\/\/[^/]*/, ""))?.[1] ?? link;
