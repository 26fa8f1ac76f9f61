import { once } from "node:events";
import { request as httpRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { WebSocketServer } from "ws";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor, withTimeout } from "@pandastack/platform";
import { open, type Ask } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { ADMIN_TOKEN } from "../support/server.ts";
import { TestSocket } from "../support/sockets.ts";

let inside: Inside;
beforeAll(async () => {
  inside = await Inside.start();
});
afterAll(() => inside.stop());
beforeEach(() => inside.answer("from inside"));

const seenInside = (path: string, given?: Ask) => inside.seen(() => inside.get(path, given));

describe("streams", () => {
  test("both ways at the same time, piece by piece", async () => {
    inside.handle = (request, response) => {
      request.on("data", (chunk: Buffer) => response.write(chunk.toString().toUpperCase()));
      request.once("end", () => response.end("."));
    };
    const { hostname, port } = new URL(inside.url);
    const sent = httpRequest({
      hostname,
      port,
      path: `${inside.base}/`,
      method: "POST",
      headers: AUTHORISED,
      agent: false,
    });
    sent.write("one");
    const [reply] = (await withTimeout(once(sent, "response"), 5000, "no head")) as [IncomingMessage];
    expect(String((await once(reply, "data"))[0])).toBe("ONE");
    sent.write("two");
    expect(String((await once(reply, "data"))[0])).toBe("TWO");
    sent.end();
    expect(await text(reply)).toBe(".");
  });

  test("server-sent events come as they are said, and end inside when their reader goes", async () => {
    const closed = Promise.withResolvers<void>();
    let stream: ServerResponse | undefined;
    inside.handle = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
      response.once("close", closed.resolve);
      stream = response;
    };
    const reply = await open(inside.url, `${inside.base}/`, {
      headers: { ...AUTHORISED, accept: "text/event-stream" },
    });
    expect(String((await once(reply, "data"))[0])).toBe("data: 1\n\n");
    stream!.write("data: 2\n\n");
    expect(String((await once(reply, "data"))[0])).toBe("data: 2\n\n");
    reply.destroy();
    await withTimeout(closed.promise, 5000, "the stream inside goes on");
  });

  test("a slow reader holds the server inside back: nothing is kept in between", async () => {
    let written = 0;
    inside.handle = (_request, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        while (written < 256 * 1024 * 1024 && response.write(chunk)) written += chunk.length;
        written += chunk.length;
      };
      response.on("drain", more);
      more();
    };
    const reply = await open(inside.url, `${inside.base}/`, { headers: AUTHORISED });
    let before = -1;
    await waitFor(
      async () => {
        const isStill = written === before;
        before = written;
        await delay(100);
        return isStill && written > 0;
      },
      { timeoutMs: 10_000, message: "the server inside is never held back" },
    );
    // What the kernel's and the streams' buffers of the two connections take, on both sides.
    expect(written).toBeLessThan(24 * 1024 * 1024);
    reply.destroy();
  });

  test("a slow server inside holds the sender back", async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    inside.handle = (request) => arrived.resolve(request);
    const { hostname, port } = new URL(inside.url);
    const sent = httpRequest({
      hostname,
      port,
      path: `${inside.base}/`,
      method: "POST",
      headers: AUTHORISED,
      agent: false,
    });
    sent.on("error", () => {});
    const body = new PassThrough();
    body.pipe(sent);
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (written < 256 * 1024 * 1024 && body.write(chunk)) written += chunk.length;
    };
    body.on("drain", more);
    more();
    await withTimeout(arrived.promise, 5000, "the request did not arrive");
    let before = -1;
    await waitFor(
      async () => {
        const isStill = written === before;
        before = written;
        await delay(100);
        return isStill;
      },
      { timeoutMs: 10_000, message: "the sender is never held back" },
    );
    expect(written).toBeLessThan(24 * 1024 * 1024);
    sent.destroy();
  });

  test("a body that breaks off does not look like one that ended", async () => {
    inside.handle = (_request, response) => {
      response.writeHead(200);
      response.write("half");
      setImmediate(() => response.destroy());
    };
    const reply = await open(inside.url, `${inside.base}/`, { headers: AUTHORISED });
    await expect(text(reply)).rejects.toThrow("aborted");
  });

  test("trailers come, as gRPC servers send them; binary bodies are as they were", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    inside.handle = (request, response) => {
      expect(request.headers["content-type"]).toBe("application/grpc-web+proto");
      response.writeHead(200, { "content-type": "application/grpc-web+proto", trailer: "grpc-status" });
      request.pipe(response, { end: false });
      request.once("end", () => {
        response.addTrailers({ "grpc-status": "0" });
        response.end();
      });
    };
    const reply = await open(inside.url, `${inside.base}/pkg.Service/Call`, {
      method: "POST",
      headers: { ...AUTHORISED, "content-type": "application/grpc-web+proto", te: "trailers" },
      body: bytes,
    });
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks)).toEqual(bytes);
    expect(reply.trailers).toEqual({ "grpc-status": "0" });
  });
});

