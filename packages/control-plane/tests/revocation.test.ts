import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { startControlPlane, startTestServer, type TestServer } from "./support/server.ts";
import { TestSocket } from "./support/sockets.ts";

/** "At once", with the time that a busy machine takes to say so; what is open would go on for a minute. */
const AT_ONCE_MS = 12_500;

let server: TestServer;
let other: Awaited<ReturnType<typeof startControlPlane>>;
beforeAll(async () => {
  server = await startTestServer();
  other = await startControlPlane({ databaseUrl: server.database.url, hostSocket: server.host.socketPath });
});
afterAll(async () => {
  await other.controlPlane.stop();
  await server.stop();
});

/** Everything that a token can hold open in a sandbox. */
async function holdOpen(token: string, id: string) {
  const headers = { authorization: `Bearer ${token}` };
  const open = (path: string, body?: unknown) =>
    fetch(server.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const stream = open(`/v1/sandboxes/${id}/exec/stream`, { cmd: "echo begun; sleep 60" }).then((reply) => reply.text());
  const command = open(`/v1/sandboxes/${id}/exec`, { cmd: "sleep 60" }).then((reply) => reply.status);
  const events = open(`/v1/sandboxes/${id}/events?follow=1`).then((reply) => reply.text());
  const logs = open(`/v1/sandboxes/${id}/logs?follow=1`).then((reply) => reply.text());
  const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`, { headers }).open();
  const terminal = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/pty`, { headers }).open();
  await waitFor(() => server.host.state.sandbox(id).processes.length >= 3, {
    timeoutMs: 10_000,
    message: "not everything is open",
  });
  return {
    ended: Promise.all([stream, command.catch(() => 401), events, logs].map((one) => one.catch(() => ""))),
    stream,
    socket,
    terminal,
  };
}

describe.each(["through the same control plane", "through another one", "by expiry"])("a token revoked %s", (how) => {
  test("ends what is open with it, and nothing else", async () => {
    const { token, prefix } = (await server.api("POST", "/v1/me/tokens", { role: "member" })).body;
    const { id } = (await server.api("POST", "/v1/sandboxes")).body;
    const mine = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`).open();
    const held = await holdOpen(token, id);
    const begun = performance.now();
    if (how === "by expiry") {
      await server.database.query(`update tokens set expires_at = now() where prefix = '${prefix}'`);
    } else {
      const via = how === "through another one" ? other.api : server.api;
      expect((await via("DELETE", `/v1/me/tokens/${prefix}`)).status).toBe(204);
    }
    await held.ended;
    expect(await held.stream).toContain("auth.token_revoked");
    expect((await held.socket.untilClosed()).code).toBe(1008);
    expect((await held.terminal.untilClosed()).code).toBeGreaterThan(1000);
    expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
    expect((await server.api("GET", "/v1/me", undefined, { token })).status).toBe(401);

    expect(mine.closed).toBeUndefined();
    mine.socket.send(JSON.stringify({ id: 1, cmd: "echo still here" }));
    await mine.untilText("still here");
    mine.socket.close();
    // The streams' processes go on: it was the caller who had to go.
    expect(server.host.state.sandbox(id).processes.some((process) => process.running)).toBe(true);
  });
});

test("a token that revokes itself gets its answer", async () => {
  const { token, prefix } = (await server.api("POST", "/v1/me/tokens", { role: "admin" })).body;
  expect((await server.api("DELETE", `/v1/me/tokens/${prefix}`, undefined, { token })).status).toBe(204);
  expect((await server.api("GET", "/v1/me", undefined, { token })).status).toBe(401);
});
