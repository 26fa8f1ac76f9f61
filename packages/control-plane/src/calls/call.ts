import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { WebSocket } from "ws";
import type { z } from "zod";
import type {
  IsolationPolicy,
  OperationName,
  Operations,
  Role,
  WorkspaceLimits,
  WorkspaceNetwork,
} from "@pandastack/contracts";
import type { Logger } from "@pandastack/platform";

/** Who calls: what its token says. */
export interface Principal {
  readonly workspace: string;
  readonly role: Role;
  readonly tokenPrefix: string;
  /** What its workspace may have. */
  readonly limits: WorkspaceLimits;
  /** What its workspace's sandboxes get where nothing is said, and the most that they can be given. */
  readonly network: WorkspaceNetwork;
  /** What has to isolate its workspace's sandboxes. */
  readonly isolation: IsolationPolicy;
}

type Body<B> = B extends z.ZodType ? z.output<B> : B extends "bytes" ? Readable : undefined;

/** One call of an operation, authorised and parsed. Handlers know nothing else of HTTP. */
export interface Call<N extends OperationName = OperationName> {
  readonly operation: N;
  readonly principal: Operations[N]["role"] extends "public" ? undefined : Principal;
  readonly params: z.output<Operations[N]["params"]>;
  readonly query: z.output<Operations[N]["query"]>;
  readonly body: Body<Operations[N]["body"]>;
  /**
   * 128 random bits that every id made by this call is derived from: a call repeated under its `Idempotency-Key` has the
   * same seed, so what is half done is found and finished, not done twice.
   */
  readonly seed: string;
  /** Aborted once the caller has gone away, or the server has to stop. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** What the caller has shown: only for calls that are made for it, through this server's own door. */
  readonly token: string | undefined;
  /** As they came: for protocols that are spoken inside the body. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** What the caller called this server. */
  readonly host: string;
  readonly userAgent: string;
  /** Of the body, as the caller says. */
  readonly contentType: string | undefined;
  /** What a client that follows events again has had last. */
  readonly lastEventId: string | undefined;
  /** How long a stream may say nothing before it says that it is still there. */
  readonly heartbeatMs: number;
  readonly log: Logger;
}

export interface StreamAnswer {
  readonly status: 200;
  readonly stream: Readable;
  readonly mediaType: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The connection becomes a WebSocket, and this takes it over. */
export interface SocketAnswer {
  readonly status: 101;
  readonly connect: (socket: WebSocket) => void;
}

type AnswerTo<R, S> = R extends { kind: "json"; schema: infer Z extends z.ZodType }
  ? { readonly status: S; readonly body: z.input<Z> } | (R extends { orStream: string } ? StreamAnswer : never)
  : R extends { kind: "empty" }
    ? { readonly status: S }
    : R extends { kind: "stream" }
      ? StreamAnswer
      : R extends { kind: "socket" }
        ? SocketAnswer
        : never;

/** What the contract lets an operation answer with. Anything else is thrown: a refusal or a fault. */
export type Answer<N extends OperationName> = {
  [S in keyof Operations[N]["replies"]]: AnswerTo<Operations[N]["replies"][S], S>;
}[keyof Operations[N]["replies"]];

export type Handler<N extends OperationName> = (call: Call<N>) => Promise<Answer<N>>;
/** Operations that are answered here; the rest is passed on to servers inside sandboxes. */
export type HandledOperation = {
  [N in OperationName]: Operations[N]["isProxied"] extends true ? never : N;
}[OperationName];
/** One handler for every operation that is answered here; a missing one does not compile. */
export type Handlers = { readonly [N in HandledOperation]: Handler<N> };
