import type { RawData, WebSocket } from "ws";

/** What may wait to be sent on a socket before its source is asked to wait. */
const SEND_BUFFER_LIMIT_BYTES = 1024 * 1024;

/** Close codes of RFC 6455 that we send. */
export const CloseCode = { normal: 1000, goingAway: 1001, policy: 1008, internal: 1011, tryAgain: 1013 } as const;

/** A close reason may have 123 bytes. */
export const closeReason = (text: string): string => (Buffer.byteLength(text) <= 123 ? text : `${text.slice(0, 80)}…`);

export function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Sends, and has `source` say nothing more while too much of what it said waits for `target`. */
export function forward(source: WebSocket, target: WebSocket, data: string | Buffer, binary: boolean): void {
  if (target.readyState !== target.OPEN) return;
  target.send(data, { binary, compress: false }, () => {
    if (source.isPaused && target.bufferedAmount < SEND_BUFFER_LIMIT_BYTES / 2) source.resume();
  });
  if (target.bufferedAmount > SEND_BUFFER_LIMIT_BYTES) source.pause();
}

/** Sends and resolves once it may be followed by more: for sources that can be waited with. */
export function sendAndWait(target: WebSocket, data: string): Promise<void> {
  return new Promise((resolve) => {
    if (target.readyState !== target.OPEN) return resolve();
    const isFull = target.bufferedAmount > SEND_BUFFER_LIMIT_BYTES;
    target.send(data, { compress: false }, () => {
      if (isFull) resolve();
    });
    if (!isFull) resolve();
  });
}

/** Pings, and ends a connection whose other end has silently gone: nothing would ever be freed otherwise. */
export function keepAlive(socket: WebSocket, everyMs: number): void {
  let isAnswered = true;
  socket.on("pong", () => (isAnswered = true));
  const timer = setInterval(() => {
    if (!isAnswered) return socket.terminate();
    isAnswered = false;
    socket.ping();
  }, everyMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
}
