import { once } from "node:events";
import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { DEFAULT_GATEWAY_SETTINGS } from "../../src/gateway/settings.ts";
import { dial } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";

let inside: Inside;
beforeAll(async () => {
  inside = await Inside.start();
});
afterAll(() => inside.stop());

/** Bytes of live memory, the objects and the buffers, after everything that can be freed was. */
function liveBytes(): number {
  for (let round = 0; round < 3; round++) (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

test("1,000 open WebSockets: memory is flat while they stand, and comes back", async () => {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  (globalThis as { gc?: () => void }).gc = runInNewContext("gc") as () => void;
  inside.http.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.pipe(socket);
  });
  const connect = async () => {
    const socket = await dial(inside.url);
    const head = `GET ${inside.base}/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: ${AUTHORISED.authorization}\r\n\r\n`;
    socket.write(head);
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 101/);
    return socket;
  };
  const few = await Promise.all(Array.from({ length: 20 }, connect));
  const before = liveBytes();
  const sockets: Socket[] = [];
  for (let batch = 0; batch < 10; batch++) sockets.push(...(await Promise.all(Array.from({ length: 98 }, connect))));
  const standing = liveBytes();
  const say = async () => {
    for (const socket of sockets) socket.write("x".repeat(1000));
    await Promise.all(sockets.map((socket) => once(socket, "data")));
  };
  await say();
  const warm = liveBytes();
  for (let round = 0; round < 10; round++) await say();
  const after = liveBytes();
  // All four ends are in this process: client, gateway twice, server inside.
  expect((standing - before) / 980).toBeLessThan(160 * 1024);
  expect(Math.abs(after - warm)).toBeLessThan(8 * 1024 * 1024);
  for (const socket of [...sockets, ...few]) socket.destroy();
  await waitFor(() => inside.server.host.ports.open.size === 0, {
    timeoutMs: 10_000,
    message: "sockets stay open inside",
  });
}, 120_000);

test("more requests at once than the host's socket queues: all are answered", async () => {
  const replies = await Promise.all(Array.from({ length: 700 }, () => inside.get("/")));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
}, 60_000);

test("more connections than a sandbox may have: 503, and the others stand", async () => {
  const small = await Inside.start({ gateway: { ...DEFAULT_GATEWAY_SETTINGS, connectionsPerSandbox: 20 } });
  const reached = Promise.withResolvers<void>();
  let count = 0;
  small.handle = (request, response) => {
    if (request.url === "/free") return void response.end("free");
    count += 1;
    if (count === 20) reached.resolve();
  };
  const sockets = await Promise.all(Array.from({ length: 20 }, () => dial(small.url)));
  for (const socket of sockets)
    socket.write(`GET ${small.base}/ HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORISED.authorization}\r\n\r\n`);
  await reached.promise;
  const reply = await small.get("/free");
  expect([reply.status, reply.headers["x-pandastack-gateway"], reply.headers["retry-after"]]).toEqual([
    503,
    "gateway.overloaded",
    "1",
  ]);
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await small.get("/free")).text === "free", {
    timeoutMs: 10_000,
    message: "no room again",
  });
  await small.stop();
}, 60_000);
