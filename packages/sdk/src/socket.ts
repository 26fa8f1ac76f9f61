import WebSocket, { type RawData } from "ws";
import { classOf, type PandaStackError } from "./errors.ts";
import { connectionError, type Http, type RequestOptions } from "./http.ts";

export interface SocketMessage {
  data: Buffer;
  isBinary: boolean;
}

export interface Channel {
  socket: WebSocket;
  /** Every message in order, until the server closes; then its close code and reason. */
  incoming: AsyncGenerator<SocketMessage, CloseInfo>;
}

export interface CloseInfo {
  code: number;
  reason: string;
}

const READ_AHEAD_MESSAGES = 64;

/** Opens a WebSocket on a path of the API. */
export async function openSocket(
  http: Http,
  path: string,
  query: RequestOptions["query"],
  signal?: AbortSignal,
): Promise<Channel> {
  const url = http.url(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, { headers: http.authorization(), perMessageDeflate: false });
  const incoming = collectMessages(socket);
  const abort = () => socket.terminate();
  signal?.addEventListener("abort", abort, { once: true });
  socket.once("close", () => signal?.removeEventListener("abort", abort));
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", (error) =>
      reject(signal?.aborted ? signal.reason : connectionError(http.config.apiUrl, error)),
    );
    socket.once("unexpected-response", (_request, response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => reject(refusal(response.statusCode ?? 0, text)));
    });
  });
  // Errors after the opening end in `close`, which `incoming` reports.
  socket.on("error", () => undefined);
  return { socket, incoming };
}

/** Listens from now on, whenever it is read from; stops reading from the network while the reader is slow. */
function collectMessages(socket: WebSocket): AsyncGenerator<SocketMessage, CloseInfo> {
  const queue: SocketMessage[] = [];
  let closed: CloseInfo | undefined;
  let wake = () => {};
  socket.on("message", (data: RawData, isBinary: boolean) => {
    queue.push({ data: toBuffer(data), isBinary });
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

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function refusal(status: number, text: string): PandaStackError {
  let body: { error?: unknown; code?: unknown; request_id?: unknown; retryable?: unknown } = {};
  try {
    body = Object(JSON.parse(text)) as typeof body;
  } catch {
    // Not one of ours: the status says what there is to say.
  }
  const code = typeof body.code === "string" ? body.code : `http.${status}`;
  const message = typeof body.error === "string" ? body.error : `the server answered ${status}`;
  const facts = {
    code,
    status,
    requestId: typeof body.request_id === "string" ? body.request_id : undefined,
    retryable: body.retryable === true,
  };
  return new (classOf(status, code))(message, facts);
}
