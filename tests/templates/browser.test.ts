import { request } from "node:http";
import { PandaStack } from "@pandastack/sdk";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";

const panda = new PandaStack();
const runtime = process.env["PANDASTACK_TEMPLATE_RUNTIME"];
const only = process.env["PANDASTACK_TEMPLATES"]?.split(",");
const CDP_PORT = 9222;

/** One call over CDP, on a WebSocket of its own. */
async function ask(url: string, headers: Record<string, string>, method: string): Promise<Record<string, unknown>> {
  const socket = new WebSocket(url, { headers });
  try {
    return await new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("open", () => socket.send(JSON.stringify({ id: 1, method })));
      socket.once("message", (data) => resolve(JSON.parse((data as Buffer).toString()) as Record<string, unknown>));
    });
  } finally {
    socket.close();
  }
}

/** The names below localhost are nobody's business but the server's: a resolver need not know them. */
function get(url: URL, headers: Record<string, string>): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () => resolve(JSON.parse(text) as Record<string, string>));
    });
    asked.on("error", reject).end();
  });
}

describe.skipIf(only?.includes("browser") === false)("browser's CDP endpoint", () => {
  test("is reached through the gateway, by path and by a host of its own, with the address that was used", async () => {
    await using sandbox = await panda.sandboxes.create({ template: "browser", runtime, timeoutMs: 300_000 });
    await sandbox.commands.start("start-browser");
    const wait = `for i in $(seq 600); do curl -fs http://localhost:${CDP_PORT}/json/version && break; sleep 0.1; done`;
    expect((await sandbox.commands.run(wait, { timeoutMs: 120_000 })).stdout).toContain(
      `ws://localhost:${CDP_PORT}/devtools/browser/`,
    );
    const api = new URL(process.env["PANDASTACK_API_URL"] ?? "http://127.0.0.1:8080");
    const token = { authorization: `Bearer ${process.env["PANDASTACK_API_KEY"]}` };
    const path = `/v1/sandboxes/${sandbox.id}/proxy/${CDP_PORT}`;
    for (const { prefix, host } of [
      { prefix: path, host: api.host },
      { prefix: "", host: sandbox.ports.host(CDP_PORT) },
    ]) {
      const headers = { ...token, host };
      const { webSocketDebuggerUrl = "" } = await get(new URL(`${prefix}/json/version`, api), headers);
      expect(webSocketDebuggerUrl).toContain(`ws://${host}${prefix}/devtools/browser/`);
      const socket = webSocketDebuggerUrl.replace(`//${host}`, `//${api.host}`);
      expect(await ask(socket, headers, "Browser.getVersion")).toMatchObject({
        id: 1,
        result: { product: expect.stringMatching(/Chrome\//) },
      });
    }
  });
});
