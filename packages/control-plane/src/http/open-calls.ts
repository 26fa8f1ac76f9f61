import type { FastifyReply, FastifyRequest } from "fastify";

/** Calls that are being answered: each learns when its caller goes away, and the long ones when the server stops. */
export class OpenCalls {
  readonly #long = new Set<AbortController>();
  #isStopping = false;

  /** The signal for one call. `isLong`: it may last for ever, so a stop does not wait for it. */
  open(request: FastifyRequest, reply: FastifyReply, isLong: boolean): AbortSignal {
    const controller = new AbortController();
    const connection = request.ws ? request.raw.socket : reply.raw;
    connection.once("close", () => {
      this.#long.delete(controller);
      if (request.ws || !reply.raw.writableFinished) controller.abort();
    });
    if (isLong) this.#long.add(controller);
    if (isLong && this.#isStopping) controller.abort();
    return controller.signal;
  }

  get longCount(): number {
    return this.#long.size;
  }

  /** Ends the streams; what is short is left to finish. */
  stop(): void {
    this.#isStopping = true;
    for (const controller of this.#long) controller.abort();
  }
}
