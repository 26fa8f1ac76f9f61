import WebSocket, { type RawData } from "ws";
import { errorOfBody, type PandaStackError, parseJson, TimeoutError } from "../errors/errors.ts";
import { connectionError, type CallOptions, type Http, type RequestOptions } from "./http.ts";
import { SILENCE_LIMIT_MS } from "./silence.ts";

export interface SocketMessage {
  data: Uint8Array;
  isBinary: boolean;
}

export interface CloseInfo {
  code: number;
  reason: string;
}

export interface Channel {
  socket: WebSocket;
  /** Every message in order, until the server closes; then its close code and reason. */
  incoming: AsyncGenerator<SocketMessage, CloseInfo>;
}

const READ_AHEAD_MESSAGES = 64;

/** Opens a WebSocket on a path of the API. `signal` ends it at any time, `timeoutMs` is for the opening. */
export async function openSocket(
  http: Http,
  path: string,
  query: RequestOptions["query"],
  options: CallOptions = {},
): Promise<Channel> {
  const { signal, timeoutMs = http.config.timeoutMs } = options;
  signal?.throwIfAborted();
  const url = http.url(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, { headers: http.authorization(), perMessageDeflate: false });
  const incoming = collectMessages(socket);
  const abort = () => socket.terminate();
  signal?.addEventListener("abort", abort, { once: true });
  socket.once("close", () => signal?.removeEventListener("abort", abort));
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      if (timeoutMs > 0)
        timer = setTimeout(() => {
          socket.terminate();
          reject(
            new TimeoutError(`no answer from ${http.config.baseUrl} within ${timeoutMs} ms`, {
              code: "client.timeout",
            }),
          );
        }, timeoutMs);
      socket.once("open", resolve);
      socket.once("error", (error) =>
        reject(signal?.aborted ? signal.reason : connectionError(http.config.baseUrl, error)),
      );
      socket.once("unexpected-response", (_request, response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => reject(refusal(response.statusCode ?? 0, text)));
      });
    });
  } finally {
    clearTimeout(timer);
  }
  // Errors after the opening end in `close`, which `incoming` reports.
  socket.on("error", () => undefined);
  endWhenSilent(socket);
  return { socket, incoming };
}

/** The server pings every 20 s. A socket that stands still because its reader is slow hears no ping: it is left alone. */
function endWhenSilent(socket: WebSocket): void {
  const check = () => (socket.isPaused ? timer.refresh() : socket.terminate());
  const timer = setTimeout(check, SILENCE_LIMIT_MS);
  // Whether the program goes on is for its reader to say.
  timer.unref();
  const hear = () => timer.refresh();
  socket.on("ping", hear).on("message", hear);
  socket.once("close", () => clearTimeout(timer));
}

/** Listens from now on, whenever it is read from; stops reading from the network while the reader is slow. */
function collectMessages(socket: WebSocket): AsyncGenerator<SocketMessage, CloseInfo> {
  const queue: SocketMessage[] = [];
  let closed: CloseInfo | undefined;
  let wake = () => {};
  socket.on("message", (data: RawData, isBinary: boolean) => {
    queue.push({ data: toBytes(data), isBinary });
    if (queue.length >= READ_AHEAD_MESSAGES) socket.pause();
    wake();
  });
  socket.on("close", (code, reason) => {
    closed = { code, reason: reason.toString() };
    wake();
  });
  return (async function* () {
    for (;;) {
      const message = queue.shift();
      if (message !== undefined) {
        if (queue.length === 0 && socket.isPaused) socket.resume();
        yield message;
      } else if (closed !== undefined) {
        return closed;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  })();
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function refusal(status: number, text: string): PandaStackError {
  return errorOfBody(parseJson(text), { status, text: text.slice(0, 500) || `the server answered ${status}` });
}
