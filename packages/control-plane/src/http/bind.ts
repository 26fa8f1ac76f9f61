import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { JSON_BODY_LIMIT_BYTES, operations, type Operation, type WorkspaceLimits } from "@pandastack/contracts";
import { Refusal, markStep, serverTiming, withStepTimes, type Logger } from "@pandastack/platform";
import { authenticate, authorise } from "../accounts/authenticate.ts";
import type { AuditLog } from "../accounts/audit.ts";
import { callContext } from "../calls/context.ts";
import type { Call, HandledOperation, Handlers, Principal, SocketAnswer, StreamAnswer } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { CloseCode, keepAlive } from "../calls/sockets.ts";
import { recordCall } from "./audit-record.ts";
import { readJsonBody } from "./body.ts";
import { tokenOf } from "./credentials.ts";
import type { IdempotencyKeys } from "./idempotency.ts";
import type { OpenCalls } from "./open-calls.ts";
import { validate } from "./validation.ts";

export interface BindOptions {
  readonly db: Database;
  readonly keys: IdempotencyKeys;
  readonly handlers: Handlers;
  readonly openCalls: OpenCalls;
  readonly audit: AuditLog;
  /** What a workspace may have where nothing else was set for it. */
  readonly limits: WorkspaceLimits;
  /** How long a stream or a socket may be silent. */
  readonly heartbeatMs: number;
  /** Throws while the server cannot serve anything but its own health yet. */
  readonly requireStarted: () => void;
  /** Compare every reply with its schema: for tests. */
  readonly checkReplies: boolean;
}

type AnyAnswer = { readonly status: number; readonly body?: unknown } | StreamAnswer | SocketAnswer;
type AnyHandler = (call: Call) => Promise<AnyAnswer>;

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal | undefined;
    socketAnswer: SocketAnswer | undefined;
    /** Of the call that became a socket. */
    callSignal: AbortSignal | undefined;
  }
}

/** `/v1/sandboxes/{id}` as the router writes it. */
export const routePath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

/** One route for every operation of the contract. What the contract says is done here; handlers do the rest. */
export function bindOperations(app: FastifyInstance, options: BindOptions): void {
  app.decorateRequest("principal", undefined);
  app.decorateRequest("socketAnswer", undefined);
  app.decorateRequest("callSignal", undefined);
  for (const [name, { isProxied }] of Object.entries(operations))
    if (!isProxied) bindOperation(app, name as HandledOperation, options);
}

