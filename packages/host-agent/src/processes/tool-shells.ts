import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { newHexId } from "@pandastack/platform";
import { CommandFailed, TOOL_ENV } from "./run.ts";

/** Scripts at a time; others wait. As many as start beside one another: two machines, four slots, what is removed. */
const MAX_SHELLS = 8;
/** One stays until `rest`. The others of a burst end when it is over. */
const IDLE_MS = 200;
const DEFAULT_TIMEOUT_MS = 30_000;
/** Of what a script says, its end. */
const MAX_OUTPUT_CHARS = 64 * 1024;

interface Job {
  readonly name: string;
  readonly args: readonly string[];
  /** The script with its arguments, as a shell reads it. */
  readonly text: string;
  readonly timeoutMs: number;
  readonly resolve: (said: string) => void;
  readonly reject: (error: CommandFailed) => void;
}

/**
 * Runs scripts of system tools in small shells that stay. Every process that this one starts itself begins with a copy of its
 * page tables: 6 ms of processor time in which nothing else happens here, more than most tools take. Shells end with this
 * process, by the end of their input, after what they are at.
 */
export class ToolShells {
  readonly #shells = new Set<Shell>();
  readonly #waiting: Job[] = [];

  /**
   * Runs `script`, a constant in which `$1`, `$2` … are `args`, and answers what it said, errors included. Throws `CommandFailed`
   * when its exit code is not 0; its message begins with `name`.
   */
  run(
    name: string,
    script: string,
    args: readonly string[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
      const text = `( set -- ${args.map(quoted).join(" ")}\n${script}\n)`;
      this.#waiting.push({ name, args, text, timeoutMs, resolve, reject });
      this.#next();
    });
  }

  /** Ends those that have nothing to do. What is asked for later starts another. */
  rest(): void {
    for (const shell of this.#shells) if (shell.isFree) shell.end();
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const shell = [...this.#shells].find((one) => one.isFree) ?? this.#another();
      if (shell === undefined) return;
      shell.begin(this.#waiting.shift()!);
    }
  }

  #another(): Shell | undefined {
    if (this.#shells.size >= MAX_SHELLS) return undefined;
    const shell = new Shell({
      onFree: () => this.#next(),
      onGone: () => {
        this.#shells.delete(shell);
        this.#next();
      },
      mayEnd: () => this.#shells.size > 1,
    });
    this.#shells.add(shell);
    return shell;
  }
}

interface Owner {
  readonly onFree: () => void;
  readonly onGone: () => void;
  readonly mayEnd: () => boolean;
}

/** One shell, which does one thing at a time. */
class Shell {
  readonly #child: ChildProcess;
  readonly #owner: Owner;
  #job: (Job & { readonly id: string; readonly timer: NodeJS.Timeout }) | undefined;
  #said = "";
  #isGone = false;
  #isTimedOut = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(owner: Owner) {
    this.#owner = owner;
    const child = spawn("sh", [], { detached: true, cwd: "/", env: TOOL_ENV, stdio: ["pipe", "pipe", "ignore"] });
    this.#child = child;
    createInterface(child.stdout).on("line", (line) => this.#hear(line));
    child.once("error", (error) => this.#over(`could not start (${error.message})`));
    // Its script might go on without it, unheard of until it is done.
    child.once("exit", () => this.#job !== undefined && this.#killAll());
    child.once("close", () => this.#over("has ended"));
    // It may end before it has read what it was told.
    child.stdin.on("error", () => {});
    // A script that runs keeps this process, by its timer; a shell that waits does not.
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
  }

  get isFree(): boolean {
    return !this.#isGone && this.#job === undefined;
  }

  begin(job: Job): void {
    clearTimeout(this.#idle);
    const id = newHexId(8);
    const timer = setTimeout(() => this.#stop(), job.timeoutMs);
    this.#job = { ...job, id, timer };
    this.#said = "";
    this.#child.stdin!.write(`${job.text} </dev/null 2>&1\nprintf '\\nanswered ${id} with %s\\n' "$?"\n`);
  }

  #hear(line: string): void {
    const job = this.#job;
    if (job === undefined) return;
    const prefix = `answered ${job.id} with `;
    if (!line.startsWith(prefix)) {
      this.#said = `${this.#said}${line}\n`.slice(-MAX_OUTPUT_CHARS);
      return;
    }
    clearTimeout(job.timer);
    this.#job = undefined;
    // The line end before the answer is not the script's.
    const said = this.#said.slice(0, -1);
    const code = Number(line.slice(prefix.length));
    if (code === 0) job.resolve(said);
    else job.reject(failed(job, { outcome: `failed with exit code ${code}`, exitCode: code, said }));
    this.#idle = setTimeout(() => {
      if (this.isFree && this.#owner.mayEnd()) this.end();
    }, IDLE_MS).unref();
    this.#owner.onFree();
  }

  /** One that is free. */
  end(): void {
    this.#child.stdin!.end();
    this.#leave();
  }

  #stop(): void {
    this.#isTimedOut = true;
    this.#killAll();
  }

  /** It, and all that it has started. */
  #killAll(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      // All of them have ended.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  #over(why: string): void {
    const job = this.#job;
    this.#job = undefined;
    clearTimeout(job?.timer);
    this.#leave();
    if (job === undefined) return;
    const outcome = this.#isTimedOut ? `was killed after ${job.timeoutMs} ms` : `was cut off: its shell ${why}`;
    job.reject(failed(job, { outcome, exitCode: null, said: this.#said }));
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    clearTimeout(this.#idle);
    this.#owner.onGone();
  }
}

function failed(
  job: Job,
  { outcome, exitCode, said }: { outcome: string; exitCode: number | null; said: string },
): CommandFailed {
  const argv = job.args.map((arg) => arg.split("\n", 1)[0]!);
  return new CommandFailed({ file: job.name, argv, outcome, exitCode, signal: null, stdout: "", stderr: said });
}

function quoted(text: string): string {
  if (text.includes("\0")) throw new Error("an argument with a zero byte");
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Those of this process. */
export const toolShells = new ToolShells();
