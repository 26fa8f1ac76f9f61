import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Fault } from "@pandastack/platform";

/** One call to a sentry, and what is handed over with it. */
export interface SentryCall {
  /** The sentry's control socket. */
  readonly socket: string;
  readonly method: string;
  readonly arg: Record<string, unknown>;
  readonly files?: readonly { readonly path: string; readonly create?: boolean }[];
}

interface Pending {
  readonly resolve: () => void;
  readonly fail: (said: string) => void;
  readonly abandon: (reason: string) => void;
  readonly timer: NodeJS.Timeout;
}

/** A checkpoint takes as long as its pages; on a machine that is busy many times that. */
const TIMEOUT_MS = 120_000;
/** It ends with its input, at once. One that does not is stuck. */
const END_TIMEOUT_MS = 5_000;

export class SentryCallFailed extends Error {
  constructor(method: string, said: string) {
    super(`${method} failed: ${said}`);
    this.name = "SentryCallFailed";
  }
}

/** The caller's own end: whether the call was made is not known. What is not asked again may be asked later. */
export class CallerEnded extends Fault {
  constructor(method: string, reason: string) {
    super("host.unavailable", "the sandbox's kernel could not be asked; try again", {
      operatorMessage: `${method}: ${reason}`,
    });
  }
}

/** One may have been dying already when it was asked, and its successor dies, too. */
const ATTEMPTS = 3;

/** Asks again where it is not known whether the call was made: only what may be done twice. */
export async function askAgain<T>(
  ask: () => Promise<T>,
  before: () => Promise<void> = async () => {},
  attempts = ATTEMPTS,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CallerEnded) || attempt >= attempts) throw error;
      await before();
    }
  }
}

function readAnswer(line: string): { id: number; error: string } | undefined {
  try {
    return JSON.parse(line) as { id: number; error: string };
  } catch {
    return undefined;
  }
}

/**
 * Open files can only be handed over by a program that Node is not. So one small process makes the calls, for all machines of a
 * build (`native/runsc/call`): it is started with the first, ends with this process, and is started anew where it has ended.
 */
export class SentryCaller {
  readonly #path: string;
  readonly #owner: string;
  readonly #pending = new Map<number, Pending>();
  #process: ChildProcessWithoutNullStreams | undefined;
  #lastId = 0;

  /** `owner`: a folder of this server's, for who looks at processes. */
  constructor(path: string, owner: string) {
    this.#path = path;
    this.#owner = owner;
  }

  call({ socket, method, arg, files = [] }: SentryCall): Promise<void> {
    const id = ++this.#lastId;
    return new Promise<void>((resolve, reject) => {
      const fail = (said: string) => reject(new SentryCallFailed(method, said));
      const abandon = (reason: string) => reject(new CallerEnded(method, reason));
      const timer = setTimeout(() => this.#take(id)?.fail("no answer in time"), TIMEOUT_MS);
      this.#pending.set(id, { resolve, fail, abandon, timer });
      this.#running().stdin.write(`${JSON.stringify({ id, socket, method, arg, files })}\n`);
    });
  }

  /** Ends the process, which nobody may be waiting for any more, and waits until it is gone. */
  async close(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.ref();
    child.stdin.end();
    const stuck = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
    await gone;
    clearTimeout(stuck);
    this.#over(child, "it was ended");
  }

  #running(): ChildProcessWithoutNullStreams {
    if (this.#process) return this.#process;
    // A session of its own: it outlives a Ctrl-C as long as this process does, whose end closes its input.
    const child = spawn(this.#path, [this.#owner], {
      detached: true,
      env: {},
      cwd: "/",
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process = child;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = `${said}${text}`.slice(-1000)));
    // What was written to one that has ended is answered by its end.
    child.stdin.on("error", () => undefined);
    createInterface(child.stdout).on("line", (line) => {
      const answer = readAnswer(line);
      // Half a line is the last word of one that was killed; its end says the rest.
      if (answer === undefined) return void child.kill("SIGKILL");
      const pending = this.#take(answer.id);
      if (answer.error === "") pending?.resolve();
      else pending?.fail(answer.error);
    });
    child.once("error", (error) => this.#over(child, error.message));
    child.once("close", (code, signal) => this.#over(child, `the caller ended with ${signal ?? code}: ${said.trim()}`));
    // Waiting for it does not keep this process; calls do, by their timers.
    child.unref();
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as NodeJS.Timeout).unref();
    return child;
  }

  #over(child: ChildProcessWithoutNullStreams, reason: string): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    for (const id of this.#pending.keys()) this.#take(id)?.abandon(reason);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}

const callers = new Map<string, SentryCaller>();

/** The one of that program for that owner in this process. */
export function callerAt(path: string, owner: string): SentryCaller {
  const key = `${path} ${owner}`;
  const known = callers.get(key) ?? new SentryCaller(path, owner);
  callers.set(key, known);
  return known;
}

export async function closeCallers(): Promise<void> {
  await Promise.all([...callers.values()].map((caller) => caller.close()));
}
