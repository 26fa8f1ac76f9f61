import {
  AuthError,
  ConflictError,
  ConnectionError,
  InvalidRequestError,
  NotFoundError,
  PandaStackError,
  TimeoutError,
} from "@pandastack/sdk";
import { CommanderError } from "commander";

/** What this command line exits with. Scripts rely on these: they are never given another meaning. */
export const ExitCode = {
  ok: 0,
  /** Whatever has no number of its own. */
  failed: 1,
  /** Something about what was typed, or asked of the server, is wrong. */
  usage: 2,
  /** No token, or one that may not do this. */
  auth: 3,
  /** No such sandbox, snapshot, file … */
  notFound: 4,
  /** Not in this state. */
  conflict: 5,
  /** The server could not be reached, or did not answer in time. */
  unreachable: 6,
  /** The server is full or restarting: the same may work later. */
  busy: 7,
  /** Ctrl-C where something was asked for, as a shell says it. */
  interrupted: 130,
  /** `exec` and `run`: time was up, as `timeout` says it. */
  commandTimeout: 124,
  /** `exec` and `run`: the command was not run, or its end is not known. Anything else is the command's own exit code. */
  notRun: 125,
} as const;

/** For the help of the whole program. */
export const EXIT_CODES_HELP = `Exit codes:
  0 done   1 failed   2 wrong usage   3 not allowed   4 not found   5 wrong state
  6 server not reached   7 busy, try again later
  exec, run, code and ssh exit as the command did; 124: it ran into --timeout; 125: it could not be run`;

/** Something wrong with what was typed; the text is all there is to say. */
export class UsageError extends Error {}

/** The first that fits. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (isInterrupt(error)) return ExitCode.interrupted;
  if (error instanceof UsageError || error instanceof InvalidRequestError) return ExitCode.usage;
  if (error instanceof AuthError) return ExitCode.auth;
  if (error instanceof NotFoundError) return ExitCode.notFound;
  if (error instanceof ConnectionError || error instanceof TimeoutError) return ExitCode.unreachable;
  if (error instanceof PandaStackError && error.code === "client.bad_url") return ExitCode.usage;
  if (error instanceof PandaStackError && error.retryable) return ExitCode.busy;
  if (error instanceof ConflictError) return ExitCode.conflict;
  return ExitCode.failed;
}

/** Who pressed Ctrl-C knows it: there is nothing to be said. */
export const isInterrupt = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

/** What a user reads on stderr: what went wrong, and what to do where that is known. No stack. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`;
  const lines = [`error: ${error.message}`];
  if (error instanceof PandaStackError) {
    if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
    if ((error.status ?? 0) >= 500 && error.requestId !== undefined) lines.push(`request id: ${error.requestId}`);
  }
  return lines.join("\n");
}

/** The same for `--json`: one document on stderr, stdout stays empty. */
export function failureAsJson(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof PandaStackError)) return { error: message, code: "client.error" };
  const { code, hint, status, requestId, retryable, details } = error;
  return { error: message, code, hint, status, request_id: requestId, retryable, details };
}
