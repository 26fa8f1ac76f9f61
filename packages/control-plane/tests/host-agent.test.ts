import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { startControlPlane } from "./support/server.ts";
import { collect, openStream, readEvents } from "./support/server-sent-events.ts";
import { TestSocket } from "./support/sockets.ts";

let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 20_000,
    message: "not ready",
  });
});
afterAll(async () => {
  await server.controlPlane.stop();
  await agent.remove();
  await database.drop();
});

const create = async (body: unknown = {}): Promise<string> => {
  const reply = await server.api("POST", "/v1/sandboxes", body);
  expect(reply.body, JSON.stringify(reply.body)).toMatchObject({ status: "running" });
  return reply.body.id;
};
const exec = async (id: string, cmd: string) => (await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd })).body;

describe("the real host agent, on its fake runtime", () => {
  test("a sandbox's whole life", async () => {
    const id = await create({ env: { WHO: "panda" } });
    expect(await exec(id, "echo $WHO")).toMatchObject({ stdout: "panda\n", exit_code: 0 });
    expect(await exec(id, "exit 3")).toMatchObject({ exit_code: 3 });
    expect(await exec(id, "nosuchcommand")).toMatchObject({ exit_code: 127 });
    expect((await server.api("PUT", `/v1/sandboxes/${id}/fs?path=/tmp/deep/file`, "content")).body).toMatchObject({
      bytes: 7,
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/fs?path=/tmp/deep/file`)).body).toBe("content");
    expect((await server.api("GET", `/v1/sandboxes/${id}/fs/dir?path=/tmp/deep`)).body.entries).toMatchObject([
      { name: "file", size: 7, is_dir: false },
    ]);
    expect((await server.api("GET", `/v1/sandboxes/${id}/fs/stat?path=/none`)).status).toBe(404);
    expect((await server.api("DELETE", `/v1/sandboxes/${id}/fs?path=/tmp/deep&recursive=1`)).status).toBe(204);

    await server.api("POST", `/v1/sandboxes/${id}/pause`);
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).status).toBe(409);
    await server.api("POST", `/v1/sandboxes/${id}/resume`);
    await exec(id, "echo kept > /tmp/kept");
    expect((await server.api("POST", `/v1/sandboxes/${id}/hibernate`)).body).toEqual({ status: "hibernated" });
    expect(await exec(id, "cat /tmp/kept")).toMatchObject({ stdout: "kept\n" });

    const snapshot = (await server.api("POST", `/v1/sandboxes/${id}/snapshots`)).body;
    const restored = await create({ from_snapshot: snapshot.id });
    expect(await exec(restored, "cat /tmp/kept")).toMatchObject({ stdout: "kept\n" });
    expect(snapshot).toMatchObject({ parent_snapshot_id: null, unique_bytes: expect.any(Number) });
    expect((await server.api("POST", `/v1/sandboxes/${restored}/snapshots`)).body).toMatchObject({
      sandbox_id: restored,
      parent_snapshot_id: snapshot.id,
      unique_bytes: expect.any(Number),
    });
    const fork = await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 2 });
    expect(fork.body.children).toHaveLength(2);
    expect(await exec(fork.body.id, "cat /tmp/kept; echo $WHO")).toMatchObject({ stdout: "kept\npanda\n" });

    await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${id}/events`)).body.events.length > 3, {
      timeoutMs: 10_000,
      message: "events are missing",
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/metrics`)).status).toBe(200);
    expect((await server.api("GET", `/v1/sandboxes/${id}/ports`)).status).toBe(200);
    expect((await server.api("GET", `/v1/sandboxes/${id}/logs`)).status).toBe(200);
    for (const one of [id, restored, ...fork.body.children.map((child: { id: string }) => child.id)])
      expect((await server.api("DELETE", `/v1/sandboxes/${one}`)).status).toBe(204);
    expect((await server.api("DELETE", `/v1/snapshots/${snapshot.id}`)).status).toBe(200);
  });

  test("streams, terminals and processes", async () => {
    const id = await create();
    const base = `${server.url}/v1/sandboxes/${id}`;
    expect(
      await collect(readEvents(await openStream(`${base}/exec/stream`, { cmd: "echo a; echo b >&2; exit 5" }))),
    ).toEqual([
      { event: "stdout", data: { chunk: "a\n" } },
      { event: "stderr", data: { chunk: "b\n" } },
      { event: "exit", data: { exit_code: 5, signal: null, duration_ms: expect.any(Number) } },
    ]);
    expect(
      await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 30", timeout_seconds: 0.3 }),
    ).toMatchObject({ status: 504, body: { exit_code: 124 } });
    const { body } = await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 30", detach: true });
    expect((await server.api("GET", `/v1/sandboxes/${id}/processes/${body.id}`)).body).toMatchObject({ running: true });
    expect(
      (await server.api("POST", `/v1/sandboxes/${id}/processes/${body.pid}/signal`, { signal: "KILL" })).status,
    ).toBe(204);
    await waitFor(
      async () => (await server.api("GET", `/v1/sandboxes/${id}/processes/${body.id}`)).body.running === false,
      { timeoutMs: 10_000, message: "not killed" },
    );
    const terminal = await new TestSocket(`${base}/ssh?rows=30&cols=100`).open();
    terminal.socket.send(Buffer.from("exit 6\n"));
    expect((await terminal.untilClosed()).code).toBe(1000);
    expect(await new TestSocket(`${base}/processes/none/ws`).refused()).toMatchObject({
      status: 404,
      body: { code: "process.not_found" },
    });
  });

  test("killed and started again: sandboxes that it adopts are driven again", async () => {
    const id = await create({ persistent: true });
    await exec(id, "echo still > /tmp/still");
    await agent.kill("SIGTERM");
    await agent.start();
    await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
      timeoutMs: 20_000,
      message: "not ready again",
    });
    expect(await exec(id, "cat /tmp/still")).toMatchObject({ stdout: "still\n", exit_code: 0 });
  });
});