describe("Expect: 100-continue", () => {
  const post = () => {
    const { hostname, port } = new URL(inside.url);
    const headers = { ...AUTHORISED, expect: "100-continue", "content-length": "4" };
    const sent = httpRequest({ hostname, port, path: `${inside.base}/`, method: "POST", headers, agent: false });
    sent.on("error", () => {});
    return sent;
  };

  const isContinuedWithin = async (sent: ClientRequest, ms: number): Promise<boolean> => {
    const begun = performance.now();
    await withTimeout(once(sent, "continue"), 15_000, "no 100 at all");
    return performance.now() - begun < ms;
  };

  test("the server inside says when the body may come", async () => {
    inside.handle = (request, response) => request.pipe(response);
    // Sooner than the gateway sends one of its own. A machine that stands still makes it late now and then, but not each time.
    let sent = post();
    for (let tries = 1; !(await isContinuedWithin(sent, 900)); tries++) {
      expect(tries, "no 100 from inside").toBeLessThan(5);
      sent.destroy();
      sent = post();
    }
    sent.end("body");
    const [reply] = (await once(sent, "response")) as [IncomingMessage];
    expect(await text(reply)).toBe("body");
  });

  test("… or that it need not", async () => {
    inside.http.once("checkContinue", (_request: IncomingMessage, response: ServerResponse) =>
      response.writeHead(417).end("no"),
    );
    const sent = post();
    const [reply] = (await withTimeout(once(sent, "response"), 5000, "no answer")) as [IncomingMessage];
    expect([reply.statusCode, await text(reply)]).toEqual([417, "no"]);
    sent.destroy();
  });

  test("one that does not know of it gets the body after a moment", async () => {
    inside.http.once("checkContinue", (request: IncomingMessage, response: ServerResponse) => request.pipe(response));
    const sent = post();
    await withTimeout(once(sent, "continue"), 5000, "no 100 at all");
    sent.end("body");
    const [reply] = (await once(sent, "response")) as [IncomingMessage];
    expect(await text(reply)).toBe("body");
  });
});

describe("WebSockets", () => {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  let offered: string | undefined;
  beforeAll(() => {
    inside.http.on("upgrade", (request, socket, head) => {
      offered = request.headers["sec-websocket-protocol"];
      if (request.url === "/refuse") return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.send("welcome");
        webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }));
      });
    });
  });

  test("text and binary both ways, and the close code", async () => {
    const socket = await new TestSocket(`${inside.url}${inside.base}/ws`).open();
    socket.socket.send("ping");
    await socket.untilText("welcomeping");
    socket.socket.send(Buffer.from([0, 255]));
    await socket.until(() => socket.messages.at(-1)?.isBinary, "no binary message");
    const before = inside.server.host.ports.open.size;
    socket.socket.close(4001, "bye");
    expect(await socket.untilClosed()).toEqual({ code: 4001, reason: "bye" });
    await waitFor(async () => inside.server.host.ports.open.size < before, {
      timeoutMs: 10_000,
      message: "it stays open inside",
    });
  });

  test("a token as a subprotocol stays out of the sandbox", async () => {
    const protocols = [`bearer.${ADMIN_TOKEN}`, "chat"];
    const socket = await new TestSocket(`${inside.url}${inside.base}/`, { headers: {}, protocols }).open();
    expect([socket.socket.protocol, offered]).toEqual(["chat", "chat"]);
    socket.socket.close();
  });

  test("a refusal of the server inside is its answer", async () => {
    const socket = new TestSocket(`${inside.url}${inside.base}/refuse`);
    socket.socket.on("error", () => {});
    const [, reply] = (await once(socket.socket, "unexpected-response")) as [unknown, IncomingMessage];
    expect([reply.statusCode, await text(reply)]).toEqual([403, "no"]);
  });

  test("a refusal of ours, too", async () => {
    expect(await new TestSocket(`${inside.url}${inside.base}/`, { headers: {} }).refused()).toMatchObject({
      status: 401,
      body: { code: "auth.missing_token" },
    });
    expect(await new TestSocket(`${inside.url}/v1/sandboxes/${inside.id}/proxy/4444/`).refused()).toMatchObject({
      status: 502,
      body: { code: "port.connection_refused" },
    });
  });

  test("an upgrade to something else is no upgrade", async () => {
    const seen = await seenInside("/", {
      headers: { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "AAMAAABk" },
    });
    expect(seen.headers).not.toHaveProperty("upgrade");
    expect(seen.headers).not.toHaveProperty("http2-settings");
  });

  test("the API's own sockets are still there", async () => {
    const socket = await new TestSocket(`${inside.url}/v1/sandboxes/${inside.id}/exec/ws`).open();
    socket.socket.send(JSON.stringify({ id: "1", cmd: "echo hi" }));
    await socket.untilText("exit");
    socket.socket.close();
  });
});

describe("tcp over a WebSocket", () => {
  test("bytes both ways, and the end of the server inside", async () => {
    inside.server.host.ports.listen(5000, (socket) => {
      socket.on("data", (data) => socket.write(data.toString().toUpperCase()));
      socket.once("data", () => setTimeout(() => socket.end(), 50));
    });
    const socket = await new TestSocket(`${inside.url}/v1/sandboxes/${inside.id}/tcp/5000`).open();
    socket.socket.send(Buffer.from("hello"));
    await socket.untilText("HELLO");
    expect((await socket.untilClosed()).code).toBe(1000);
    expect(await new TestSocket(`${inside.url}/v1/sandboxes/${inside.id}/tcp/5001`).refused()).toMatchObject({
      status: 502,
    });
  });
});
