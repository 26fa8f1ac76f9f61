import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";

export function mcpCommand(): Command {
  return newCommand({
    name: "mcp",
    summary: "offer sandboxes to a model as tools, over MCP on stdin and stdout",
    example: "pandastack mcp --sandbox 4f9k2m7x1q8w3e5r6t0y",
    more: [
      "For clients that start their servers themselves: `claude mcp add pandastack -- pandastack mcp`. Others reach the same tools at /mcp of the server, with the",
      "token as a bearer token. Ends when the input does. stdout is the protocol's: --json changes nothing.",
    ].join(" "),
  })
    .option("--sandbox <id>", "only this sandbox: a shell, files, search")
    .action(async (options: CommonOptions & { sandbox?: string }) => {
      // Loaded here: no other command needs it.
      const { serveMcpOverStdio } = await import("@pandastack/mcp/stdio");
      const client = clientFor(options);
      // A wrong token or sandbox is said now, not in the middle of a conversation.
      if (options.sandbox === undefined) await client.tokens.me();
      else await client.sandboxes.get(options.sandbox);
      await serveMcpOverStdio(client, options.sandbox);
    });
}
