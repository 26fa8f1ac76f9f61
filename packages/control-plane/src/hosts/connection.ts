import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Pool, type Dispatcher } from "undici";
import { WebSocket } from "ws";
import type { z } from "zod";
import { Fault, addStepTimes } from "@pandastack/platform";
import { HOST_API_PREFIX } from "@pandastack/contracts/host";
import { contextHeaders } from "../calls/context.ts";
import { fromHostReply, isLost, isUnsent, toHostFailure } from "./failures.ts";

/** How long a request waits for a host agent that is being restarted before the caller is told. */
export const HOST_RETRY_WINDOW_MS = 5000;
const RETRY_PAUSE_MS = 50;
/** How long a connection may be used for new requests. */
const CLIENT_TTL_MS = 60_000;
/** Commands may queue on the host for 20 s; clients give up at 30. */
const REPLY_TIMEOUT_MS = 28_000;
const ERROR_BODY_LIMIT_BYTES = 64 * 1024;
const REPLY_LIMIT_BYTES = 64 * 1024 * 1024;

export interface HostRequest {
  readonly method?: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly json?: unknown;
  readonly bytes?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may be sent again when it is unknown if the host got it. */
  readonly repeatable?: boolean;
  /** What to say when the connection is lost half-way. */
  readonly lostText?: string;
  /** A stream whose head comes with its first piece, whenever that is. */
  readonly mayBeSilent?: boolean;
}

/** HTTP and WebSockets to one host agent on its Unix socket, with connections kept alive. */
export class HostConnection {
  readonly #socketPath: string;
  readonly #pool: Pool;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#pool = new Pool("http://host-agent", {
      socketPath,
      // One request on a connection at a time, and as many connections as there are requests: a stream blocks nobody.
      connections: null,
      pipelining: 1,
      headersTimeout: REPLY_TIMEOUT_MS,
      bodyTimeout: 0,
      keepAliveTimeout: 4000,
      // A pool never drops a client by itself: after a thousand streams at once it would keep, and search, a thousand for ever.
      clientTtl: CLIENT_TTL_MS,
      connect: { timeout: 2000 },
    });
  }

  /** The reply once its head is here and good; its body is the caller's to read or destroy. */
  async request(request: HostRequest): Promise<Dispatcher.ResponseData> {
    const end = performance.now() + HOST_RETRY_WINDOW_MS;
    for (;;) {
      try {
        const reply = await this.#send(request);
        if (reply.statusCode < 400) return reply;
        const text = await readBounded(reply.body, ERROR_BODY_LIMIT_BYTES);
        throw fromHostReply(reply.statusCode, text, headerText(reply.headers["retry-after"]));
      } catch (error) {
        const mayRepeat =
          request.bytes === undefined && (isUnsent(error) || (request.repeatable === true && isLost(error)));
        if (!mayRepeat || performance.now() > end || request.signal?.aborted === true)
          throw toHostFailure(error, request.lostText);
        await delay(RETRY_PAUSE_MS);
      }
    }
  }

  #send(request: HostRequest): Promise<Dispatcher.ResponseData> {
    return this.#pool.request({
      method: request.method ?? "GET",
      path: HOST_API_PREFIX + request.path,
      headers: {
        ...contextHeaders(),
        ...(request.json === undefined ? {} : { "content-type": "application/json" }),
        ...(request.bytes === undefined ? {} : { "content-type": "application/octet-stream" }),
      },
      ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
      ...(request.bytes === undefined ? {} : { body: request.bytes as unknown as Readable, headersTimeout: 0 }),
      ...(request.mayBeSilent === true ? { headersTimeout: 0 } : {}),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  }

  /** A whole reply of the expected shape. */
  async json<T>(schema: z.ZodType<T>, request: HostRequest): Promise<T> {
    const reply = await this.request({ repeatable: (request.method ?? "GET") === "GET", ...request });
    const text = await readWhole(reply.body);
    addStepTimes("host", headerText(reply.headers["server-timing"]));
    const parsed = schema.safeParse(text === "" ? {} : JSON.parse(text));
    if (parsed.success) return parsed.data;
    throw new Fault("internal.error", "internal error", {
      operatorMessage: `the host agent's reply to ${request.method ?? "GET"} ${request.path} has another shape: ${parsed.error.message}`,
    });
  }

  async text(request: HostRequest): Promise<string> {
    return readWhole((await this.request({ repeatable: true, ...request })).body);
  }

  /** One value per line, as they come. Ends with the reply, or when `signal` fires. */
  async *lines(request: HostRequest): AsyncGenerator<unknown> {
    const { body } = await this.request(request);
    let pending = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        const lines = (pending + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
        pending = lines.pop() ?? "";
        for (const line of lines) if (line !== "") yield JSON.parse(line);
      }
    } catch (error) {
      if (request.signal?.aborted !== true) throw toHostFailure(error, request.lostText);
    }
    if (pending !== "") yield JSON.parse(pending);
  }

  /** An open WebSocket, already with its first message under way. */
  async socket(path: string, first?: unknown): Promise<WebSocket> {
    const end = performance.now() + HOST_RETRY_WINDOW_MS;
    for (;;) {
      try {
        return await this.#openSocket(path, first);
      } catch (error) {
        if (!isUnsent(error) || performance.now() > end) throw toHostFailure(error);
        await delay(RETRY_PAUSE_MS);
      }
    }
  }

  #openSocket(path: string, first: unknown): Promise<WebSocket> {
    const socket = new WebSocket(`ws+unix:${this.#socketPath}:${HOST_API_PREFIX}${path}`, {
      perMessageDeflate: false,
      headers: contextHeaders(),
      handshakeTimeout: REPLY_TIMEOUT_MS,
    });
    return new Promise((resolve, reject) => {
      socket.once("open", () => {
        socket.off("error", reject);
        // Nothing that the host says may be lost between its arrival and the caller's first listener, who resumes it.
        socket.pause();
        if (first !== undefined) socket.send(JSON.stringify(first));
        resolve(socket);
      });
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, reply) => {
        readBounded(reply, ERROR_BODY_LIMIT_BYTES).then(
          (text) => reject(fromHostReply(reply.statusCode ?? 500, text, headerText(reply.headers["retry-after"]))),
          reject,
        );
      });
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

async function readBounded(body: AsyncIterable<unknown>, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    if (bytes <= limitBytes) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readWhole(body: AsyncIterable<unknown>): Promise<string> {
  try {
    return await readBounded(body, REPLY_LIMIT_BYTES);
  } catch (error) {
    throw toHostFailure(error);
  }
}
