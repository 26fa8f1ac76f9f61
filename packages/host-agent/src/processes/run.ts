import { spawn } from "node:child_process";

/** What a finished command left behind. `stdout` and `stderr` are cut at `maxOutputBytes` (their ends are kept). */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to stdin, which is then closed. Without it stdin is /dev/null. */
  readonly input?: string | Uint8Array;
  /** SIGKILL after this long. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Replaces the whole environment. The default is only what a system tool needs: nothing of ours leaks into it. */
  readonly env?: Readonly<Record<string, string>>;
  /** How much of each stream is kept. */
  readonly maxOutputBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const ERROR_LINES = 8;

/** System tools live in sbin, which is not on every user's PATH. LC_ALL=C keeps messages parseable. */
export const TOOL_ENV = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

/** A command that did not end with exit code 0. The message names it and quotes the last lines that it wrote. */
export class CommandFailed extends Error {
  readonly file: string;
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(details: {
    file: string;
    argv: readonly string[];
    outcome: string;
    exitCode: number | null;
    signal: string | null;
    stdout: string;
    stderr: string;
    cause?: unknown;
  }) {
    const said = lastLines(details.stderr) || lastLines(details.stdout);
    super(`${[details.file, ...details.argv].join(" ").slice(0, 300)} ${details.outcome}${said ? `: ${said}` : ""}`, {
      cause: details.cause,
    });
    this.name = "CommandFailed";
    this.file = details.file;
    this.argv = details.argv;
    this.exitCode = details.exitCode;
    this.signal = details.signal;
    this.stdout = details.stdout;
    this.stderr = details.stderr;
  }
}

/**
 * Runs a program to its end, without a shell, and resolves when it exits with code 0; else throws `CommandFailed`.
 *
 *     await run("ip", ["-batch", "-"], { input: "link add type veth\n", timeoutMs: 5_000 });
 */
export function run(file: string, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { input, timeoutMs = DEFAULT_TIMEOUT_MS, maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, {
      cwd: options.cwd,
      // A session of its own: a signal to our whole group (Ctrl-C, a stop) does not cut work short, and a timeout can end
      // all that it has started.
      detached: true,
      env: options.env ?? TOOL_ENV,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const stdout = new Tail(maxOutputBytes);
    const stderr = new Tail(maxOutputBytes);
    let isTimedOut = false;
    const deadline = setTimeout(() => {
      isTimedOut = true;
      killGroup(child.pid);
      // A grandchild may hold the pipes open and "close" would wait for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, timeoutMs);

    child.stdout?.on("data", (chunk: Buffer) => stdout.add(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.add(chunk));
    // The program may exit before it has read its input: its exit code says what happened, EPIPE adds nothing.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);

    const fail = (outcome: string, exitCode: number | null, signal: string | null, cause?: unknown): void =>
      reject(
        new CommandFailed({
          file,
          argv,
          outcome,
          exitCode,
          signal,
          stdout: stdout.text(),
          stderr: stderr.text(),
          cause,
        }),
      );
    child.once("error", (cause) => {
      clearTimeout(deadline);
      fail(`could not start (${cause.message})`, null, null, cause);
    });
    child.once("close", (exitCode, signal) => {
      clearTimeout(deadline);
      if (isTimedOut) fail(`was killed after ${timeoutMs} ms`, exitCode, signal);
      else if (exitCode === 0) resolve({ stdout: stdout.text(), stderr: stderr.text() });
      else fail(signal ? `was ended by ${signal}` : `failed with exit code ${exitCode}`, exitCode, signal);
    });
  });
}

/** Keeps the last `limit` bytes of a stream, in chunks: never more than twice the limit in memory. */
class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size > 2 * this.limit) this.compact();
  }

  text(): string {
    this.compact();
    return (this.chunks[0] ?? Buffer.alloc(0)).toString("utf8");
  }

  private compact(): void {
    const all = Buffer.concat(this.chunks);
    const kept = all.subarray(Math.max(0, all.length - this.limit));
    this.chunks = [Buffer.from(kept)];
    this.size = kept.length;
  }
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-ERROR_LINES).join("\n").slice(-2000);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
