import { errorRegistry, type ErrorBody, type ErrorCode } from "@pandastack/contracts";

/**
 * Expected: the caller can act on it. Carries a code of the registry; becomes HTTP in one function.
 * `details` is shown to the caller as it is: never put internals there.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ErrorCode;
  readonly details: unknown;
  /** Seconds for a `Retry-After` header. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: unknown; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The world failed. `message` is for the caller, `operatorMessage` and `cause` for the log. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: ErrorCode;
  readonly operatorMessage: string;
  constructor(code: ErrorCode, message: string, options: { operatorMessage?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.operatorMessage = options.operatorMessage ?? message;
  }
}

/** A bug: what was believed is not so. Never caught locally. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

export function invariant(condition: unknown, believed: string): asserts condition {
  if (!condition) throw new BrokenInvariant(`broken invariant: ${believed}`);
}

/** Status and body of any thrown thing. What is neither refusal nor fault says nothing about itself. */
export function toErrorResponse(error: unknown, requestId?: string): { status: number; body: ErrorBody } {
  const code: ErrorCode = error instanceof Refusal || error instanceof Fault ? error.code : "internal.error";
  const { status, retryable } = errorRegistry[code];
  const text = error instanceof Refusal || error instanceof Fault ? error.message : "internal error";
  const body: ErrorBody = { error: text, code, retryable };
  if (requestId !== undefined) body.request_id = requestId;
  if (error instanceof Refusal && error.details !== undefined) body.details = error.details;
  return { status, body };
}
