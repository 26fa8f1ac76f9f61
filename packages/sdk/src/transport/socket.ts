import { HEARS_PINGS, openWire, type Wire, type WireData } from "#wire";
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
  socket: Wire;
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
  let refuse: (error: PandaStackError) => void = () => undefined;
  const socket = openWire(url, http.authorization(), (status, text) => refuse(refusal(status, text)));
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
      refuse = reject;
      socket.once("open", resolve);
      socket.once("error", (error) =>
        reject(signal?.aborted ? signal.reason : connectionError(http.config.baseUrl, error)),
      );
    });
  } finally {
    clearTimeout(timer);
  }
  // Errors after the opening end in `close`, which `incoming` reports.
  socket.on("error", () => undefined);
  if (HEARS_PINGS) endWhenSilent(socket);
  return { socket, incoming };
}

/** The server pings every 20 s. A socket that stands still because its reader is slow hears no ping: it is left alone. */
function endWhenSilent(socket: Wire): void {
  const check = () => (socket.isPaused ? timer.refresh() : socket.terminate());
  const timer = setTimeout(check, SILENCE_LIMIT_MS);
  // Whether the program goes on is for its reader to say.
  timer.unref();
  const hear = () => timer.refresh();
  socket.on("ping", hear);
  socket.on("message", hear);
  socket.once("close", () => clearTimeout(timer));
}

/** Listens from now on, whenever it is read from; stops reading from the network while the reader is slow. */
function collectMessages(socket: Wire): AsyncGenerator<SocketMessage, CloseInfo> {
  const queue: SocketMessage[] = [];
  let closed: CloseInfo | undefined;
  let wake = () => {};
  socket.on("message", (data: WireData, isBinary: boolean) => {
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

function toBytes(data: WireData): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function refusal(status: number, text: string): PandaStackError {
  return errorOfBody(parseJson(text), { status, text: text.slice(0, 500) || `the server answered ${status}` });
}
