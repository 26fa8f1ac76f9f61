import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { chmodSync, chownSync, rmSync } from "node:fs";
import type { Duplex } from "node:stream";
import websocket from "@fastify/websocket";
import fastify, { type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { Refusal, toErrorResponse, type Logger } from "@pandastack/platform";
import { ZodError } from "zod";
import type { SandboxHost } from "../sandboxes/host.ts";
import { eventRoutes } from "./events.ts";
import { execRoutes } from "./exec.ts";
import { fileRoutes } from "./files.ts";
import { hostRoutes } from "./host.ts";
import { imageRoutes } from "./images.ts";
import { logRoutes } from "./logs.ts";
import { processRoutes } from "./processes.ts";
import { traceRequests } from "./traces.ts";
import { takeTunnel } from "./tunnel.ts";

/** Bodies of commands and operations; files are streamed and have no limit. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;

/** The host agent's HTTP surface; see `contracts/host/http.ts`. */
export async function buildServer(host: SandboxHost, log: Logger): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = log;
  const app = fastify({
    loggerInstance,
    disableRequestLogging: true,
    // The control plane's name of the request: one search finds it in both logs.
    genReqId: (request) => requestIdOf(request.headers["x-request-id"]),
    requestIdLogLabel: "requestId",
    bodyLimit: MAX_JSON_BYTES,
    forceCloseConnections: true,
  });
  // Bytes are passed on as they come.
  app.addContentTypeParser("application/octet-stream", (_request, _payload, done) => done(null));
  app.setErrorHandler((error, request, reply) => {
    const cause = error instanceof ZodError ? asBadRequest(error) : error;
    const { status, body } = toErrorResponse(cause, request.id);
    if (status >= 500) request.log.error({ err: error, url: request.url }, "request failed");
    void reply.status(status).send(body);
  });
  traceRequests(app);
  const webSockets = new EventEmitter();
  const tunnels = new Set<Duplex>();
  app.server.on("upgrade", (request, socket, head) => {
    if (takeTunnel(host, request, socket)) {
      tunnels.add(socket);
      socket.once("close", () => tunnels.delete(socket));
    } else webSockets.emit("upgrade", request, socket, head);
  });
  // Whoever stops us would wait for them: the server itself does not know them any more.
  app.addHook("preClose", (done) => {
    for (const socket of tunnels) socket.destroy();
    done();
  });
  await app.register(websocket, { options: { server: webSockets as never, maxPayload: MAX_JSON_BYTES } });
  for (const routes of [hostRoutes, imageRoutes, eventRoutes, execRoutes, processRoutes, fileRoutes, logRoutes])
    await app.register(routes(host));
  return app;
}

/** Only what is safe to repeat in a log. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomBytes(8).toString("hex");
}

function asBadRequest(error: ZodError): Refusal {
  const first = error.issues[0];
  return new Refusal("validation.failed", `${first?.path.join(".") ?? "body"}: ${first?.message ?? "invalid"}`);
}

/** Listens on a Unix socket that root and one group may use. A stale socket of a killed agent is replaced. */
export async function listenOnSocket(app: FastifyInstance, path: string, gid: number): Promise<void> {
  rmSync(path, { force: true });
  await app.listen({ path });
  chownSync(path, 0, gid);
  chmodSync(path, 0o660);
}
