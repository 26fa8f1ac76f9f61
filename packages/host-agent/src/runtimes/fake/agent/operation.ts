import type { Kernel } from "../kernel/kernel.ts";
import { findUser, type User } from "../kernel/users.ts";
import type { FakeAgent } from "./agent.ts";
import { OperationError, type GuestStream } from "./stream.ts";

export interface OperationContext {
  readonly agent: FakeAgent;
  readonly kernel: Kernel;
  readonly stream: GuestStream;
}

/** Starts an operation: answers on the stream now or later, or throws an `OperationError` or `KernelError`. */
export type Operation = (context: OperationContext, args: Record<string, unknown>) => void;

export function text(args: Record<string, unknown>, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw new OperationError("bad_request", `${name} must be a string`);
  return value;
}

/** A path of the guest: absolute, without NUL. */
export function path(args: Record<string, unknown>, name = "path"): string {
  const value = text(args, name);
  if (!value.startsWith("/") || value.includes("\0"))
    throw new OperationError("bad_request", `${name} must be absolute and without NUL`);
  return value;
}

export function user(kernel: Kernel, args: Record<string, unknown>): User {
  const name = args["user"] === undefined ? "root" : text(args, "user");
  const found = findUser(kernel.world, name);
  if (found === undefined) throw new OperationError("user_not_found", `no user ${name}`);
  return found;
}
