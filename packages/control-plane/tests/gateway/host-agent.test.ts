import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ask } from "../support/http.ts";
import { AUTHORISED } from "../support/inside.ts";
import { createTestDatabase } from "../support/database.ts";
import { FakeHostAgent } from "../support/fake-host.ts";
import { startControlPlane } from "../support/server.ts";
import { TestSocket } from "../support/sockets.ts";

/** The real host agent on its fake runtime: its `listen` says back what it hears. */
let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let id: string;
beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 20_000,
    message: "not ready",
  });
  id = (await server.api("POST", "/v1/sandboxes")).body.id;
  await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "listen 7000", detach: true });
  await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${id}/ports`)).body.length === 1, {
    timeoutMs: 10_000,
    message: "it does not listen",
  });
});
afterAll(async () => {
  await server.controlPlane.stop();
  await agent.remove();
  await database.drop();
});

test("bytes go through its tunnel and back, piece by piece and a lot of them", async () => {
  const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/tcp/7000`).open();
  socket.socket.send(Buffer.from("hello"));
  await socket.untilText("hello");
  const bytes = Buffer.alloc(500_000, "abcdefgh");
  for (let at = 0; at < bytes.length; at += 50_000) socket.socket.send(bytes.subarray(at, at + 50_000));
  await socket.until(() => socket.text.length === 5 + bytes.length, "not all came back");
  expect(socket.text.slice(5)).toBe(bytes.toString());
  const closed = once(socket.socket, "close");
  socket.socket.close();
  await closed;
});

test("its refusals are answers", async () => {
  const reply = await ask(server.url, `/v1/sandboxes/${id}/proxy/7001/`, { headers: AUTHORISED });
  expect([reply.status, JSON.parse(reply.text).code]).toEqual([502, "port.connection_refused"]);
  const echoed = await ask(server.url, `/v1/sandboxes/${id}/proxy/7000/`, { headers: AUTHORISED });
  expect([echoed.status, JSON.parse(echoed.text).code]).toEqual([502, "gateway.bad_response"]);
});

test("open tunnels do not keep it from stopping", async () => {
  const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/tcp/7000`).open();
  socket.socket.send(Buffer.from("hello"));
  await socket.untilText("hello");
  await agent.kill("SIGTERM");
  await socket.untilClosed();
});
