import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Refusal } from "@pandastack/platform";
import type { Admission } from "./admission.ts";
import { passHeaders } from "./raw-headers.ts";
import { replyHeaders } from "./reply-headers.ts";

/** One side of a connection has finished; the other may go on for this long without a byte. */
const HALF_CLOSED_SILENCE_MS = 60_000;
/** A peer that silently vanished is found out by the kernel. */
const KEEP_ALIVE_MS = 30_000;

/** Passes an answer on as it comes, and holds its sender back when its reader is slow. Resolves once it is over. */
export function relayReply(
  from: { reply: IncomingMessage; upstream: ClientRequest },
  to: { request: IncomingMessage; response: ServerResponse; admission: Admission; requestId: string },
): Promise<void> {
  const { reply, upstream } = from;
  const { request, response } = to;
  const headers = replyHeaders(reply, to.admission, to.requestId);
  // Answered before all was said: what is left of the body must not be taken for the next request.
  if (!request.complete) headers.push("Connection", "close");
  try {
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? "", headers);
  } catch (error) {
    upstream.destroy();
    throw new Refusal("gateway.bad_response", "the server inside answered with a head that is not HTTP", {
      cause: error,
    });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  reply.once("end", () => {
    if (reply.rawTrailers.length > 0) response.addTrailers(pairsOf(reply.rawTrailers));
  });
  // A body that breaks off must not look like one that ended.
  reply.once("error", () => response.destroy());
  upstream.once("close", () => {
    request.unpipe(upstream);
    request.resume();
    if (!reply.complete) response.destroy();
  });
  response.once("close", () => {
    if (!response.writableFinished) upstream.destroy();
    resolve();
  });
  // Head and body in one piece where they came as one; a head whose body is yet to come waits for no more than this turn.
  const { socket } = response;
  socket?.cork();
  response.flushHeaders();
  reply.pipe(response);
  setImmediate(() => socket?.uncork());
  return promise;
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const passed = passHeaders(raw, (_, value) => value);
  return Array.from({ length: passed.length / 2 }, (_, at) => [passed[at * 2]!, passed[at * 2 + 1]!]);
}

/** The caller's connection and the one inside become one. Resolves once both are closed. */
export function joinConnections(
  from: { reply: IncomingMessage; socket: Duplex; head: Buffer },
  to: { socket: Duplex; head: Buffer; admission: Admission; requestId: string },
): Promise<void> {
  const [inside, outside] = [from.socket, to.socket];
  const headers = replyHeaders(from.reply, to.admission, to.requestId);
  headers.push("Connection", "Upgrade", "Upgrade", String(from.reply.headers.upgrade ?? ""));
  outside.write(headText(101, "Switching Protocols", headers), "latin1");
  if (from.head.length > 0) outside.write(from.head);
  if (to.head.length > 0) inside.write(to.head);
  for (const socket of [inside, outside]) {
    if ("setKeepAlive" in socket) (socket as Duplex & KeepsAlive).setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("error", () => {});
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  let closed = 0;
  const link = (one: Duplex, other: Duplex) => {
    one.once("end", () => {
      if ("setTimeout" in other)
        (other as Duplex & KeepsAlive).setTimeout(HALF_CLOSED_SILENCE_MS, () => other.destroy());
    });
    one.once("close", () => {
      // Cleanly ended ones have been passed on by `pipe`; what broke ends the other, too.
      if (!one.readableEnded || one.errored !== null) other.destroy();
      closed += 1;
      if (closed === 2) resolve();
    });
    one.pipe(other);
  };
  link(inside, outside);
  link(outside, inside);
  return promise;
}

interface KeepsAlive {
  setKeepAlive(on: boolean, initialMs: number): void;
  setTimeout(ms: number, callback: () => void): void;
}

function headText(status: number, reason: string, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}
