/**
 * `node cdp-relay.ts PORT BROWSER_PORT`: the browser's CDP endpoint under whatever name it is called by. Chromium itself answers
 * only to localhost, and says of its WebSockets that they are there; a caller that came through a gateway needs the address that it
 * used. Those are the `X-Forwarded-…` headers; without them, `Host`.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Chromium's lists of targets are a few kilobytes; one with a thousand pages is less than this. */
const LIST_LIMIT_BYTES = 4 * 1024 * 1024;
const LOCAL = "127.0.0.1";

const [listenPort, browserPort] = process.argv.slice(2).map(Number);
if (!isPort(listenPort) || !isPort(browserPort)) {
  process.stderr.write("usage: node cdp-relay.ts PORT BROWSER_PORT\n");
  process.exit(2);
}

function isPort(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value > 0 && value < 65_536;
}

const browser = `${LOCAL}:${browserPort}`;

function publicAddress(headers: IncomingHttpHeaders): { scheme: "ws" | "wss"; place: string } {
  const one = (name: string): string => String(headers[name] ?? "");
  const place = `${one("x-forwarded-host") || one("host") || browser}${one("x-forwarded-prefix")}`;
  return { scheme: one("x-forwarded-proto") === "https" ? "wss" : "ws", place };
}

/** `ws://127.0.0.1:9221/…` on its own, and as `ws=127.0.0.1:9221/…` in the address of DevTools. */
function rename(list: string, headers: IncomingHttpHeaders): string {
  const { scheme, place } = publicAddress(headers);
  return list.replaceAll(`ws://${browser}`, `${scheme}://${place}`).replaceAll(`ws=${browser}`, `${scheme}=${place}`);
}

function relay(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const headers = { ...incoming.headers, host: browser };
  const options = { host: LOCAL, port: browserPort, path: incoming.url, method: incoming.method, headers };
  const asked = request(options, (answer) => void pass(answer, incoming, outgoing));
  asked.on("error", (error) => fail(outgoing, error));
  incoming.pipe(asked);
}

async function pass(answer: IncomingMessage, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LIST_LIMIT_BYTES) throw new Error(`the browser's answer is more than ${LIST_LIMIT_BYTES} bytes`);
      chunks.push(chunk);
    }
    const { "content-length": _length, "transfer-encoding": _encoding, ...headers } = answer.headers;
    const body = Buffer.concat(chunks);
    const isText = /json|text/.test(String(headers["content-type"]));
    outgoing
      .writeHead(answer.statusCode ?? 502, headers)
      .end(isText ? rename(body.toString(), incoming.headers) : body);
  } catch (error) {
    fail(outgoing, error);
  }
}

function fail(outgoing: ServerResponse, error: unknown): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  const why = error instanceof Error ? error.message : String(error);
  outgoing
    .writeHead(502, { "content-type": "text/plain" })
    .end(`The browser does not answer on port ${browserPort}: ${why}\n`);
}

/** A WebSocket is passed on as it is, less the name it was called by. */
function upgrade(incoming: IncomingMessage, caller: Duplex, head: Buffer): void {
  const inside: Socket = connect(browserPort!, LOCAL, () => {
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`, `Host: ${browser}`];
    const { rawHeaders } = incoming;
    for (let at = 0; at < rawHeaders.length; at += 2)
      if (rawHeaders[at]!.toLowerCase() !== "host") lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    inside.write(`${lines.join("\r\n")}\r\n\r\n`);
    inside.write(head);
    inside.pipe(caller).pipe(inside);
  });
  const end = (): void => {
    inside.destroy();
    caller.destroy();
  };
  for (const side of [inside, caller]) side.on("error", end).on("close", end);
}

createServer(relay).on("upgrade", upgrade).listen(listenPort, "::");
