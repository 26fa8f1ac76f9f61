import { once } from "node:events";
import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { withTimeout } from "@pandastack/platform";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

/** Plain HTTP that sends what it is told, `Host` and cookies included, which `fetch` would not. */
export async function ask(url: string, path: string, given: Ask = {}): Promise<Answer> {
  const reply = await open(url, path, given);
  return { status: reply.statusCode ?? 0, headers: reply.headers, text: await text(reply) };
}

/** The head of an answer; its body is the caller's to read. */
export async function open(url: string, path: string, given: Ask = {}): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  const sent = request({
    hostname,
    port,
    path,
    method: given.method ?? "GET",
    headers: given.headers ?? {},
    agent: false,
  });
  sent.end(given.body);
  const [reply] = (await withTimeout(once(sent, "response"), 10_000, `no answer to ${path}`)) as [IncomingMessage];
  return reply;
}

/** Bytes as they are, on a connection of their own; resolves with everything that came until the server closed it. */
export async function say(
  url: string,
  bytes: string,
  options: { end?: boolean; waitMs?: number } = {},
): Promise<string> {
  const socket = await dial(url);
  const said = text(socket).catch((error: Error) => error.message);
  if (options.end === true) socket.end(bytes, "latin1");
  else socket.write(bytes, "latin1");
  try {
    return await withTimeout(said, options.waitMs ?? 8000, "the connection stayed open");
  } finally {
    socket.destroy();
  }
}

export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
