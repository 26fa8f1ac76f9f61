import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
// Vitest's own bundler.
import { rolldown } from "rolldown";
import { type FakeServer, startFakeServer } from "./support/fake-server.ts";

const SDK = join(import.meta.dirname, "../../sdk/src/index.ts");

let server: FakeServer;
let code = "";
const warnings: string[] = [];
beforeAll(async () => {
  server = await startFakeServer();
  const onLog = (_level: string, { message }: { message: string }) => void warnings.push(message);
  const bundle = await rolldown({ input: SDK, platform: "browser", onLog });
  const { output } = await bundle.generate({ format: "iife", name: "pandastack", codeSplitting: false });
  code = output[0].code;
});
afterAll(() => server.stop());

test("a bundle for pages has nothing of Node in it", () => {
  expect(warnings).toEqual([]);
  expect(code).not.toMatch(/["'](node:|ws["'])/);
  expect(code).not.toMatch(/\brequire\(|\bprocess\.(env|pid)|\bBuffer\./);
});

/** What every page has, and nothing else: no `process`, no `Buffer`, no `require`. */
const WEB = [
  ...["fetch", "Headers", "Request", "Response", "FormData", "Blob", "URL", "URLSearchParams", "WebSocket", "crypto"],
  ...["AbortController", "AbortSignal", "Event", "EventTarget", "MessageEvent", "DOMException", "performance"],
  ...["ReadableStream", "WritableStream", "TransformStream", "TextEncoder", "TextDecoder", "ArrayBuffer", "Uint8Array"],
  ...["setTimeout", "clearTimeout", "setInterval", "clearInterval", "queueMicrotask", "console"],
] as const;

const page = () => createContext(Object.fromEntries(WEB.map((name) => [name, globalThis[name]])));

test("works in a page: commands, sockets, terminals, files, changes, forks", async () => {
  const text = readFileSync(join(import.meta.dirname, "support/client-scenario.js"), "utf8").replaceAll("export ", "");
  const given = JSON.stringify({ url: server.url, token: server.token });
  const program = `${code}\n${text}\n(async () => JSON.stringify([await scenario(pandastack, ${given}), EXPECTED]))()`;
  const [found, expected] = JSON.parse(await runInContext(program, page()));
  expect(found).toEqual(expected);
});

test("says what a page cannot do, and what does it instead", async () => {
  const program = `${code}
    const panda = new pandastack.PandaStack({ baseUrl: ${JSON.stringify(server.url)}, apiKey: ${JSON.stringify(server.token)} });
    (async () => {
      const sandbox = await panda.sandboxes.create({ ttlSeconds: 60 });
      const hints = await Promise.all([
        sandbox.files.upload("a", "/root/a").catch((error) => error.message),
        sandbox.ports.connect(3000).catch((error) => error.message),
        new pandastack.PandaStack({ baseUrl: ${JSON.stringify(server.url)} }).sandboxes.list().toArray().catch((error) => error.code),
      ]);
      await sandbox.kill();
      return JSON.stringify(hints);
    })()`;
  expect(JSON.parse(await runInContext(program, page()))).toEqual([
    expect.stringContaining("files.write"),
    expect.stringContaining("createPreviewLink"),
    "auth.missing_token",
  ]);
});

test("pages of any origin may ask: what the SDK sends is allowed, what it reads is shown", async () => {
  const asked = "authorization,content-type,idempotency-key";
  const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
  const preflight = await fetch(`${server.url}/v1/sandboxes`, {
    method: "OPTIONS",
    headers: { ...headers, "access-control-request-headers": asked },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-headers")).toBe(asked);
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
    expect(preflight.headers.get("access-control-allow-methods")).toContain(method);
  expect(preflight.headers.get("access-control-expose-headers")).toContain("x-pandastack-process");
});
