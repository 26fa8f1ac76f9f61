import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { LifecycleVerb } from "../lifecycle.ts";
import type { Role } from "../shapes/accounts.ts";

/** What an operation can answer with, by status. */
export type Reply =
  | {
      readonly kind: "json";
      readonly schema: z.ZodType;
      readonly description: string;
      /** With `?follow`: a stream of this type instead. */ readonly orStream?: string;
    }
  | { readonly kind: "empty"; readonly description: string }
  /** Bytes as they come, in one of these media types. */
  | { readonly kind: "stream"; readonly mediaTypes: readonly string[]; readonly description: string }
  /** The connection becomes a WebSocket. */
  | { readonly kind: "socket"; readonly description: string };

/**
 * One operation of the public API: everything that the server, its documentation, its clients and the authorisation matrix
 * need to know about it. Data, no behaviour.
 */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The least role that may; `public` needs no token. */
  readonly role: Role | "public";
  /**
   * What it is to the sandbox in its path, for the lifecycle table, which also says whether it wakes a hibernated one.
   * null: its state does not matter.
   */
  readonly verb: LifecycleVerb | null;
  /** Whether it counts as activity for the idle TTL. While it lasts, the sandbox is not idle. */
  readonly isActivity: boolean;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** `bytes`: the body is streamed and has no limit. `null`: none is looked at. */
  readonly body: z.ZodType | "bytes" | null;
  /** Whether `Idempotency-Key` is honoured. */
  readonly idempotent: boolean;
  /** Not answered by a handler but by a server inside a sandbox, whatever the method is. */
  readonly isProxied: boolean;
  readonly replies: Readonly<Record<number, Reply>>;
  readonly errors: readonly ErrorCode[];
}

const defaults = {
  verb: null,
  isActivity: false,
  params: z.object({}),
  query: z.object({}),
  body: null,
  idempotent: false,
  isProxied: false,
  errors: [] as readonly ErrorCode[],
} as const;

type Optional = keyof typeof defaults;
type Given = Omit<Operation, Optional> & Partial<Pick<Operation, Optional>>;
type Completed<O extends Given> = {
  readonly [K in keyof Operation]: K extends keyof O ? O[K] : K extends Optional ? (typeof defaults)[K] : Operation[K];
};

/** Fills in what most operations share. */
export function operation<const O extends Given>(given: O): Completed<O> {
  return { ...defaults, ...given } as unknown as Completed<O>;
}

export const json = <S extends z.ZodType>(schema: S, description: string) =>
  ({ kind: "json", schema, description }) as const;
export const jsonOrStream = <S extends z.ZodType>(schema: S, orStream: string, description: string) =>
  ({ kind: "json", schema, orStream, description }) as const;
export const empty = (description: string) => ({ kind: "empty", description }) as const;
export const stream = (mediaTypes: readonly string[], description: string) =>
  ({ kind: "stream", mediaTypes, description }) as const;
export const socket = (description: string) => ({ kind: "socket", description }) as const;

/** Parameters of everything below `/v1/sandboxes/{id}`. Any text is looked up: an id that cannot be is an unknown one. */
export const sandboxParams = z.object({ id: z.string() });

/** A body that may be missing altogether: clients send POSTs without one, with `text/plain` on it. */
export const optionalBody = <S extends z.ZodType>(schema: S) => schema.optional();
