import { createServer, request, type ClientRequest, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { readHost } from "./authority.ts";
import { dialByName } from "./dial.ts";
import { HEAD_TIMEOUT_MS, MAX_CONNECTIONS_PER_SLOT, MAX_HTTP_HEAD_BYTES } from "./limits.ts";
import type { ProxyParts } from "./tls-proxy.ts";

const HTTP_PORT = 80;
/** Between two requests on one connection of a guest's. */
const KEEP_ALIVE_MS = 10_000;
/** Of one connection each (RFC 9110 §7.6.1). `Transfer-Encoding` stays: the body is passed on, and Node frames it anew. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"]);

/**
 * What a slot sends to port 80. Every request is judged, not the connection's first alone: a second one with another `Host`
 * would reach whatever else the server serves.
 */
export function createHttpProxy(parts: ProxyParts): Server {
  const server = createServer({
    maxHeaderSize: MAX_HTTP_HEAD_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0,
    noDelay: true,
    insecureHTTPParser: false,
  });
  server.maxConnections = MAX_CONNECTIONS_PER_SLOT;
  server.on("connection", (guest: Socket) => {
    guest.on("error", () => undefined);
    if (guest.remoteAddress !== parts.guestAddress) guest.destroy();
  });
  server.on("clientError", (error: NodeJS.ErrnoException, guest) => {
    if (error.code?.startsWith("HPE_")) note(parts, "?", "not_http");
    if (guest.writable) guest.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  server.on("connect", (_, guest) => {
    note(parts, "?", "not_http");
    guest.end(refusal("CONNECT"));
  });
  server.on("upgrade", (incoming, guest, head) => void upgrade(parts, incoming, guest, head));
  server.on("request", (incoming, reply) => {
    void (async () => {
      const outgoing = await forward(parts, incoming, HOP_BY_HOP);
      if (typeof outgoing === "number") {
        // The rest of a body that nobody wants would be read as the next request.
        reply.writeHead(outgoing, { connection: "close", "content-type": "text/plain" });
        return void reply.end(outgoing === 403 ? refusalText(incoming.headers.host) : "the server did not answer\n");
      }
      outgoing.on("error", () =>
        reply.headersSent ? reply.destroy() : reply.writeHead(502, { connection: "close" }).end(),
      );
      outgoing.on("response", (answer) => {
        reply.writeHead(answer.statusCode!, answer.statusMessage, without(answer.rawHeaders, HOP_BY_HOP));
        answer.on("error", () => reply.destroy());
        answer.pipe(reply);
      });
      reply.on("close", () => outgoing.destroy());
      incoming.pipe(outgoing);
    })();
  });
  return server;
}

/** The request on a connection of its own to where its name leads, with its body to come; else the status to answer. */
async function forward(
  parts: ProxyParts,
  incoming: IncomingMessage,
  dropped: ReadonlySet<string>,
): Promise<ClientRequest | 403 | 502> {
  const gone = new AbortController();
  incoming.socket.once("close", () => gone.abort());
  const target = incoming.url ?? "/";
  const host = readHost(valuesOf(incoming.rawHeaders, "host"), target);
  if (host.kind !== "name") {
    note(parts, incoming.headers.host ?? "?", host.kind === "none" ? "no_name" : "not_http");
    return 403;
  }
  const { egress, resolver } = parts;
  const dialled = await dialByName(host.name, { egress, resolver, port: HTTP_PORT, signal: gone.signal });
  if ("refused" in dialled) return 403;
  if ("failed" in dialled) return 502;
  const { socket } = dialled;
  parts.connections.add({ name: host.name, guest: incoming.socket, server: socket });
  const headers = without(incoming.rawHeaders, dropped);
  if (dropped.has("connection")) headers.push("Connection", "close");
  return request({
    createConnection: () => socket,
    method: incoming.method ?? "GET",
    path: target.replace(/^http:\/\/[^/?#]*/i, "") || "/",
    headers,
    setHost: false,
  });
}

/** A WebSocket or whatever else both ends agree on: bytes, from the 101 on. */
async function upgrade(parts: ProxyParts, incoming: IncomingMessage, guest: Duplex, head: Buffer): Promise<void> {
  guest.on("error", () => undefined);
  const outgoing = await forward(parts, incoming, new Set());
  if (typeof outgoing === "number") {
    return void guest.end(
      outgoing === 403 ? refusal(incoming.headers.host) : "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n",
    );
  }
  outgoing.on("error", () => guest.destroy());
  outgoing.on("upgrade", (answer, server, first) => {
    guest.write(headText(answer, answer.rawHeaders));
    guest.write(first);
    server.write(head);
    server.on("error", () => undefined);
    server.once("close", () => guest.destroy());
    guest.once("close", () => server.destroy());
    guest.pipe(server);
    server.pipe(guest);
  });
  // It does not want to: its answer, and then the end, so that no second request follows unjudged.
  outgoing.on("response", (answer) => {
    const headers = without(answer.rawHeaders, new Set([...HOP_BY_HOP, "transfer-encoding"]));
    guest.write(headText(answer, [...headers, "Connection", "close"]));
    answer.pipe(guest);
  });
  outgoing.end();
}

const headText = (answer: IncomingMessage, headers: readonly string[]): string => {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
};

function without(rawHeaders: readonly string[], dropped: ReadonlySet<string>): string[] {
  return rawHeaders.filter((_, index) => !dropped.has(rawHeaders[index - (index % 2)]!.toLowerCase()));
}

const valuesOf = (rawHeaders: readonly string[], name: string): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name);

const note = (parts: ProxyParts, destination: string, reason: "no_name" | "not_http"): void =>
  parts.egress.refusals.note({ destination, protocol: "tcp", port: HTTP_PORT, reason });

const refusalText = (host: string | undefined): string =>
  `the sandbox's network policy does not allow ${host === undefined ? "a request without Host" : JSON.stringify(host)}\n`;

const refusal = (host: string | undefined): string =>
  `HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${refusalText(host)}`;
