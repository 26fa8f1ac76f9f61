import { once } from "node:events";
import { createServer as createTcpServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { DEFAULT_GATEWAY_SETTINGS } from "../../src/gateway/settings.ts";
import { ask, dial, say } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { ADMIN_TOKEN } from "../support/server.ts";

/** Bytes as no client library would send them, and servers inside that mean no good. */
let inside: Inside;
const requests: string[] = [];
/** What is refused half-way may have reached the server inside, also when the next case is on already. */
const REFUSED = "/refused";
beforeAll(async () => {
  inside = await Inside.start();
  inside.server.host.ports.listen(4000, () => {});
});
afterAll(() => inside.stop());
beforeEach(() => {
  requests.length = 0;
  inside.handle = (request, response) => {
    if (request.url !== REFUSED) requests.push(`${request.method} ${request.url}`);
    request.resume();
    request.once("end", () => response.end("from inside"));
  };
});

const AUTH = `Authorization: Bearer ${ADMIN_TOKEN}\r\n`;
const head = (line: string, ...headers: string[]) =>
  `${line}\r\n${headers.map((header) => `${header}\r\n`).join("")}${AUTH}\r\n`;
const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));

describe("smuggling", () => {
  const postTo = (path: string, ...headers: string[]) =>
    head(`POST ${inside.base}${path} HTTP/1.1`, "Host: localhost", ...headers);
  const post = (...headers: string[]) => postTo("/a", ...headers);
  const HIDDEN = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

  test.each([
    ["both lengths", ["Content-Length: 4", "Transfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`],
    ["both, the other way round", ["Transfer-Encoding: chunked", "Content-Length: 4"], `0\r\n\r\n${HIDDEN}`],
    ["two lengths", ["Content-Length: 0", `Content-Length: ${HIDDEN.length}`], HIDDEN],
    ["a list of lengths", [`Content-Length: 0, ${HIDDEN.length}`], HIDDEN],
    ["a signed length", ["Content-Length: +5"], `hello${HIDDEN}`],
    ["a length in hex", ["Content-Length: 0x5"], `hello${HIDDEN}`],
    ["chunked that is not last", ["Transfer-Encoding: chunked, identity"], `0\r\n\r\n${HIDDEN}`],
    ["chunked by another name", ["Transfer-Encoding: xchunked"], `0\r\n\r\n${HIDDEN}`],
    ["white space before the colon", ["Transfer-Encoding : chunked"], `0\r\n\r\n${HIDDEN}`],
    ["a folded header", ["X-A: b\r\n Transfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`],
    ["a bare line feed", ["X-A: b\nTransfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`],
    ["a bare carriage return", ["X-A: b\rTransfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`],
    ["a chunk size that is none", ["Transfer-Encoding: chunked"], `-1\r\n\r\n${HIDDEN}`],
    ["a chunk size beyond all numbers", ["Transfer-Encoding: chunked"], `ffffffffffffffffff\r\n${HIDDEN}`],
    ["a chunk without its end", ["Transfer-Encoding: chunked"], `1\r\nab\r\n0\r\n\r\n${HIDDEN}`],
    ["a NUL in a header", ["X-A: \0b"], HIDDEN],
  ])("%s: refused, and what follows is no request", async (_name, headers, body) => {
    const text = await say(inside.url, postTo(REFUSED, ...headers) + body);
    const statuses = statusesIn(text);
    expect(statuses.length, text).toBeLessThanOrEqual(1);
    expect(
      statuses.every((status) => status >= 400 && status < 600),
      text,
    ).toBe(true);
    expect(requests.join()).not.toContain("smuggled");
  });

  test("a request in a body is a body", async () => {
    const text = await say(inside.url, post(`Content-Length: ${HIDDEN.length}`, "Connection: close") + HIDDEN);
    expect([statusesIn(text), requests]).toEqual([[200], ["POST /a"]]);
  });

  test("headers that are for one connection cannot take the length off a body", async () => {
    const text = await say(
      inside.url,
      post("Content-Length: 5", "Connection: close, content-length, transfer-encoding, host") + "hello",
    );
    expect([statusesIn(text), requests]).toEqual([[200], ["POST /a"]]);
  });

  test("an upgrade that the server inside refuses leaves no open way in", async () => {
    const upgrade = head(
      `GET ${inside.base}/ws HTTP/1.1`,
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 777",
      "Sec-WebSocket-Key: x",
    );
    const text = await say(inside.url, upgrade + HIDDEN);
    expect([statusesIn(text), requests]).toEqual([[200], ["GET /ws"]]);
  });
});

describe("targets and hosts", () => {
  test.each([
    ["absolute-form", () => head("GET http://169.254.169.254/latest HTTP/1.1", "Host: localhost")],
    ["absolute-form of our own", () => head(`GET http://localhost${inside.base}/ HTTP/1.1`, "Host: localhost")],
    ["authority-form", () => head("CONNECT 10.0.0.1:22 HTTP/1.1", "Host: localhost")],
    ["no slash", () => head("GET v1/me HTTP/1.1", "Host: localhost")],
    ["a fragment", () => head(`GET ${inside.base}/#x HTTP/1.1`, "Host: localhost")],
    ["two hosts", () => head(`GET ${inside.base}/ HTTP/1.1`, "Host: localhost", `Host: 3000-${inside.id}.localhost`)],
    ["no host", () => head(`GET ${inside.base}/ HTTP/1.1`)],
    ["a host with a path", () => head("GET / HTTP/1.1", `Host: 3000-${inside.id}.localhost/x`)],
    ["a host with credentials", () => head("GET / HTTP/1.1", `Host: a@3000-${inside.id}.localhost`)],
    ["a host with a space", () => head("GET / HTTP/1.1", `Host: 3000-${inside.id}.localhost x`)],
    ["a list of hosts", () => head("GET / HTTP/1.1", `Host: 3000-${inside.id}.localhost, localhost`)],
    ["HTTP/0.9", () => "GET /\r\n\r\n"],
    ["HTTP/2.0", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ])("%s: refused", async (_name, bytes) => {
    const text = await say(inside.url, bytes().replace(AUTH, `${AUTH}Connection: close\r\n`));
    const statuses = statusesIn(text);
    expect(statuses.length, text).toBeLessThanOrEqual(1);
    expect(
      statuses.every((status) => status >= 400 && status < 500),
      text,
    ).toBe(true);
    expect(requests).toEqual([]);
  });

  test("what a caller calls the host has no say in where a path goes", async () => {
    const headers = {
      ...AUTHORISED,
      "x-forwarded-host": "3000-aaaaaaaaaaaaaaaaaaaa.localhost",
      "x-original-url": "/admin",
      "x-host": "evil",
    };
    expect((await ask(inside.url, `${inside.base}/`, { headers })).text).toBe("from inside");
    expect(requests).toEqual(["GET /"]);
  });
});

describe("bounds", () => {
  test("headers that are too large: 431", async () => {
    const text = await say(
      inside.url,
      head(`GET ${inside.base}/ HTTP/1.1`, "Host: localhost", `X-Large: ${"x".repeat(20_000)}`),
    );
    expect([statusesIn(text), requests]).toEqual([[431], []]);
  });

  test("a target that is too long: 431", async () => {
    const text = await say(inside.url, head(`GET ${inside.base}/${"x".repeat(20_000)} HTTP/1.1`, "Host: localhost"));
    expect(statusesIn(text)).toEqual([431]);
  });

  test("slow loris: a head that comes drop by drop is cut, and the sandbox hears nothing of it", async () => {
    const socket = await dial(inside.url);
    let said = "";
    socket.on("data", (data) => (said += String(data)));
    socket.write(`GET ${inside.base}/ HTTP/1.1\r\nHost: localhost\r\n`);
    const drops = setInterval(() => socket.write("X-A: b\r\n"), 500);
    const started = performance.now();
    try {
      // What is still written after the cut is an error of ours.
      await new Promise((resolve) => socket.once("close", resolve));
    } finally {
      clearInterval(drops);
    }
    expect(performance.now() - started).toBeLessThan(25_000);
    expect([statusesIn(said), requests]).toEqual([[408], []]);
  });

  test("a caller that closes its half is not waited for, and nothing stays open inside", async () => {
    const started = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    inside.handle = (_request, response) => {
      response.once("close", closed.resolve);
      started.resolve();
    };
    const socket = await dial(inside.url);
    socket.write(head(`GET ${inside.base}/ HTTP/1.1`, "Host: localhost"));
    await started.promise;
    socket.end();
    await closed.promise;
    await once(socket, "close");
  });

  test("half of a body and then nothing: the server inside is told", async () => {
    const broken = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    inside.handle = (request) => {
      arrived.resolve();
      request.on("error", () => {});
      request.once("close", () =>
        request.complete ? broken.reject(new Error("it looks complete")) : broken.resolve(),
      );
    };
    const socket = await dial(inside.url);
    socket.write(`${head(`POST ${inside.base}/ HTTP/1.1`, "Host: localhost", "Content-Length: 100")}half`);
    await arrived.promise;
    socket.destroy();
    await broken.promise;
  });
});

describe("servers inside that mean no good", () => {
  /** Says these bytes to whoever connects. */
  const saying = (bytes: string, options: { end?: boolean } = {}) => {
    inside.server.host.ports.listen(4000, (socket: Socket) => {
      socket.once("data", () => {
        if (options.end === false) socket.write(bytes, "latin1");
        else socket.end(bytes, "latin1");
      });
    });
  };
  const get = () => ask(inside.url, `/v1/sandboxes/${inside.id}/proxy/4000/`, { headers: AUTHORISED });
  const refused = async () => {
    const reply = await get();
    return [reply.status, reply.headers["x-pandastack-gateway"]];
  };

  test.each([
    ["something else than HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["nothing at all", ""],
    ["half a head", "HTTP/1.1 200 OK\r\nX-A"],
    ["both lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
    ["headers without an end", `HTTP/1.1 200 OK\r\nX-A: ${"x".repeat(100_000)}`],
    [
      "an upgrade that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
    ["a NUL in a header", "HTTP/1.1 200 OK\r\nX-A: \0\r\n\r\n"],
  ])("%s: 502 that says so", async (_name, bytes) => {
    saying(bytes);
    expect(await refused()).toEqual([502, "gateway.bad_response"]);
  });

  test("a second answer on a kept connection goes to nobody", async () => {
    saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", {
      end: false,
    });
    expect((await get()).text).toBe("ok");
    saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
    expect((await get()).text).toBe("next");
  });

  test("headers cannot be split into ours", async () => {
    saying("HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n");
    const reply = await get();
    expect(reply.headers["set-cookie"]).toBeUndefined();
  });

  test("no answer in time: 504", async () => {
    const slow = await Inside.start({ gateway: { ...DEFAULT_GATEWAY_SETTINGS, responseSeconds: 1 } });
    slow.handle = () => {};
    const reply = await slow.get("/");
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([
      504,
      { code: "gateway.timeout", error: expect.stringContaining("3000") },
    ]);
    await waitFor(() => slow.server.host.ports.open.size === 0, { timeoutMs: 10_000, message: "it stays open inside" });
    await slow.stop();
  });

  test("nothing listens: 502, as a page for a browser", async () => {
    const path = `/v1/sandboxes/${inside.id}/proxy/4999/`;
    expect(JSON.parse((await ask(inside.url, path, { headers: AUTHORISED })).text)).toMatchObject({
      code: "port.connection_refused",
      retryable: true,
    });
    const page = await ask(inside.url, path, { headers: { ...AUTHORISED, accept: "text/html,*/*" } });
    expect([page.status, page.headers["content-type"]]).toEqual([502, "text/html; charset=utf-8"]);
    expect(page.text).toContain("4999");
  });

  test("a thousand connections that are refused leave none behind", async () => {
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, () => refused()));
    await delay(10);
    await waitFor(() => inside.server.host.ports.open.size <= 32, {
      timeoutMs: 10_000,
      message: "connections inside pile up",
    });
  });
});

test("the machine's own addresses cannot be reached by a port of a sandbox", async () => {
  const own = createTcpServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"));
  await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
  const { port } = own.address() as { port: number };
  const reply = await ask(inside.url, `/v1/sandboxes/${inside.id}/proxy/${port}/`, { headers: AUTHORISED });
  expect(reply.status).toBe(502);
  own.close();
});