function bindOperation(app: FastifyInstance, name: HandledOperation, options: BindOptions): void {
  const operation: Operation = operations[name];
  const handle = options.handlers[name] as unknown as AnyHandler;
  const isSocket = operation.replies[101] !== undefined;

  /** Before anything of the body is read: nobody may make an unknown caller's bytes cost anything. */
  const onRequest = async (request: FastifyRequest): Promise<void> => {
    if (operation.role === "public") return;
    options.requireStarted();
    request.principal = await authenticate(options.db, tokenOf(request), options.limits);
    try {
      authorise(request.principal, operation.role);
    } catch (error) {
      recordCall(options.audit, { ...operation, name }, request, { error });
      throw error;
    }
  };

  type Outcome = AnyAnswer & { isReplay?: boolean };
  /** Everything that is done for the call knows for which request. */
  const answer = (request: FastifyRequest, reply: FastifyReply): Promise<Outcome> =>
    callContext.run({ requestId: request.id, traceparent: request.span?.traceparent }, async () => {
      try {
        const outcome = await perform(request, reply);
        recordCall(options.audit, { ...operation, name }, request, outcome);
        return outcome;
      } catch (error) {
        recordCall(options.audit, { ...operation, name }, request, { error });
        throw error;
      }
    });

  const perform = async (request: FastifyRequest, reply: FastifyReply): Promise<Outcome> => {
    const call = {
      operation: name,
      principal: request.principal,
      params: validate(operation.params, request.params, "path"),
      query: validate(operation.query, request.query, "query"),
      body: await readBody(operation, request),
      signal: options.openCalls.open(request, reply, isLong(operation)),
      requestId: request.id,
      token: tokenOf(request),
      headers: request.headers,
      host: request.headers.host ?? "localhost",
      userAgent: request.headers["user-agent"] ?? "",
      contentType: request.headers["content-type"],
      lastEventId: request.headers["last-event-id"]?.toString(),
      heartbeatMs: options.heartbeatMs,
      log: request.log as Logger,
    };
    request.callSignal = call.signal;
    const run = (seed: string) => handle({ ...call, seed } as unknown as Call);
    const key = request.headers["idempotency-key"];
    if (!operation.idempotent || key === undefined) return run(randomBytes(16).toString("hex"));
    const fingerprint = { name, params: call.params, query: call.query, body: call.body };
    return options.keys.once(
      { workspace: request.principal!.workspace, key: String(key), fingerprint },
      (seed) => run(seed) as Promise<{ status: number; body: unknown }>,
    );
  };

  if (!isSocket) {
    app.route({
      method: operation.method,
      url: routePath(operation.path),
      config: { operation: name },
      onRequest,
      handler: async (request, reply) => {
        const { result, steps } = await withStepTimes(() => {
          markStep("authorise");
          return answer(request, reply);
        }, reply.elapsedTime);
        reply.header("server-timing", serverTiming(steps));
        request.span?.addSteps(steps);
        return send(operation, result, reply, options.checkReplies);
      },
    });
    return;
  }
  app.route({
    method: "GET",
    url: routePath(operation.path),
    config: { operation: name },
    onRequest,
    // What can be refused is refused before the upgrade, as an ordinary answer.
    preHandler: async (request, reply) => {
      if (!request.ws)
        throw new Refusal("route.websocket_only", "this address speaks WebSocket: connect with `Upgrade: websocket`");
      request.socketAnswer = (await answer(request, reply)) as SocketAnswer;
    },
    handler: async () => {},
    wsHandler: (socket, request) => {
      const signal = request.callSignal!;
      const onAbort = () => {
        if (!(signal.reason instanceof Refusal)) return;
        // Nothing more is taken from it, even while it says goodbye.
        socket.removeAllListeners("message");
        socket.close(CloseCode.policy, signal.reason.message);
      };
      keepAlive(socket, options.heartbeatMs);
      const context = { requestId: request.id, traceparent: request.span?.traceparent };
      callContext.run(context, () => request.socketAnswer!.connect(socket));
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    },
  });
}

const isLong = (operation: Operation): boolean =>
  Object.values(operation.replies).some(
    (reply) =>
      reply.kind === "stream" ||
      reply.kind === "socket" ||
      (reply.kind === "json" && reply.orStream === "text/event-stream"),
  );

async function readBody(operation: Operation, request: FastifyRequest): Promise<unknown> {
  if (operation.body === null) return undefined;
  const stream = request.body instanceof Readable ? request.body : Readable.from([]);
  if (operation.body === "bytes") return stream;
  const value = await readJsonBody(stream, {
    contentLength: request.headers["content-length"],
    limitBytes: request.principal?.limits.body_bytes ?? JSON_BODY_LIMIT_BYTES,
  });
  if (operation.body instanceof z.ZodOptional && (value === undefined || value === null)) return undefined;
  if (value === undefined)
    throw new Refusal("validation.failed", "body: a JSON object is needed", { details: { field: "body" } });
  return validate(operation.body, value, "body");
}

function send(
  operation: Operation,
  answer: AnyAnswer & { isReplay?: boolean },
  reply: FastifyReply,
  checkReplies: boolean,
): FastifyReply {
  reply.code(answer.status);
  if (answer.isReplay === true) reply.header("idempotency-replayed", "true");
  if ("stream" in answer) {
    return reply
      .headers(answer.headers ?? {})
      .header("content-type", answer.mediaType)
      .header("cache-control", "no-store")
      .header("x-accel-buffering", "no")
      .send(answer.stream);
  }
  const body = "body" in answer ? answer.body : undefined;
  const declared = operation.replies[answer.status];
  if (checkReplies) {
    if (declared === undefined) throw new Error(`the contract has no reply ${answer.status} here`);
    if (declared.kind === "json") declared.schema.parse(body);
  }
  if (body === undefined) return reply.send();
  return reply
    .header("content-type", "application/json; charset=utf-8")
    .header("cache-control", "no-store")
    .send(JSON.stringify(body));
}
