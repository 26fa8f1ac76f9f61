import type { FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "@pandastack/platform";
import type { Tally } from "../accounts/tally.ts";

/** What is left of a call this long after its token was revoked is cut off: time for a last word, not for more work. */
const LAST_WORD_MS = 500;

export const tokenRevoked = () => new Refusal("auth.token_revoked", "the API token has been revoked");

interface OpenCall {
  readonly controller: AbortController;
  /** It may last for ever, so a stop does not wait for it. */
  readonly isLong: boolean;
  readonly cut: () => void;
}

/** Calls that are being answered: each learns when its caller goes away or may no longer, and the long ones when the server stops. */
export class OpenCalls {
  /** By the prefix of the token that they were made with; "" for none. */
  readonly #calls = new Map<string, Set<OpenCall>>();
  readonly #streams: Tally;
  #longCount = 0;
  #isStopping = false;

  /** `streams`: how many long ones each workspace has. */
  constructor(streams: Tally) {
    this.#streams = streams;
  }

  /** The signal for one call. Refuses where a workspace has too many long ones open. */
  open(request: FastifyRequest, reply: FastifyReply, isLong: boolean): AbortSignal {
    const leave = isLong && request.principal !== undefined ? this.#streams.enter(request.principal) : () => {};
    const controller = new AbortController();
    const connection = request.ws ? request.raw.socket : reply.raw;
    const prefix = request.principal?.tokenPrefix ?? "";
    const call: OpenCall = { controller, isLong, cut: () => connection.destroy() };
    this.#add(prefix, call);
    const close = () => {
      leave();
      this.#remove(prefix, call);
      if (request.ws || !reply.raw.writableFinished) controller.abort();
    };
    // It may have closed while the token was looked up, and says so only once.
    if (connection.closed) close();
    else connection.once("close", close);
    if (isLong && this.#isStopping) controller.abort();
    return controller.signal;
  }

  #add(prefix: string, call: OpenCall): void {
    const calls = this.#calls.get(prefix) ?? new Set();
    this.#calls.set(prefix, calls.add(call));
    if (call.isLong) this.#longCount += 1;
  }

  #remove(prefix: string, call: OpenCall): void {
    const calls = this.#calls.get(prefix);
    if (calls?.delete(call) !== true) return;
    if (calls.size === 0) this.#calls.delete(prefix);
    if (call.isLong) this.#longCount -= 1;
  }

  get longCount(): number {
    return this.#longCount;
  }

  /** Tokens that a call is being answered for. */
  tokens(): string[] {
    return [...this.#calls.keys()].filter((prefix) => prefix !== "");
  }

  /** Ends whatever is done with a token that is no good any more. `except`: the call that has revoked it, to be answered. */
  revoke(prefix: string, except?: AbortSignal): void {
    for (const call of this.#calls.get(prefix) ?? []) {
      if (call.controller.signal === except || call.controller.signal.aborted) continue;
      call.controller.abort(tokenRevoked());
      setTimeout(call.cut, LAST_WORD_MS).unref();
    }
  }

  /** Ends the streams; what is short is left to finish. */
  stop(): void {
    this.#isStopping = true;
    for (const calls of this.#calls.values())
      for (const { isLong, controller } of calls) if (isLong) controller.abort();
  }
}
