import type { FastifyInstance } from "fastify";
import { beginSpan, type TraceSpan } from "@pandastack/platform";

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined where nothing is traced, or the control plane asks for itself. */
    span: TraceSpan | undefined;
  }
}

/** A span for each request that is done for a traced one of the control plane. Sockets have theirs there. */
export function traceRequests(app: Pick<FastifyInstance, "decorateRequest" | "addHook">): void {
  app.decorateRequest("span", undefined);
  app.addHook("onRequest", async (request) => {
    const traceparent = request.headers["traceparent"];
    if (typeof traceparent !== "string" || request.headers.upgrade !== undefined) return;
    request.span = beginSpan(`${request.method} ${request.routeOptions.url ?? ""}`, {
      kind: "server",
      traceparent,
      attributes: { "http.request.method": request.method, "pandastack.request_id": request.id },
    });
  });
  app.addHook("onResponse", async (request, reply) => {
    request.span?.describe({ "http.response.status_code": reply.statusCode });
    request.span?.end(reply.statusCode >= 500 ? `status ${reply.statusCode}` : undefined);
  });
}
