import { afterEach, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import {
  ADMIN_TOKEN,
  limitsWith,
  startControlPlane,
  startTestServer,
  type ApiReply,
  type TestServer,
} from "./support/server.ts";

let server: TestServer;
afterEach(() => server.stop());

const many = <T>(count: number, script: T) => Array.from({ length: count }, () => script);
const statuses = (replies: readonly ApiReply[]) =>
  Object.fromEntries([...Map.groupBy(replies, (reply) => reply.status)].map(([status, all]) => [status, all.length]));

describe("more creates than the host takes", () => {
  test("200 at once: never more than the limit on the host, all served, each usable", async () => {
    server = await startTestServer({ limits: limitsWith({ sandboxes: 1000 }), hostWorkLimit: 4 });
    server.host.script("createSandbox", ...many(200, { delayMs: 5 }));
    const replies = await Promise.all(Array.from({ length: 200 }, () => server.api("POST", "/v1/sandboxes")));
    expect(statuses(replies)).toEqual({ 201: 200 });
    expect(server.host.mostCommandsAtOnce).toBe(4);
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(200);
    const used = await Promise.all(
      replies.map((reply) => server.api("POST", `/v1/sandboxes/${reply.body.id}/exec`, { cmd: "echo ok" })),
    );
    expect(used.every((reply) => reply.body.stdout === "ok\n")).toBe(true);
  });

  test("a slow host: served or told when to come again; rows and host agree on who was served", async () => {
    server = await startTestServer({ limits: limitsWith({ sandboxes: 1000 }), hostWorkLimit: 2, queueSeconds: 1 });
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    server.host.script("createSandbox", ...many(60, { after }));
    let told = 0;
    const crowd = Array.from({ length: 60 }, () => server.api("POST", "/v1/sandboxes").finally(() => (told += 1)));
    // Two are with the host, which is as slow as it takes for all others to have waited long enough.
    await waitFor(() => told === 58, { timeoutMs: 20_000, message: "somebody waits on" });
    go();
    const replies = await Promise.all(crowd);
    const refused = replies.filter((reply) => reply.status !== 201);
    expect(refused).toHaveLength(58);
    for (const reply of refused) {
      expect(reply).toMatchObject({ status: 429, body: { code: "capacity.unavailable", retryable: true } });
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
    const served = replies.filter((reply) => reply.status === 201).map((reply) => reply.body.id as string);
    expect((await server.api("GET", "/v1/sandboxes")).body.map((one: { id: string }) => one.id).sort()).toEqual(
      served.sort(),
    );
    expect([...server.host.state.sandboxes.keys()].sort()).toEqual(served.sort());
  });

  test("one workspace's crowd does not keep another waiting for its end", async () => {
    server = await startTestServer({ limits: limitsWith({ sandboxes: 1000 }), hostWorkLimit: 1 });
    await server.api("POST", "/v1/workspaces", { slug: "small" });
    const { token } = (await server.api("POST", "/v1/workspaces/small/tokens", {})).body;
    const { promise: crowded, resolve: go } = Promise.withResolvers<void>();
    server.host.script("createSandbox", { after: crowded }, ...many(40, { delayMs: 25 }));
    let crowdDone = 0;
    const crowd = Array.from({ length: 40 }, () => server.api("POST", "/v1/sandboxes").then(() => (crowdDone += 1)));
    const waiting = (count: number) =>
      waitFor(() => server.controlPlane.parts.work.depth === count, { timeoutMs: 15_000, message: "no crowd" });
    await waiting(39);
    const other = server.api("POST", "/v1/sandboxes", {}, { token });
    await waiting(40);
    go();
    expect((await other).status).toBe(201);
    expect(crowdDone).toBeLessThan(10);
    await Promise.all(crowd);
  });

  test("a client that went away leaves the queue: nothing is made for it", async () => {
    server = await startTestServer({ hostWorkLimit: 1 });
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    server.host.script("createSandbox", { after });
    const first = server.api("POST", "/v1/sandboxes");
    const { work } = server.controlPlane.parts;
    await waitFor(() => work.inFlight === 1, { timeoutMs: 10_000, message: "not begun" });
    const caller = new AbortController();
    const gone = fetch(`${server.url}/v1/sandboxes`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: caller.signal,
    });
    gone.catch(() => {});
    await waitFor(() => work.depth === 1, { timeoutMs: 10_000, message: "not waiting" });
    caller.abort();
    await waitFor(() => work.depth === 0, { timeoutMs: 10_000, message: "still waiting" });
    go();
    await first;
    expect((await server.api("POST", "/v1/sandboxes")).status).toBe(201);
    expect(server.host.state.done["createSandbox"]).toBe(2);
  });

  test("forks, trees and wakes wait in it, too, and a wake by use", async () => {
    server = await startTestServer({ hostWorkLimit: 1, queueSeconds: 1 });
    const { body } = await server.api("POST", "/v1/sandboxes");
    const sleeper = (await server.api("POST", "/v1/sandboxes")).body.id as string;
    await server.api("POST", `/v1/sandboxes/${sleeper}/hibernate`);
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    server.host.script("createSandbox", { after });
    const first = server.api("POST", "/v1/sandboxes");
    await waitFor(() => server.controlPlane.parts.work.inFlight === 1, { timeoutMs: 10_000, message: "not begun" });
    const replies = await Promise.all([
      server.api("POST", `/v1/sandboxes/${body.id}/fork`, { count: 3 }),
      server.api("POST", `/v1/sandboxes/${body.id}/fork-tree`, { count: 2 }),
      server.api("POST", `/v1/sandboxes/${sleeper}/wake`),
      server.api("POST", `/v1/sandboxes/${sleeper}/exec`, { cmd: "true" }),
    ]);
    for (const reply of replies) expect(reply).toMatchObject({ status: 429, body: { code: "capacity.unavailable" } });
    expect((await server.api("GET", `/v1/sandboxes/${sleeper}`)).body.status).toBe("hibernated");
    go();
    await first;
    expect((await server.api("POST", `/v1/sandboxes/${sleeper}/exec`, { cmd: "echo up" })).body.stdout).toBe("up\n");
    expect((await server.api("GET", "/metrics", undefined, { token: null })).body).toContain("sandbox_queue_depth 0");
  });

  test("two control planes share what the host takes", async () => {
    server = await startTestServer({ limits: limitsWith({ sandboxes: 1000 }), hostWorkLimit: 4 });
    const other = await startControlPlane({
      databaseUrl: server.database.url,
      hostSocket: server.host.socketPath,
      limits: limitsWith({ sandboxes: 1000 }),
      hostWorkLimit: 4,
    });
    try {
      await waitFor(() => [server.controlPlane, other.controlPlane].every(({ parts }) => parts.presence.planes === 2), {
        timeoutMs: 10_000,
        message: "they do not know of each other",
      });
      server.host.script("createSandbox", ...many(60, { delayMs: 5 }));
      const replies = await Promise.all(
        Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? server : other).api("POST", "/v1/sandboxes")),
      );
      expect(statuses(replies)).toEqual({ 201: 60 });
      expect(server.host.mostCommandsAtOnce).toBe(4);
    } finally {
      await other.controlPlane.stop();
    }
  });
});
