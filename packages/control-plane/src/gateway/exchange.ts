import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Refusal } from "@pandastack/platform";
import type { TunnelAgent } from "./tunnel-agent.ts";

/** Heads of guests' answers: generous, since what a server inside sends is between it and its pages. */
const REPLY_HEAD_LIMIT_BYTES = 64 * 1024;
/** A caller that is in the middle of a body and says nothing for this long has gone, or means no good. */
const BODY_SILENCE_MS = 60_000;
/** A server inside that does not know `Expect` would have its caller wait for ever. */
const CONTINUE_PATIENCE_MS = 1000;
/** Connections that were kept may all have gone stale at once; the third is a new one. */
const STALE_RETRIES = 2;
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export interface Outgoing {
  readonly agent: TunnelAgent;
  readonly sandboxId: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  /** Undefined: there is none. Nothing of it is read before there is a connection to pass it on to. */
  readonly body: IncomingMessage | undefined;
  /** Called when the server inside wants the body that its caller announced with `Expect: 100-continue`. */
  readonly onContinue: (() => void) | undefined;
  readonly wantsUpgrade: boolean;
  readonly responseMs: number;
  /** Fires when the caller has gone. */
  readonly signal: AbortSignal;
}

export type Incoming =
  | { readonly kind: "reply"; readonly reply: IncomingMessage; readonly upstream: ClientRequest }
  | { readonly kind: "upgraded"; readonly reply: IncomingMessage; readonly socket: Duplex; readonly head: Buffer };

/** Sends a request into a sandbox; resolves with the head of the answer. Whatever it throws, nothing was answered yet. */
export async function exchange(outgoing: Outgoing): Promise<Incoming> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptExchange(outgoing);
    } catch (error) {
      const mayRepeat = outgoing.body === undefined && REPEATABLE.has(outgoing.method) && attempt < STALE_RETRIES;
      if (!(error instanceof StaleConnection) || !mayRepeat) throw toRefusal(error, outgoing.port);
    }
  }
}

/** A kept connection that the server inside had closed by the time it was used. */
class StaleConnection extends Error {}

function attemptExchange(outgoing: Outgoing): Promise<Incoming> {
  const { body, signal } = outgoing;
  // Who left while the sandbox woke leaves no more: nothing that is begun now would learn of it.
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Incoming>();
  const upstream = httpRequest({
    agent: outgoing.agent,
    host: outgoing.sandboxId,
    port: outgoing.port,
    method: outgoing.method,
    path: outgoing.path,
    headers: outgoing.headers,
    maxHeaderSize: REPLY_HEAD_LIMIT_BYTES,
    setHost: false,
  });
  const patience = new Patience(outgoing, (refusal) => upstream.destroy(refusal));
  const onAbort = () => upstream.destroy(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  let isSettled = false;
  const settled = () => {
    isSettled = true;
    patience.end();
    signal.removeEventListener("abort", onAbort);
  };

  upstream.on("error", (error) => {
    settled();
    const isReset = "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
    reject(upstream.reusedSocket && isReset ? new StaleConnection("stale", { cause: error }) : error);
  });
  // Without this, an answer that says 101 to a request that asked for no upgrade ends in silence.
  upstream.once("close", () => {
    // Every one closes: a refusal, with its stack, would cost more than all the rest of this.
    if (isSettled) return;
    settled();
    reject(new Refusal("gateway.bad_response", badResponse(outgoing.port, "closed the connection without an answer")));
  });
  upstream.once("response", (reply) => {
    settled();
    resolve({ kind: "reply", reply, upstream });
  });
  if (outgoing.wantsUpgrade)
    upstream.once("upgrade", (reply, socket, head) => {
      settled();
      resolve({ kind: "upgraded", reply, socket, head });
    });
  upstream.once("socket", () => {
    patience.begin();
    if (body === undefined) return;
    if (outgoing.onContinue === undefined) sendBody(body, upstream, patience);
    else awaitContinue(outgoing, body, upstream, patience);
  });
  if (body === undefined) upstream.end();
  else upstream.flushHeaders();
  return promise;
}

function sendBody(body: IncomingMessage, upstream: ClientRequest, patience: Patience): void {
  body.on("data", () => patience.moved());
  body.once("end", () => patience.moved());
  body.pipe(upstream);
}

function awaitContinue(outgoing: Outgoing, body: IncomingMessage, upstream: ClientRequest, patience: Patience): void {
  const go = () => {
    clearTimeout(timer);
    upstream.off("continue", go);
    if (upstream.destroyed) return;
    outgoing.onContinue?.();
    sendBody(body, upstream, patience);
  };
  const timer = setTimeout(go, CONTINUE_PATIENCE_MS);
  upstream.once("continue", go);
  upstream.once("response", () => clearTimeout(timer));
  upstream.once("close", () => clearTimeout(timer));
}

/** Waits for the answer's head: for the caller while its body comes, for the server inside otherwise. */
class Patience {
  readonly #outgoing: Outgoing;
  readonly #giveUp: (refusal: Refusal) => void;
  #timer: NodeJS.Timeout | undefined;
  #movedAt = 0;

  constructor(outgoing: Outgoing, giveUp: (refusal: Refusal) => void) {
    this.#outgoing = outgoing;
    this.#giveUp = giveUp;
  }

  begin(): void {
    this.#movedAt = performance.now();
    this.#wait();
  }

  moved(): void {
    this.#movedAt = performance.now();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const left = this.#movedAt + this.#limitMs - performance.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#wait(), left);
      return;
    }
    const { port, responseMs } = this.#outgoing;
    const refusal = this.#waitsForCaller
      ? new Refusal("request.timeout", "the request's body did not arrive in time")
      : new Refusal("gateway.timeout", `the server on port ${port} did not answer within ${responseMs / 1000} s`);
    this.#giveUp(refusal);
  }

  get #waitsForCaller(): boolean {
    const { body } = this.#outgoing;
    return body !== undefined && !body.complete && body.readableFlowing === true;
  }

  get #limitMs(): number {
    const { responseMs } = this.#outgoing;
    return this.#waitsForCaller ? Math.min(BODY_SILENCE_MS, responseMs) : responseMs;
  }
}

const badResponse = (port: number, what: string) => `the server on port ${port} ${what}`;

/** What went wrong with the server inside, for its owner to read. Refusals of the host pass. */
function toRefusal(error: unknown, port: number): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof Refusal && error.code === "port.connection_refused")
    return new Refusal(
      "port.connection_refused",
      `nothing listens on port ${port} in this sandbox; \`GET /v1/sandboxes/{id}/ports\` shows what does`,
    );
  if (error instanceof StaleConnection || code === "ECONNRESET" || code === "EPIPE")
    return new Refusal("gateway.bad_response", badResponse(port, "closed the connection before it answered"));
  if (code === "HPE_HEADER_OVERFLOW")
    return new Refusal(
      "gateway.bad_response",
      badResponse(port, `sent headers of more than ${REPLY_HEAD_LIMIT_BYTES} bytes`),
    );
  if (typeof code === "string" && code.startsWith("HPE_"))
    return new Refusal("gateway.bad_response", badResponse(port, "answered with something that is not HTTP/1.1"));
  return error;
}
