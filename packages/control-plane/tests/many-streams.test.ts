import type { Server } from "node:net";
import { request as httpRequest, Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";
import { TestSocket } from "./support/sockets.ts";

const STREAMS = 1000;

let server: TestServer;
let id: string;
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
beforeAll(async () => {
  server = await startTestServer();
  id = (await server.api("POST", "/v1/sandboxes")).body.id;
});
afterAll(async () => {
  agent.destroy();
  await server.stop();
});

const connectionsOf = (listener: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    listener.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );

/** What a stream holds while it lasts, everywhere but in the caller. */
async function held() {
  const { app, parts } = server.controlPlane;
  return {
    // This file's own requests keep a few connections for the next.
    hasManyCallers: (await connectionsOf(app.server)) > 10,
    streams: (await server.api("GET", "/v1/me/limits")).body.usage.streams,
    processes: (await server.api("GET", "/v1/me/limits")).body.usage.processes,
    inUse: parts.activity.ongoing().length,
    journalReaders: server.host.state.listeners.size,
    hostStreams: server.host.openStreams,
  };
}

/** An exec stream over a connection of its own; `text` resolves with all of it, or what came until it was cut. */
function openExecStream(cmd: string) {
  const begun = Promise.withResolvers<void>();
  const text = Promise.withResolvers<string>();
  const request = httpRequest(`${server.url}/v1/sandboxes/${id}/exec/stream`, {
    method: "POST",
    agent,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
  });
  request.on("response", (response) => {
    let all = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      all += chunk;
      if (all.includes("begun")) begun.resolve();
    });
    response.on("close", () => text.resolve(all));
    response.on("error", () => {});
  });
  request.on("error", (error) => {
    begun.reject(error);
    text.resolve("");
  });
  request.end(JSON.stringify({ cmd }));
  return { begun: begun.promise, text: text.promise, cut: () => request.destroy() };
}

async function expectAsBefore(before: Awaited<ReturnType<typeof held>>): Promise<void> {
  let now: unknown;
  await waitFor(
    async () => {
      now = await held();
      return JSON.stringify(now) === JSON.stringify(before);
    },
    { timeoutMs: 20_000, message: `something is left: ${JSON.stringify(before)}` },
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}, now ${JSON.stringify(now)}`);
  });
}

describe("a thousand exec streams at once", () => {
  test("each says all of its own; afterwards nothing of them is held", async () => {
    const before = await held();
    const streams = Array.from({ length: STREAMS }, (_, index) =>
      openExecStream(`echo begun; tick 3 200; echo end ${index};`),
    );
    await Promise.all(streams.map((stream) => stream.begun));
    const texts = await Promise.all(streams.map((stream) => stream.text));
    for (const [index, text] of texts.entries()) {
      expect(text).toContain(`end ${index}\\n`);
      expect(text).toContain("event: exit");
    }
    await expectAsBefore(before);
  }, 120_000);
});

describe("callers that go away", () => {
  test("in mid-stream: the processes live on, and nothing else does", async () => {
    const before = await held();
    const ids = () =>
      server.host.state
        .sandbox(id)
        .processes.filter((one) => one.running)
        .map((one) => one.id);
    const streams = Array.from({ length: 100 }, () => openExecStream("echo begun; sleep 20"));
    await Promise.all(streams.map((stream) => stream.begun));
    const running = ids();
    expect(running.length).toBeGreaterThanOrEqual(100);
    for (const stream of streams) stream.cut();
    await expectAsBefore(before);
    expect(ids()).toEqual(running);
    for (const processId of running) server.host.processes.get(processId)?.kill("SIGKILL");
  }, 60_000);

  test("from sockets, followers and downloads: nothing is left either", async () => {
    const before = await held();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const caller = new AbortController();
    for (let i = 0; i < 20; i++) {
      const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`).open();
      socket.socket.send(JSON.stringify({ id: 1, cmd: "echo begun; sleep 20" }));
      await socket.untilText("begun");
      const follower = await fetch(`${server.url}/v1/sandboxes/${id}/events?follow=1`, {
        headers,
        signal: caller.signal,
      });
      const logs = await fetch(`${server.url}/v1/sandboxes/${id}/logs?follow=1`, { headers, signal: caller.signal });
      for (const reply of [follower, logs]) void reply.text().catch(() => {});
      socket.socket.terminate();
    }
    caller.abort();
    await expectAsBefore(before);
  }, 60_000);
});
