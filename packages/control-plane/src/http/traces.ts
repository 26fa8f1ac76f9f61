import type { FastifyInstance, FastifyRequest } from "fastify";
import { operations } from "@pandastack/contracts";
import { beginSpan, type TraceSpan } from "@pandastack/platform";

declare module "fastify" {
  interface FastifyRequest {
    /** Of the whole request, of a socket's whole life; undefined where nothing is traced. */
    span: TraceSpan | undefined;
  }
}

/** A span for each request, under the caller's. Not for what is asked every few seconds. */
export function traceRequests(app: Pick<FastifyInstance, "decorateRequest" | "addHook">): void {
  app.decorateRequest("span", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const name = request.routeOptions.config.operation;
    if (name === undefined) return;
    const operation = operations[name as keyof typeof operations];
    if (operation.role === "public") return;
    const span = beginSpan(`${request.method} ${operation.path}`, {
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
    if (span === undefined) return;
    request.span = span;
    // What has become a socket gets no answer that could end it, nor does a caller that has gone.
    if (request.headers.upgrade === undefined) reply.raw.once("close", () => end(request, reply.statusCode));
    else request.raw.socket.once("close", () => end(request, request.socketAnswer?.status ?? reply.statusCode));
  });
  app.addHook("onResponse", async (request, reply) => end(request, reply.statusCode));
}

type Traced = Pick<FastifyRequest, "span" | "principal">;

function end(request: Traced, status: number): void {
  const { span, principal } = request;
  request.span = undefined;
  span?.describe({
    "http.response.status_code": status,
    ...(principal === undefined ? {} : { "pandastack.workspace": principal.workspace }),
  });
  span?.end(status >= 500 ? `status ${status}` : undefined);
}
