import WebSocket from "ws";

/** What the SDK needs of a WebSocket. On Node, Bun and Deno it is one of `ws`; browsers have `wire.browser.ts` in this file's place. */
export interface Wire {
  readonly readyState: number;
  readonly OPEN: number;
  readonly isPaused: boolean;
  send(data: string | Uint8Array, options?: { binary: boolean }, sent?: (error?: Error) => void): void;
  close(): void;
  /** Without a goodbye. */
  terminate(): void;
  /** Reads nothing until `resume`. */
  pause(): void;
  resume(): void;
  on(event: "message", listener: (data: WireData, isBinary: boolean) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close", listener: (code: number, reason: { toString(): string }) => void): unknown;
  /** Never, where pings are not heard of. */
  on(event: "ping", listener: () => void): unknown;
  once(event: "open" | "close", listener: () => void): unknown;
  once(event: "error", listener: (error: Error) => void): unknown;
}
export type WireData = string | Uint8Array | ArrayBuffer;

/** Whether this kind of wire hears the server's pings: only then is silence a sign of death. */
export const HEARS_PINGS = true;

/** `refused`: the server answered with something else than a WebSocket. */
export function openWire(
  url: URL,
  headers: Readonly<Record<string, string>>,
  refused: (status: number, text: string) => void,
): Wire {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  socket.once("unexpected-response", (_request, response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () => refused(response.statusCode ?? 0, text));
  });
  return socket as unknown as Wire;
}
