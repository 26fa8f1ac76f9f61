import { type ClientOptions, type ResolvedConfig, resolveConfig } from "../config.ts";
import { ConnectionError, errorOfResponse, PandaStackError, parseJson, TimeoutError } from "../errors/errors.ts";
import { LEAST_ATTEMPT_MS, pause, pauseBefore } from "./retry.ts";

/** Said by every call that takes options. */
export interface CallOptions {
  /** Ends the wait; the call rejects with the signal's reason. What the server was asked to do may still happen. */
  signal?: AbortSignal | undefined;
  /** Longest wait for the answer, repetitions included, in milliseconds; 0: for ever. Default: the client's, 60,000. */
  timeoutMs?: number | undefined;
}

/** Of calls that make something. */
export interface CreationOptions extends CallOptions {
  /** The server does the work once for a key, however often it is asked, for 24 hours. Default: one for this call. */
  idempotencyKey?: string | undefined;
}

export interface RequestOptions extends CallOptions {
  query?: Record<string, string | number | boolean | undefined> | undefined;
  json?: unknown;
  body?: Uint8Array | string | ReadableStream<Uint8Array> | FormData | undefined;
  headers?: Record<string, string> | undefined;
  /** Makes a POST repeatable: the server does the work once for a key, and answers the same. */
  idempotencyKey?: string | undefined;
  /** Whether asking twice does no harm. Default: by method and key. */
  isRepeatable?: boolean | undefined;
}

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
      const value = parseJson(text);
      if (value === undefined)
        throw new ConnectionError(`${this.config.baseUrl} did not answer as PandaStack does`, {
          code: "client.bad_answer",
          status: response.status,
        });
      return value as T;
    });
  }

  /** The answer as it begins, within `timeoutMs`; its body is the caller's to read and may take any time. */
  async open(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.#attempt(method, path, options, async (response) => response);
  }

  url(path: string, query: RequestOptions["query"] = {}): URL {
    const text = `${this.config.baseUrl}/v1${path}`;
    if (!URL.canParse(text) || !/^https?:/.test(text))
      throw new PandaStackError(`${this.config.baseUrl} is no address of a server`, { code: "client.bad_url" });
    const url = new URL(text);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  authorization(): Record<string, string> {
    return this.config.apiKey === undefined ? {} : { authorization: `Bearer ${this.config.apiKey}` };
  }

  /** Tries again what failed with a retriable fault and may be repeated, while there is time. */
  async #attempt<T>(
    method: string,
    path: string,
    options: RequestOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const isRepeatable =
      options.isRepeatable ?? ((method !== "POST" && method !== "PATCH") || options.idempotencyKey !== undefined);
    const timeoutMs = options.timeoutMs ?? this.config.timeoutMs;
    const endMs = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, options, { endMs, timeoutMs }, read);
      } catch (error) {
        const pauseMs = pauseBefore(attempt, error, isRepeatable);
        // One more for which there is no time would only hide the reason behind a timeout.
        if (pauseMs === undefined || performance.now() + pauseMs + LEAST_ATTEMPT_MS >= endMs) throw error;
        await pause(pauseMs, options.signal);
      }
    }
  }

  async #once<T>(
    method: string,
    path: string,
    options: RequestOptions,
    limit: { endMs: number; timeoutMs: number },
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const url = this.url(path, options.query);
    const deadline = new AbortController();
    const leftMs = limit.endMs - performance.now();
    const timer = limit.endMs === Infinity ? undefined : setTimeout(() => deadline.abort(), Math.max(1, leftMs));
    try {
      const signal = options.signal ? AbortSignal.any([deadline.signal, options.signal]) : deadline.signal;
      const send = this.config.fetch ?? fetch;
      const response = await send(url, this.#init(method, options, signal));
      if (!response.ok) throw await errorOfResponse(response);
      return await read(response);
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      if (error instanceof PandaStackError) throw error;
      if (deadline.signal.aborted)
        throw new TimeoutError(`no answer from ${this.config.baseUrl} within ${limit.timeoutMs} ms`, {
          code: "client.timeout",
          cause: error,
        });
      throw connectionError(this.config.baseUrl, error);
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
    return body instanceof ReadableStream ? { ...init, ...STREAMED } : init;
  }
}

/**
 * Of a body that comes as a stream. Node keeps a copy of what was sent for a redirect that might come, all of it in memory, unless
 * it is told that none is followed, and that there is no window; a stream could not be sent again anyway.
 */
const STREAMED = { duplex: "half", redirect: "error", window: null } as const;

/** OpenSSL's and Node's names for what is wrong with a certificate, and for a server that speaks no TLS. */
const TLS_FAILURE =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))|wrong version number|packet length too long/i;

/** What to do where the reason says more than the code: by Node's and OpenSSL's names. */
const HINTS: readonly (readonly [RegExp, string | (() => string)])[] = [
  [/^(ENOTFOUND|EAI_AGAIN|EAI_NONAME)$/, "there is no host of this name: check baseUrl or PANDASTACK_API_URL"],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    () =>
      `its certificate is not valid now, and now is ${new Date().toISOString()} by this machine's clock: set the clock right, or the server needs a new certificate`,
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "its certificate is another host's: baseUrl or PANDASTACK_API_URL must have the name that the certificate has",
  ],
];

/** fetch says only "fetch failed"; the cause names what happened. */
export function connectionError(baseUrl: string, error: unknown): ConnectionError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason =
    cause instanceof Error ? cause.message || ("code" in cause ? String(cause.code) : cause.name) : String(cause);
  const name = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const hint = HINTS.find(([names]) => names.test(name))?.[1];
  const isTls = TLS_FAILURE.test(name) || TLS_FAILURE.test(reason);
  return new ConnectionError(`cannot reach PandaStack at ${baseUrl}: ${reason}`, {
    code: isTls ? "client.tls" : "client.connection",
    // A certificate is not better a moment later.
    retryable: !isTls,
    ...(hint === undefined ? {} : { hint: typeof hint === "string" ? hint : hint() }),
    cause: error,
  });
}
