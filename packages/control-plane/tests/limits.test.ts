import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { limitsWith, startTestServer, type Json, type TestServer } from "./support/server.ts";
import { TestSocket } from "./support/sockets.ts";

let server: TestServer;
/** A workspace of its own for every test, with a member's token. */
let slug: string;
let token: string;
let number = 0;
beforeAll(async () => (server = await startTestServer({ limits: limitsWith({ sandboxes: 20 }) })));
afterAll(() => server.stop());
beforeEach(async () => {
  slug = `limited-${++number}`;
  await server.api("POST", "/v1/workspaces", { slug });
  token = (await server.api("POST", `/v1/workspaces/${slug}/tokens`, {})).body.token;
});

const as = () => ({ token });
const set = (limits: Json) => server.api("PATCH", `/v1/workspaces/${slug}/limits`, limits);
const create = async () => (await server.api("POST", "/v1/sandboxes", {}, as())).body.id as string;

describe("a workspace's limits", () => {
  test("are read by itself and by admins, changed by admins alone, and go back to the defaults", async () => {
    const own = (await server.api("GET", "/v1/me/limits", undefined, as())).body;
    expect(own).toMatchObject({ workspace: slug, limits: { sandboxes: 20, streams: 2000 }, usage: { sandboxes: 0 } });
    expect(own).toEqual((await server.api("GET", `/v1/workspaces/${slug}/limits`)).body);
    expect((await server.api("PATCH", `/v1/workspaces/${slug}/limits`, { streams: 5 }, as())).status).toBe(403);
    expect((await set({ streams: 5, sandboxes: 7 })).body.limits).toMatchObject({ streams: 5, sandboxes: 7 });
    expect((await set({ streams: null })).body).toMatchObject({
      limits: { streams: 2000, sandboxes: 7 },
      defaults: { sandboxes: 20 },
    });
    for (const wrong of [{ streams: -1 }, { sandboxes: 1.5 }, { unknown: 1 }, { body_bytes: 1e12 }])
      expect((await set(wrong)).status, JSON.stringify(wrong)).toBe(400);
    expect((await server.api("GET", "/v1/workspaces/nobody/limits")).body.code).toBe("workspace.not_found");
    expect((await server.api("PATCH", "/v1/workspaces/nobody/limits", {})).body.code).toBe("workspace.not_found");
  });

  test("sandboxes: the last place goes to one of many, the refusal says what is so and what helps", async () => {
    await set({ sandboxes: 3 });
    const replies = await Promise.all(Array.from({ length: 8 }, () => server.api("POST", "/v1/sandboxes", {}, as())));
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(3);
    const refused = replies.find((reply) => reply.status !== 201)!;
    expect(refused).toMatchObject({
      status: 429,
      body: {
        code: "quota.sandboxes_exceeded",
        retryable: false,
        details: { limit: "sandboxes", allowed: 3, used: 3 },
      },
    });
    expect(refused.body.error).toContain(`PATCH /v1/workspaces/${slug}/limits`);
    await set({ sandboxes: 4 });
    expect((await server.api("POST", "/v1/sandboxes", {}, as())).status).toBe(201);
    expect((await server.api("GET", "/v1/me/limits", undefined, as())).body.usage).toMatchObject({
      sandboxes: 4,
      running_sandboxes: 4,
    });
  });

  test("running ones: creates, forks and wakes are refused; hibernating makes room", async () => {
    await set({ running_sandboxes: 2 });
    const [a, b] = [await create(), await create()];
    const code = "quota.running_sandboxes_exceeded";
    expect((await server.api("POST", "/v1/sandboxes", {}, as())).body.code).toBe(code);
    await server.api("POST", `/v1/sandboxes/${a}/hibernate`, undefined, as());
    expect((await server.api("POST", `/v1/sandboxes/${b}/fork`, { count: 2 }, as())).body.code).toBe(code);
    expect((await server.api("POST", `/v1/sandboxes/${b}/fork`, { count: 1 }, as())).status).toBe(201);
    expect((await server.api("POST", `/v1/sandboxes/${a}/wake`, undefined, as())).body.code).toBe(code);
    expect((await server.api("POST", `/v1/sandboxes/${a}/exec`, { cmd: "true" }, as())).body.code).toBe(code);
    expect((await server.api("GET", `/v1/sandboxes/${a}`, undefined, as())).body.status).toBe("hibernated");
    await server.api("DELETE", `/v1/sandboxes/${b}`, undefined, as());
    expect((await server.api("POST", `/v1/sandboxes/${a}/exec`, { cmd: "echo up" }, as())).body.stdout).toBe("up\n");
  });

  test("snapshots: a repeated request is no other one", async () => {
    await set({ snapshots: 1 });
    const id = await create();
    const withKey = { token, headers: { "idempotency-key": "one" } };
    const first = await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, withKey);
    expect(first.status).toBe(201);
    expect(await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, as())).toMatchObject({
      status: 429,
      body: { code: "quota.snapshots_exceeded", details: { limit: "snapshots", allowed: 1, used: 1 } },
    });
    expect((await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, withKey)).body.id).toBe(first.body.id);
    await server.api("DELETE", `/v1/snapshots/${first.body.id}`, undefined, as());
    expect((await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, as())).status).toBe(201);
  });

  test("streams and sockets that are open at a time", async () => {
    await set({ streams: 2 });
    const id = await create();
    const headers = { authorization: `Bearer ${token}` };
    const caller = new AbortController();
    const events = await fetch(`${server.url}/v1/sandboxes/${id}/events?follow=1`, { headers, signal: caller.signal });
    const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`, { headers }).open();
    const third = await server.api("POST", `/v1/sandboxes/${id}/exec/stream`, { cmd: "true" }, as());
    expect(third).toMatchObject({ status: 429, body: { code: "quota.streams_exceeded", retryable: true } });
    expect(third.headers.get("retry-after")).toBe("1");
    expect(await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/pty`, { headers }).refused()).toMatchObject({
      status: 429,
    });
    socket.socket.close();
    caller.abort();
    await events.text().catch(() => "");
    await waitFor(async () => (await server.api("GET", "/v1/me/limits", undefined, as())).body.usage.streams === 0, {
      timeoutMs: 10_000,
      message: "closed streams are still counted",
    });
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec/stream`, { cmd: "true" }, as())).status).toBe(200);
  });

  test("commands that are waited for, however they are sent", async () => {
    await set({ processes: 1 });
    const id = await create();
    const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`, {
      headers: { authorization: `Bearer ${token}` },
    }).open();
    socket.socket.send(JSON.stringify({ id: 1, cmd: "echo begun; sleep 60" }));
    await socket.untilText("begun");
    const refused = await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" }, as());
    expect(refused).toMatchObject({ status: 429, body: { code: "quota.processes_exceeded", retryable: true } });
    socket.socket.send(JSON.stringify({ id: 2, cmd: "true" }));
    await socket.untilText("quota.processes_exceeded");
    // Ended where nothing more is to be refused: how long that takes, nobody knows before.
    socket.socket.send(JSON.stringify({ id: 1, cancel: true }));
    await socket.until(() => socket.json().some((message) => message.id === 1 && "exit" in message), "it did not end");
    socket.socket.close();
    expect((await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" }, as())).status).toBe(200);
  });

  test("bodies and output", async () => {
    await set({ body_bytes: 2048, output_bytes: 4096 });
    const id = await create();
    const large = { cmd: "true", env: { FILLER: "x".repeat(4000) } };
    expect(await server.api("POST", `/v1/sandboxes/${id}/exec`, large, as())).toMatchObject({
      status: 413,
      body: { code: "validation.body_too_large" },
    });
    const { body } = await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "spew 100000" }, as());
    expect(body.stdout).toHaveLength(4096);
    expect(body.stdout_truncated).toBe(true);
  });
});
