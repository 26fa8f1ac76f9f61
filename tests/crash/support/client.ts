import { randomUUID } from "node:crypto";
import { errorRegistry, type ErrorCode } from "@pandastack/contracts";
import { waitFor } from "@pandastack/platform";
import type { CrashServer } from "./server.ts";

/** What a client may be told, and nothing else: success, a refusal with a code, or a fault that a repetition may mend. */
export type Outcome =
  | { readonly is: "done"; readonly status: number; readonly body: Json }
  | { readonly is: "refused"; readonly status: number; readonly code: string; readonly text: string }
  | { readonly is: "faulted"; readonly code: string };

// oxlint-disable-next-line typescript/no-explicit-any -- what the server sent: the checks are what looks at its shape
export type Json = any;

/** Longer than the server ever lets anyone wait (queue, command, a client's own 30 s). */
const ANSWER_TIMEOUT_MS = 45_000;
const REPEAT_TIMEOUT_MS = 60_000;
const REPEAT_PAUSE_MS = 100;

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  /** The same in every repetition. */
  readonly key?: string;
  /** A program of the host's may be killed meanwhile: that is no bug, and it may be tried again. */
  readonly mayBreak?: boolean;
}

/** One attempt. Throws where the answer is none of those that a client can count on. */
export async function attempt(server: CrashServer, call: Call): Promise<Outcome> {
  const headers: Record<string, string> = { authorization: `Bearer ${server.token}` };
  if (call.json !== undefined) headers["content-type"] = "application/json";
  if (call.key !== undefined) headers["idempotency-key"] = call.key;
  const init: RequestInit = { method: call.method, headers, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) };
  if (call.json !== undefined) init.body = JSON.stringify(call.json);
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${server.url}${call.path}`, init);
    status = response.status;
    text = await response.text();
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError")
      throw new Error(`${call.method} ${call.path} has had no answer for ${ANSWER_TIMEOUT_MS} ms`, { cause: error });
    return { is: "faulted", code: "connection lost" };
  }
  return judge(call, status, text);
}

function judge(call: Call, status: number, text: string): Outcome {
  const body = text === "" ? undefined : parse(text);
  if (status < 400) return { is: "done", status, body };
  const what = `${call.method} ${call.path} answered ${status}: ${text.slice(0, 500)}`;
  const code = (body as { code?: unknown } | undefined)?.code;
  if (typeof code !== "string" || !Object.hasOwn(errorRegistry, code)) throw new Error(`${what} (no known code)`);
  if (code === "internal.error" && call.mayBreak) return { is: "faulted", code };
  if (code === "internal.error") throw new Error(`${what} (a bug by its own account)`);
  if (errorRegistry[code as ErrorCode].retryable) return { is: "faulted", code };
  if (status >= 500 && status !== 507) throw new Error(`${what} (a fault that no repetition mends)`);
  return { is: "refused", status, code, text };
}

/** As a client that does not give up: repeats under the same key until there is an answer that is none of the server's faults. */
export async function untilAnswered(server: CrashServer, call: Call): Promise<Exclude<Outcome, { is: "faulted" }>> {
  let last = "nothing";
  return waitFor(
    async () => {
      const outcome = await attempt(server, call);
      if (outcome.is !== "faulted") return outcome;
      last = outcome.code;
      return undefined;
    },
    {
      timeoutMs: REPEAT_TIMEOUT_MS,
      intervalMs: REPEAT_PAUSE_MS,
      message: `${call.method} ${call.path} is not answered`,
    },
  ).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; last: ${last}`, { cause: error });
  });
}

/** Like `untilAnswered`, for what has to succeed. */
export async function untilDone(server: CrashServer, call: Call): Promise<Json> {
  const outcome = await untilAnswered(server, call);
  if (outcome.is === "refused") throw new Error(`${call.method} ${call.path} is refused: ${outcome.text}`);
  return outcome.body;
}

export const newKey = (): string => `crash-${randomUUID()}`;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
