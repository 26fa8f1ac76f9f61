import { setTimeout as delay } from "node:timers/promises";
import type { ExecRequest, ExecResult } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { StandInSandbox } from "./state.ts";

export type Said = { readonly channel: 1 | 2; readonly data: Buffer };

/** Something that runs until it ends, is killed, or times out. */
export class StandInProcess {
  static nextPid = 100;
  readonly pid = StandInProcess.nextPid++;
  readonly id: string;
  readonly killed = new AbortController();
  exitSignal: string | undefined;

  constructor(id: string | undefined) {
    this.id = id ?? `process-${this.pid}`;
  }

  kill(signal: string): void {
    this.exitSignal = signal;
    this.killed.abort();
  }
}

export function requireUser(user: string | undefined): void {
  if (user !== undefined && !["root", "user", "0", "1000"].includes(user))
    throw new Refusal("guest.user_not_found", `no user ${user}`);
}

/**
 * The few commands that tests need: `echo X`, `stderr X`, `exit N`, `sleep S`, `spew BYTES`, `env NAME`, `tick N MS`,
 * `bytes HEX` (one byte at a time), `cat FILE`. Anything else succeeds and says nothing.
 */
export async function* runCommand(
  sandbox: StandInSandbox,
  request: ExecRequest,
  process: StandInProcess,
): AsyncGenerator<Said, ExecResult> {
  const begun = performance.now();
  const timeout = new AbortController();
  const timer = request.timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(), request.timeoutMs);
  const signal = AbortSignal.any([timeout.signal, process.killed.signal]);
  const result = (exit_code: number): ExecResult => ({
    exit_code,
    signal: null,
    timed_out: false,
    duration_ms: performance.now() - begun,
  });
  try {
    const line = request.shell ?? request.argv?.join(" ") ?? "";
    let exitCode = 0;
    for (const part of line.split(/\s*;\s*/)) {
      exitCode = yield* runOne(part.trim(), sandbox, request, signal);
      if (part.startsWith("exit")) break;
    }
    return result(exitCode);
  } catch (error) {
    if (timeout.signal.aborted) return { ...result(124), signal: "SIGKILL", timed_out: true };
    if (process.killed.signal.aborted) return { ...result(137), signal: process.exitSignal ?? "SIGKILL" };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function* runOne(
  text: string,
  sandbox: StandInSandbox,
  request: ExecRequest,
  signal: AbortSignal,
): AsyncGenerator<Said, number> {
  const [name = "", ...rest] = text.split(" ");
  const argument = rest.join(" ");
  switch (name) {
    case "echo":
      yield { channel: 1, data: Buffer.from(`${argument}\n`) };
      return 0;
    case "stderr":
      yield { channel: 2, data: Buffer.from(`${argument}\n`) };
      return 0;
    case "env":
      yield { channel: 1, data: Buffer.from(`${{ ...sandbox.env, ...request.env }[argument] ?? ""}\n`) };
      return 0;
    case "exit":
      return Number(argument);
    case "nosuchcommand":
      yield { channel: 2, data: Buffer.from("sh: nosuchcommand: not found\n") };
      return 127;
    case "sleep":
      await delay(Number(argument) * 1000, undefined, { signal });
      return 0;
    case "spew": {
      const block = Buffer.alloc(65_536, "x");
      for (let left = Number(argument); left > 0; left -= block.length)
        yield { channel: 1, data: block.subarray(0, Math.min(left, block.length)) };
      return 0;
    }
    case "tick":
      for (let i = 0; i < Number(rest[0]); i++) {
        yield { channel: 1, data: Buffer.from(`tick ${i}\n`) };
        await delay(Number(rest[1]), undefined, { signal });
      }
      return 0;
    case "bytes":
      for (const byte of Buffer.from(argument, "hex")) yield { channel: 1, data: Buffer.from([byte]) };
      return 0;
    case "cat": {
      const file = sandbox.files.get(argument);
      if (file === undefined) return 1;
      yield { channel: 1, data: file.content };
      return 0;
    }
    default:
      return 0;
  }
}
