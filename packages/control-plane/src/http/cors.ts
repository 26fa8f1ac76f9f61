import type { FastifyInstance } from "fastify";

const METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const EXPOSED = "x-request-id, retry-after, idempotency-replayed, x-pandastack-process, content-length";
const REMEMBERED_SECONDS = "86400";

/** Any page may call with a token; no cookie or other ambient credential exists that could be misused. */
export function allowAnyOrigin(app: FastifyInstance): void {
  app.addHook("onRequest", async (_, reply) => {
    reply.header("access-control-allow-origin", "*").header("access-control-expose-headers", EXPOSED);
  });
  app.options("/*", { config: { isInternal: true } }, async (request, reply) =>
    reply
      .code(204)
      .header("access-control-allow-methods", METHODS)
      .header("access-control-allow-headers", request.headers["access-control-request-headers"] ?? "*")
      .header("access-control-max-age", REMEMBERED_SECONDS)
      .send(),
  );
}
