import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";
import { collect, openStream, readEvents } from "./support/server-sent-events.ts";

let server: TestServer;
let id: string;
beforeAll(async () => {
  server = await startTestServer();
  id = (await server.api("POST", "/v1/sandboxes", { metadata: { "port.8000": "api" } })).body.id;
});
afterAll(() => server.stop());

describe("events", () => {
  test("under every name that clients know; tail and since cut", async () => {
    await server.api("POST", `/v1/sandboxes/${id}/pause`);
    await server.api("POST", `/v1/sandboxes/${id}/resume`);
    await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${id}/events`)).body.events.length >= 3, {
      timeoutMs: 10_000,
      message: "events are missing",
    });
    const { events } = (await server.api("GET", `/v1/sandboxes/${id}/events`)).body;
    expect(events.map((event: { type: string }) => event.type)).toEqual([
      "sandbox.running",
      "sandbox.paused",
      "sandbox.resumed",
    ]);
    const [first] = events;
    expect(first).toMatchObject({
      sandbox_id: id,
      type: "sandbox.running",
      code: "sandbox.running",
      payload: { boot_mode: "snapshot" },
      data: { boot_mode: "snapshot" },
      metadata: { boot_mode: "snapshot" },
    });
    expect(first.time).toBe(first.ts);
    expect(first.time).toBe(first.timestamp);
    expect(
      (await server.api("GET", `/v1/sandboxes/${id}/events?tail=1`)).body.events.map(
        (event: { type: string }) => event.type,
      ),
    ).toEqual(["sandbox.resumed"]);
    expect((await server.api("GET", `/v1/sandboxes/${id}/events?since=${first.id}`)).body.events).toHaveLength(2);
    expect(await server.api("GET", `/v1/sandboxes/${id}/events?tail=-1`)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^tail: /) },
    });
  });

  test("followed: what was, what comes, and the end with the sandbox", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    const events = readEvents(await openStream(`${server.url}/v1/sandboxes/${body.id}/events?follow=1`));
    expect((await events.next()).value).toMatchObject({ event: "event", data: { type: "sandbox.running" } });
    await server.api("POST", `/v1/sandboxes/${body.id}/hibernate`);
    expect((await events.next()).value).toMatchObject({ event: "event", data: { type: "sandbox.hibernated" } });
    await server.api("DELETE", `/v1/sandboxes/${body.id}`);
    expect((await collect(events)).map(({ data }) => data.type)).toEqual(["sandbox.deleted"]);
  });

  test("followed again: everything since the last one that was had, once", async () => {
    const { id: other } = (await server.api("POST", "/v1/sandboxes")).body;
    await server.api("POST", `/v1/sandboxes/${other}/pause`);
    await server.api("POST", `/v1/sandboxes/${other}/resume`);
    await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${other}/events`)).body.events.length === 3, {
      timeoutMs: 10_000,
      message: "events are missing",
    });
    const all = (await server.api("GET", `/v1/sandboxes/${other}/events`)).body.events;
    const again = await fetch(`${server.url}/v1/sandboxes/${other}/events?follow=1&tail=1`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "last-event-id": String(all[0].id) },
    });
    await server.api("DELETE", `/v1/sandboxes/${other}`);
    const text = await again.text();
    const ids = [...text.matchAll(/^id: (\d+)\nevent: event$/gm)].map((match) => Number(match[1]));
    expect(ids.slice(0, 2)).toEqual([all[1].id, all[2].id]);
    expect(ids).toHaveLength(3);
  });

  test("a tree's parent and winner have theirs", async () => {
    const tree = (await server.api("POST", `/v1/sandboxes/${id}/fork-tree`)).body;
    const winner = tree.children[0].id;
    await server.api("POST", `/v1/sandboxes/${winner}/promote`, { cleanup_siblings: true });
    const types = async (of: string) =>
      (await server.api("GET", `/v1/sandboxes/${of}/events`)).body.events.map((event: { type: string }) => event.type);
    expect(await types(id)).toContain("fork_tree.completed");
    expect(await types(winner)).toContain("fork_tree.promoted");
  });

  test("are stored once, though the host is asked again and again", async () => {
    await server.host.kill();
    await server.host.start();
    await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
      timeoutMs: 10_000,
      message: "not ready",
    });
    const { body } = await server.api("POST", "/v1/sandboxes");
    await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${body.id}/events`)).body.events.length === 1, {
      timeoutMs: 10_000,
      message: "not one event",
    });
    const { rows } = await server.database.query("select seq from events where seq is not null order by seq");
    expect(rows.map((row) => Number(row["seq"]))).toEqual(
      server.host.state.events.filter((event) => event.sandboxId !== null).map((event) => event.seq),
    );
  });
});

describe("logs", () => {
  test("text, and its last lines", async () => {
    server.host.state.sandbox(id).console.text = "one\ntwo\nthree\n";
    const logs = await server.api("GET", `/v1/sandboxes/${id}/logs?stream=both&follow=0`);
    expect(logs.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(logs.body).toBe("one\ntwo\nthree\n");
    expect((await server.api("GET", `/v1/sandboxes/${id}/logs?tail=2`)).body).toBe("two\nthree\n");
    expect(server.host.requests.some((request) => request.includes("stream=both"))).toBe(true);
  });

  test("followed: lines as they come, whatever they look like", async () => {
    const lines = ["event: done", "end", "   spaces", '{"error":"not one"}', "plain"];
    server.host.state.sandbox(id).console.text = `${lines[0]}\n`;
    const response = await openStream(`${server.url}/v1/sandboxes/${id}/logs?follow=1`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = readEvents(response);
    expect((await events.next()).value).toEqual({ event: "line", data: { line: "event: done" } });
    server.host.state.sandbox(id).console.text += `${lines.slice(1).join("\n")}\n`;
    for (const line of lines.slice(1)) expect((await events.next()).value).toEqual({ event: "line", data: { line } });
    await events.return(undefined);
  });

  test("followed: the host is asked once, and sends what comes", async () => {
    const sandbox = server.host.state.sandbox(id);
    sandbox.console.text = "old\nlast\n";
    const asked = () => server.host.requests.filter((request) => request.includes(`${id}/logs`)).length;
    const before = asked();
    const events = readEvents(await openStream(`${server.url}/v1/sandboxes/${id}/logs?follow=1&tail=1`));
    expect((await events.next()).value).toEqual({ event: "line", data: { line: "last" } });
    for (let i = 0; i < 20; i++) {
      sandbox.console.text += `line ${i}\n`;
      expect((await events.next()).value).toEqual({ event: "line", data: { line: `line ${i}` } });
    }
    expect(asked() - before).toBe(1);
    expect(sandbox.console.followers).toBe(1);
    await events.return(undefined);
    await expect.poll(() => sandbox.console.followers, { timeout: 10_000 }).toBe(0);
  });

  test("followed: no line twice over a restart of the host agent, on over a wake, to the end of the sandbox", async () => {
    const { id: other } = (await server.api("POST", "/v1/sandboxes")).body;
    const { console } = server.host.state.sandbox(other);
    const events = readEvents(await openStream(`${server.url}/v1/sandboxes/${other}/logs?follow=1`));
    expect((await events.next()).value).toEqual({ event: "line", data: { line: "booted" } });
    await server.host.kill();
    console.text += "while nobody listened\n";
    await server.host.start();
    expect((await events.next()).value).toEqual({ event: "line", data: { line: "while nobody listened" } });
    await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
      timeoutMs: 10_000,
      message: "not ready",
    });
    await server.api("POST", `/v1/sandboxes/${other}/hibernate`);
    await server.api("POST", `/v1/sandboxes/${other}/wake`);
    console.text += "awake\nunfinished";
    expect((await events.next()).value).toEqual({ event: "line", data: { line: "awake" } });
    await server.api("DELETE", `/v1/sandboxes/${other}`);
    expect(await collect(events)).toEqual([{ event: "line", data: { line: "unfinished" } }]);
  });
});

describe("figures", () => {
  test("metrics and util; zeros while hibernated", async () => {
    expect((await server.api("GET", `/v1/sandboxes/${id}/metrics`)).body).toMatchObject({
      pid: 4242,
      host_rss_bytes: 1024,
      guest: { cpus: 2 },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/util`)).body).toEqual({
      active_cpu_seconds: 0.5,
      cpu_tracked: true,
      resident_bytes: 1024,
      cpu: 2,
      memory_mb: 512,
    });
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    expect((await server.api("GET", `/v1/sandboxes/${id}/metrics`)).body).toMatchObject({
      pid: 0,
      uptime_seconds: 0,
      guest: null,
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/util`)).body).toMatchObject({
      cpu_tracked: false,
      active_cpu_seconds: 0,
    });
  });

  test("ports: named and detected; only the named while hibernated", async () => {
    expect((await server.api("GET", `/v1/sandboxes/${id}/ports`)).body).toMatchObject([
      { port: 8000, label: "api", listening: false, source: "user", proxy_url: `/v1/sandboxes/${id}/proxy/8000/` },
    ]);
    await server.api("POST", `/v1/sandboxes/${id}/wake`);
    expect((await server.api("GET", `/v1/sandboxes/${id}/ports`)).body).toMatchObject([
      {
        port: 3000,
        listening: true,
        source: "detected",
        process: "node",
        proxy_url: `/v1/sandboxes/${id}/proxy/3000/`,
      },
      expect.objectContaining({ port: 8000 }),
    ]);
  });
});
