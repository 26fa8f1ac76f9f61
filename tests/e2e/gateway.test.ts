import { createHash, randomBytes } from "node:crypto";
import { request, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import WebSocket from "ws";
import { beforeAll, afterAll, describe, expect, it } from "vitest";
import { waitFor } from "@pandastack/platform";
import { api, run, server } from "./support/api.ts";

/** Answers with the body's hash and length; speaks just enough WebSocket to say back what it hears. */
const NODE_SERVER = String.raw`
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");
const server = createServer((request, response) => {
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk) => { hash.update(chunk); bytes += chunk.length; });
  request.on("end", () => response.end(JSON.stringify({ sha256: hash.digest("hex"), bytes, headers: request.headers })));
});
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n");
  socket.on("data", (frame) => {
    const length = frame[1] & 127;
    const mask = frame.subarray(2, 6);
    const payload = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]));
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), payload]));
  });
});
server.listen(8001, "localhost");
`;

describe("servers inside a sandbox", () => {
  let id = "";
  beforeAll(async () => {
    id = (await api("POST", "/v1/sandboxes", { json: { ttl_seconds: 900 } })).json.id;
    await api("PUT", `/v1/sandboxes/${id}/fs?path=/srv/www/hello.txt`, { body: "hello from inside" });
    await api("PUT", `/v1/sandboxes/${id}/fs?path=/srv/server.cjs`, { body: NODE_SERVER });
    for (const cmd of ["python3 -m http.server 8000 --directory /srv/www --bind 127.0.0.1", "node /srv/server.cjs"])
      await api("POST", `/v1/sandboxes/${id}/exec`, { json: { cmd, detach: true } });
    await waitFor(async () => (await listening()).length === 2, {
      timeoutMs: 60_000,
      message: "the servers inside do not listen",
    });
  });
  afterAll(async () => {
    await api("DELETE", `/v1/sandboxes/${id}`);
  });
  const listening = async (): Promise<number[]> =>
    (await api("GET", `/v1/sandboxes/${id}/ports`)).json
      .filter((port: { listening: boolean }) => port.listening)
      .map(({ port }: { port: number }) => port);
  const proxy = (port: number, path = "/") => `/v1/sandboxes/${id}/proxy/${port}${path}`;

  it("are listed, and reached by path, by signed link and by host name", async () => {
    expect(await listening()).toEqual([8000, 8001]);
    expect(await api("GET", proxy(8000, "/hello.txt"))).toMatchObject({ status: 200, text: "hello from inside" });
    expect((await api("GET", proxy(8000, "/none"))).status).toBe(404);
    expect((await api("GET", proxy(8000, "/hello.txt"), { token: null })).status).toBe(401);
    const link = (await api("POST", `/v1/sandboxes/${id}/preview-token`, { json: { port: 8000 } })).json;
    expect(await api("GET", `${new URL(link.url).pathname}hello.txt`, { token: null })).toMatchObject({
      status: 200,
      text: "hello from inside",
    });
    const { hostname, port } = new URL(server.url);
    const visit = request({
      hostname,
      port,
      path: "/hello.txt",
      headers: { host: `8000-${id}.localhost`, "x-pandastack-token": link.token },
    });
    visit.end();
    const [reply] = (await once(visit, "response")) as [IncomingMessage];
    expect(await text(reply)).toBe("hello from inside");
  });

  it("get bodies as they were sent, and no token", async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const { json } = await api("POST", proxy(8001, "/upload"), { body });
    expect(json).toMatchObject({ bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") });
    expect(JSON.stringify(json.headers)).not.toContain(server.token);
  });

  it("speak WebSocket", async () => {
    const socket = new WebSocket(server.url.replace("http", "ws") + proxy(8001), {
      headers: { authorization: `Bearer ${server.token}` },
    });
    await once(socket, "open");
    socket.send("echo");
    const [data] = (await once(socket, "message")) as [Buffer];
    expect(data.toString()).toBe("echo");
    socket.terminate();
  });

  it("are woken by a request, and go on where they were", async () => {
    await api("POST", `/v1/sandboxes/${id}/hibernate`);
    expect(await api("GET", proxy(8000, "/hello.txt"))).toMatchObject({ status: 200, text: "hello from inside" });
    expect((await run(id, "pgrep -f http.server | wc -l")).stdout.trim()).not.toBe("0");
  });

  it("that are not there: 502 that says so", async () => {
    expect(await api("GET", proxy(8999))).toMatchObject({ status: 502, json: { code: "port.connection_refused" } });
  });
});
