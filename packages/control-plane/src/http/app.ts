import websocket from "@fastify/websocket";
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { SOCKET_MESSAGE_LIMIT_BYTES } from "@pandastack/contracts";
import { Fault, Refusal, type Logger } from "@pandastack/platform";
import type { AuditLog } from "../accounts/audit.ts";
import { auditHandlers } from "../accounts/audit-routes.ts";
import { limitHandlers } from "../accounts/limit-routes.ts";
import { isolationHandlers } from "../accounts/isolation.ts";
import { networkHandlers } from "../accounts/network-routes.ts";
import { accountHandlers } from "../accounts/routes.ts";
import { Tally } from "../accounts/tally.ts";
import type { Handlers } from "../calls/call.ts";
import { codeHandlers } from "../code/routes.ts";
import { CloseCode } from "../calls/sockets.ts";
import { makeFront, type Front } from "../gateway/front.ts";
import { Gateway } from "../gateway/gateway.ts";
import { gatewayHandlers } from "../gateway/routes.ts";
import type { GatewaySettings } from "../gateway/settings.ts";
import { hostHandlers } from "../hosts/routes.ts";
import { sandboxHandlers } from "../sandboxes/routes.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { snapshotHandlers } from "../snapshots/routes.ts";
import { volumeHandlers } from "../volumes/routes.ts";
import type { TemplateBuilds } from "../builds/builds.ts";
import { buildOnFirstUse } from "../builds/first-use.ts";
import { templateHandlers } from "../builds/routes.ts";
import { bindOperations } from "./bind.ts";
import { allowAnyOrigin } from "./cors.ts";
import { chooseSubprotocol } from "./credentials.ts";
import { serveDocs } from "./docs.ts";
import { sendError } from "./errors.ts";
import type { IdempotencyKeys } from "./idempotency.ts";
import { InsideDoor } from "./inside.ts";
import { mcpHandlers, refuseOtherMethods } from "./mcp.ts";
import type { ServerMetrics } from "./metrics.ts";
import { OpenCalls } from "./open-calls.ts";
import { requestIdOf } from "./request-id.ts";
import { systemHandlers } from "./system.ts";
import { traceRequests } from "./traces.ts";

export interface AppOptions {
  readonly parts: SandboxParts;
  readonly builds: TemplateBuilds;
  readonly audit: AuditLog;
  readonly keys: IdempotencyKeys;
  readonly gateway: GatewaySettings;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Whether the database's schema is up to date and the first token exists. */
  readonly isStarted: () => boolean;
  /** Whether rows show what the host has said since it was last away. */
  readonly isSynced: () => boolean;
  readonly checkReplies?: boolean;
}

const PARAMETER_LIMIT_CHARACTERS = 1024;

declare module "fastify" {
  interface FastifyContextConfig {
    operation?: string;
    /** Not of the contract: preflight answers and the reference page. */
    isInternal?: boolean;
  }
}

/** The whole HTTP surface, ready to listen. */
export async function buildApp(
  options: AppOptions,
): Promise<{ app: FastifyInstance; openCalls: OpenCalls; gateway: Gateway }> {
  const { parts, metrics, log } = options;
  const streams = new Tally("streams");
  const openCalls = new OpenCalls(streams);
  const gateway = new Gateway({
    sandboxes: parts,
    settings: options.gateway,
    isStarted: options.isStarted,
    requestIdOf,
    onAnswered: (method, status, seconds) => metrics.answered("proxyPort", method, status, seconds),
  });
  let front: Front | undefined;
  const loggerInstance: FastifyBaseLogger = log;
  const app = Fastify({
    loggerInstance,
    serverFactory: (api) => (front = makeFront(options.gateway, gateway, api)).server,
    // Our own hook says it, without the query, which may hold a token.
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAMETER_LIMIT_CHARACTERS },
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers),
    forceCloseConnections: "idle",
    frameworkErrors: (error, request, reply) => sendError(error, request as never, reply as never),
  });
  // Bodies are read by the binding, or streamed: nothing reads them before.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      new Refusal("route.not_found", `no such route: ${request.method} ${request.url.split("?")[0]}`),
      request,
      reply,
    ),
  );
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  traceRequests(app);
  app.addHook("onResponse", async (request, reply) => {
    const operation = request.routeOptions.config.operation ?? "none";
    metrics.answered(operation, request.method, reply.statusCode, reply.elapsedTime / 1000);
    request.log.debug(
      {
        requestId: request.id,
        operation,
        status: reply.statusCode,
        ms: reply.elapsedTime,
        workspace: request.principal?.workspace,
      },
      "answered",
    );
  });
  allowAnyOrigin(app);
  await app.register(websocket, {
    options: {
      // Not the server itself: what is for sandboxes has been taken out.
      server: front!.apiUpgrades as never,
      maxPayload: SOCKET_MESSAGE_LIMIT_BYTES,
      perMessageDeflate: false,
      handleProtocols: chooseSubprotocol,
    },
    errorHandler: (error, socket, request) => {
      request.log.debug({ err: error }, "a socket broke");
      socket.terminate();
    },
    // Sockets that are left when the server stops are told so; waiting for them would be for ever.
    preClose: function (this: FastifyInstance, done: () => void) {
      for (const client of this.websocketServer.clients) client.close(CloseCode.goingAway, "the server is stopping");
      this.websocketServer.close();
      done();
    },
  });

  const inside = new InsideDoor((request, response) => app.routing(request, response));
  const withTemplates = buildOnFirstUse({ db: parts.db, builds: options.builds });
  const handlers: Handlers = {
    ...systemHandlers({
      db: parts.db,
      watch: parts.watch,
      metrics,
      isStarted: options.isStarted,
      isSynced: options.isSynced,
    }),
    ...accountHandlers(parts.db, (prefix, except) => openCalls.revoke(prefix, except)),
    ...auditHandlers(parts.db),
    ...isolationHandlers(parts.db),
    ...networkHandlers({ db: parts.db, operatorPrivate: parts.settings.operatorPrivate }),
    ...limitHandlers({ db: parts.db, defaults: parts.settings.limits, streams, processes: parts.processes }),
    ...hostHandlers(parts.watch, parts.work),
    ...templateHandlers(parts, options.builds, withTemplates),
    ...snapshotHandlers(parts),
    ...volumeHandlers(parts),
    ...sandboxHandlers(parts, withTemplates),
    ...codeHandlers(parts),
    ...gatewayHandlers(parts, gateway, options.gateway),
    ...mcpHandlers(parts.db, (requestId) => inside.fetchFor(requestId)),
  };
  await app.register(async (api) => {
    bindOperations(api, {
      db: parts.db,
      keys: options.keys,
      audit: options.audit,
      limits: parts.settings.limits,
      heartbeatMs: parts.settings.heartbeatSeconds * 1000,
      handlers,
      openCalls,
      checkReplies: options.checkReplies ?? false,
      requireStarted: () => {
        if (!options.isStarted()) throw new Fault("internal.database", "the server is starting; try again in a moment");
      },
    });
  });
  refuseOtherMethods(app);
  await serveDocs(app);
  await app.ready();
  return { app: app as unknown as FastifyInstance, openCalls, gateway };
}
