import { setTimeout as delay } from "node:timers/promises";
import { type ClientOptions, type ResolvedConfig, resolveConfig } from "./config.ts";
import { ConnectionError, errorOfResponse, PandaStackError, TimeoutError } from "./errors.ts";

/** Said by every call that takes options. */
export interface CallOptions {
  /** Ends the wait. What the server was asked to do may still happen. */
  signal?: AbortSignal | undefined;
  /** Longest wait for the answer, in milliseconds; 0 waits for ever. Default: the client's. */
  timeoutMs?: number | undefined;
}

export interface RequestOptions extends CallOptions {
  query?: Record<string, string | number | boolean | undefined>;
  json?: unknown;
  body?: Uint8Array | string | ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
  /** Makes a POST repeatable: the server does the work once for a key, and answers the same. */
  idempotencyKey?: string | undefined;
  /** Whether asking twice does no harm. Default: by method and key. */
  isRepeatable?: boolean;
}

const MAX_ATTEMPTS = 3;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

/** One server, one token. Knows nothing about sandboxes. */
export class Http {
  readonly config: ResolvedConfig;

  constructor(options: ClientOptions = {}) {
    this.config = resolveConfig(options);
  }

  /** The answer as JSON; undefined where it has no body. `timeoutMs` covers the body too. */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return this.#attempt(method, path, options, async (response) => {
      const text = await response.text();
      if (text === "") return undefined as T;
      try {
        return JSON.parse(text) as T;
      } catch (cause) {
        throw new ConnectionError(`${this.config.apiUrl} did not answer as PandaStack does`, {
          code: "client.bad_answer",
          cause,
        });
      }
    });
  }

  /** The answer as it begins; its body is the caller's to read and may take any time. */
  async open(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.#attempt(method, path, options, async (response) => response);
  }

  url(path: string, query: RequestOptions["query"] = {}): URL {
    const url = new URL(`${this.config.apiUrl}/v1${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  authorization(): Record<string, string> {
    return this.config.token === undefined ? {} : { authorization: `Bearer ${this.config.token}` };
  }

  /** Tries again only what may be repeated: reads, writes that replace, and POSTs with an idempotency key. */
  async #attempt<T>(
    method: string,
    path: string,
    options: RequestOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const isRepeatable =
      options.isRepeatable ?? ((method !== "POST" && method !== "PATCH") || options.idempotencyKey !== undefined);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, options, read);
      } catch (error) {
        if (!isRepeatable || attempt >= MAX_ATTEMPTS || !(error instanceof PandaStackError) || !error.retryable)
          throw error;
        const pauseMs = error.retryAfterMs ?? FIRST_RETRY_MS * 2 ** (attempt - 1);
        await delay(Math.min(pauseMs, LONGEST_RETRY_MS), undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  }

  async #once<T>(
    method: string,
    path: string,
    options: RequestOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const deadline = new AbortController();
    const timeoutMs = options.timeoutMs ?? this.config.timeoutMs;
    const timer = timeoutMs > 0 ? setTimeout(() => deadline.abort(), timeoutMs) : undefined;
    try {
      const signal = options.signal ? AbortSignal.any([deadline.signal, options.signal]) : deadline.signal;
      const response = await fetch(this.url(path, options.query), this.#init(method, options, signal));
      if (!response.ok) throw await errorOfResponse(response);
      return await read(response);
    } catch (error) {
      if (error instanceof PandaStackError || options.signal?.aborted) throw error;
      if (deadline.signal.aborted)
        throw new TimeoutError(`no answer from ${this.config.apiUrl} within ${timeoutMs} ms`, {
          code: "client.timeout",
          cause: error,
        });
      throw connectionError(this.config.apiUrl, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #init(method: string, options: RequestOptions, signal: AbortSignal): RequestInit {
    const headers: Record<string, string> = { accept: "application/json", ...this.authorization(), ...options.headers };
    if (options.json !== undefined) headers["content-type"] = "application/json";
    if (options.idempotencyKey !== undefined) headers["idempotency-key"] = options.idempotencyKey;
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    const init: RequestInit & { duplex?: "half" } = { method, headers, signal };
    if (body !== undefined) init.body = body as NonNullable<RequestInit["body"]>;
    if (body instanceof ReadableStream) init.duplex = "half";
    return init;
  }
}

/** fetch says only "fetch failed"; the cause names what happened. */
export function connectionError(apiUrl: string, error: unknown): ConnectionError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason =
    cause instanceof Error ? cause.message || ("code" in cause ? String(cause.code) : cause.name) : String(cause);
  return new ConnectionError(`cannot reach PandaStack at ${apiUrl}: ${reason}`, {
    code: "client.connection",
    retryable: true,
    cause: error,
  });
}
