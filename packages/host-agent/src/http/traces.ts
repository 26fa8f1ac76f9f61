import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ExecResult } from "@pandastack/contracts/host";
import { beginSpan, type TraceSpan } from "@pandastack/platform";

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined where nothing is traced, or the control plane asks for itself. */
    span: TraceSpan | undefined;
  }
}

/** A span for each request, or a socket's whole life, that is done for a traced one of the control plane. */
export function traceRequests(app: Pick<FastifyInstance, "decorateRequest" | "addHook">): void {
  app.decorateRequest("span", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const traceparent = request.headers["traceparent"];
    if (typeof traceparent !== "string") return;
    request.span = beginSpan(`${request.method} ${request.routeOptions.url ?? ""}`, {
      kind: "server",
      traceparent,
      attributes: { "http.request.method": request.method, "pandastack.request_id": request.id },
    });
    // What has become a socket gets no answer that could end it, nor does an answer that nobody waits for any more.
    if (request.headers.upgrade !== undefined) request.raw.socket.once("close", () => end(request, 101));
    else reply.raw.once("close", () => end(request, reply.statusCode));
  });
  app.addHook("onResponse", async (request, reply) => end(request, reply.statusCode));
}

function end(request: FastifyRequest, status: number): void {
  const { span } = request;
  request.span = undefined;
  span?.describe({ "http.response.status_code": status });
  span?.end(status >= 500 ? `status ${status}` : undefined);
}

/**
 * A command's two steps as spans: until the guest said that it has started, on the host's clock; and what it took, as the guest
 * has measured it. The rest of the request's time is the way back and whoever reads the output.
 */
export class CommandSteps {
  readonly #span: TraceSpan | undefined;
  readonly #began = performance.now();

  constructor(span: TraceSpan | undefined) {
    this.#span = span;
  }

  started(pid: number): void {
    const now = performance.now();
    this.#span?.describe({ "process.pid": pid });
    this.#span?.addSteps([{ name: "guest start", ms: now - this.#began, endedAt: now }]);
  }

  finished({ duration_ms, exit_code, timed_out }: ExecResult): void {
    this.#span?.describe({ "process.exit.code": exit_code, "pandastack.timed_out": timed_out });
    this.#span?.addSteps([{ name: "guest run", ms: duration_ms, endedAt: performance.now() }]);
  }
}
