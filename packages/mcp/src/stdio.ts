import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { PandaStack } from "@pandastack/sdk";
import { makeSandboxServer, makeWorkspaceServer } from "./server.ts";

/** Serves this process's standard streams until the input ends. What goes wrong is said on stderr: stdout is the protocol's. */
export async function serveMcpOverStdio(client: PandaStack, sandboxId: string | undefined): Promise<void> {
  const ended = new Promise<void>((resolve) => process.stdin.once("end", resolve).once("close", resolve));
  const stop = new AbortController();
  const context = { client, signal: stop.signal };
  const handle = serveStdio(
    () => (sandboxId === undefined ? makeWorkspaceServer(context) : makeSandboxServer(context, sandboxId)),
    { onerror: (error) => void process.stderr.write(`mcp: ${error.message}\n`) },
  );
  await ended;
  stop.abort();
  await handle.close();
}
