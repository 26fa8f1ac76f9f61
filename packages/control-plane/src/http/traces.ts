import type { FastifyInstance } from "fastify";
import { operations } from "@pandastack/contracts";
import { beginSpan, type TraceSpan } from "@pandastack/platform";

declare module "fastify" {
  interface FastifyRequest {
    /** Of the whole request; undefined where nothing is traced. */
    span: TraceSpan | undefined;
  }
}

/** A span for each request, under the caller's. Not for what is asked every few seconds, nor for sockets, which have no end to tell. */
export function traceRequests(app: Pick<FastifyInstance, "decorateRequest" | "addHook">): void {
  app.decorateRequest("span", undefined);
  app.addHook("onRequest", async (request) => {
    const name = request.routeOptions.config.operation;
    if (name === undefined || request.headers.upgrade !== undefined) return;
    const operation = operations[name as keyof typeof operations];
    if (operation.role === "public") return;
    request.span = beginSpan(`${request.method} ${operation.path}`, {
      kind: "server",
      traceparent: request.headers["traceparent"]?.toString(),
      attributes: {
        "http.request.method": request.method,
        "http.route": operation.path,
        "url.path": request.url.split("?")[0] ?? "",
        "pandastack.operation": name,
        "pandastack.request_id": request.id,
      },
    });
  });
  app.addHook("onResponse", async (request, reply) => {
    const { span, principal } = request;
    if (span === undefined) return;
    span.describe({
      "http.response.status_code": reply.statusCode,
      ...(principal === undefined ? {} : { "pandastack.workspace": principal.workspace }),
    });
    span.end(reply.statusCode >= 500 ? `status ${reply.statusCode}` : undefined);
  });
}
