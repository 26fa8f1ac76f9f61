import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { freePort } from "../../packages/platform/tests/support/free-port.ts";

const RELAY = fileURLToPath(new URL("../../templates/browser/cdp-relay.ts", import.meta.url));

/** Answers as Chromium does: only to localhost, with its own address in what it says. */
let browser: Server;
let relay: ChildProcess;
let port = 0;
let lastUpgrade: IncomingHttpHeaders = {};
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  browser = createServer((request, response) => {
    const { host = "" } = request.headers;
    if (!host.startsWith("127.0.0.1")) return void response.writeHead(500).end("Host header is specified");
    const list = { webSocketDebuggerUrl: `ws://${host}/devtools/browser/1`, devtoolsFrontendUrl: `/x?ws=${host}/page` };
    response.writeHead(200, { "content-type": "application/json; charset=UTF-8" }).end(JSON.stringify(list));
  });
  new WebSocketServer({ server: browser }).on("connection", (socket, request) => {
    lastUpgrade = request.headers;
    socket.on("message", (data) => socket.send(`${request.url}: ${(data as Buffer).toString()}`));
  });
  await new Promise<void>((resolve) => browser.listen(0, "127.0.0.1", resolve));
  port = await freePort();
  relay = spawn(process.execPath, [RELAY, String(port), String(portOf(browser))], { stdio: "inherit" });
  for (let round = 0; round < 200; round++) {
    if (
      await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      )
    )
      return;
    await delay(50);
  }
  throw new Error("the relay does not listen");
});

afterAll(async () => {
  relay.kill();
  browser.closeAllConnections();
  await new Promise<void>((resolve) => browser.close(() => resolve()));
});

const version = async (headers: Record<string, string> = {}) =>
  (await (await fetch(`http://127.0.0.1:${port}/json/version`, { headers })).json()) as Record<string, string>;

test("its own address, where nobody has passed the call on", async () => {
  expect(await version()).toEqual({
    webSocketDebuggerUrl: `ws://127.0.0.1:${port}/devtools/browser/1`,
    devtoolsFrontendUrl: `/x?ws=127.0.0.1:${port}/page`,
  });
});

test("the gateway's address, with its scheme and the path before", async () => {
  const headers = {
    "x-forwarded-host": "api.example.com",
    "x-forwarded-proto": "https",
    "x-forwarded-prefix": "/v1/sandboxes/abc/proxy/9222",
  };
  expect(await version(headers)).toEqual({
    webSocketDebuggerUrl: "wss://api.example.com/v1/sandboxes/abc/proxy/9222/devtools/browser/1",
    devtoolsFrontendUrl: "/x?wss=api.example.com/v1/sandboxes/abc/proxy/9222/page",
  });
});

test("WebSockets go through, by the browser's own name, and pages' origins are not hidden from it", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/devtools/browser/1`, {
    headers: { host: "9222-abc.example.com", origin: "https://evil.example" },
  });
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("message", (data) => resolve((data as Buffer).toString()));
    socket.once("error", reject);
  });
  socket.once("open", () => socket.send("hello"));
  expect(await answer).toBe("/devtools/browser/1: hello");
  expect(lastUpgrade).toMatchObject({ host: `127.0.0.1:${portOf(browser)}`, origin: "https://evil.example" });
  socket.close();
});
