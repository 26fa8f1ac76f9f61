import type { ExecRequest, ExecResult } from "@pandastack/contracts/host";
import type { Guest, GuestProcess, ProcessEvent } from "@pandastack/host-agent/guest/guest";
import { withTimeout } from "@pandastack/platform";
import type { Target } from "./target.ts";

/** Longer than anything a case waits for, also in emulation on a busy machine. */
const COMMAND_TIMEOUT_MS = 60_000;

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
  readonly result: ExecResult;
  readonly code: number;
}

/** One sandbox as the cases use it. */
export class Box {
  readonly id: string;
  readonly #target: Target;

  constructor(target: Target, id: string) {
    this.#target = target;
    this.id = id;
  }

  guest(): Promise<Guest> {
    return this.#target.host.guest(this.id);
  }

  /** Runs a shell command to its end, whatever its exit code. */
  async run(shell: string, options: Omit<ExecRequest, "shell" | "argv"> = {}): Promise<Outcome> {
    return collect((await this.guest()).exec({ shell, ...options }), shell);
  }

  /** Standard output of a command that must succeed, without its last newline. */
  async text(shell: string, options: Omit<ExecRequest, "shell" | "argv"> = {}): Promise<string> {
    const outcome = await this.run(shell, options);
    if (outcome.code !== 0)
      throw new Error(`\`${shell}\` must succeed; it exited with ${outcome.code}: ${outcome.stderr.trim()}`);
    return outcome.stdout.replace(/\n$/, "");
  }

  async start(
    request: ExecRequest,
  ): Promise<{ process: GuestProcess; events: AsyncIterator<ProcessEvent>; id: string; pid: number }> {
    const process = (await this.guest()).exec(request);
    const events = process[Symbol.asyncIterator]();
    const first = await events.next();
    if (first.done === true || first.value.kind !== "started")
      throw new Error(`the first event must be "started", not ${JSON.stringify(first.value)}`);
    return { process, events, id: first.value.id, pid: first.value.pid };
  }

  /** A command that goes on by itself. */
  async background(
    shell: string,
    options: Omit<ExecRequest, "shell" | "argv" | "detach"> = {},
  ): Promise<{ id: string; pid: number }> {
    for await (const event of (await this.guest()).exec({ shell, detach: true, ...options })) {
      if (event.kind === "detached") return { id: event.id, pid: event.pid };
    }
    throw new Error(`\`${shell}\` was to go on by itself, but never said that it does`);
  }

  async write(
    path: string,
    content: string | Buffer,
    options: { user?: string; mode?: number; append?: boolean; offset?: number } = {},
  ): Promise<number> {
    const guest = await this.guest();
    return (await guest.writeFile({ path, ...options }, chunksOf(Buffer.from(content)))).bytes;
  }

  async read(path: string, options: { offset?: number; length?: number } = {}): Promise<Buffer> {
    const { body } = await (await this.guest()).readFile({ path, ...options });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}

async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

export async function collect(process: GuestProcess, what: string): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const work = async (): Promise<ExecResult> => {
    for await (const event of process) {
      if (event.kind === "stdout") out.push(event.data);
      if (event.kind === "stderr") err.push(event.data);
      if (event.kind === "result") return event.result;
    }
    throw new Error(`\`${what}\` ended without a result`);
  };
  const result = await withTimeout(work(), COMMAND_TIMEOUT_MS, `\`${what.slice(0, 200)}\` did not end`);
  const bytes = Buffer.concat(out);
  return { bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), result, code: result.exit_code };
}

/** The next events until one satisfies `until`; it is the last of them. */
export async function eventsUntil(
  events: AsyncIterator<ProcessEvent>,
  until: (event: ProcessEvent) => boolean,
  what: string,
): Promise<ProcessEvent[]> {
  const seen: ProcessEvent[] = [];
  const work = async (): Promise<ProcessEvent[]> => {
    for (;;) {
      const next = await events.next();
      if (next.done === true) throw new Error(`the process ended before ${what}`);
      seen.push(next.value);
      if (until(next.value)) return seen;
    }
  };
  return withTimeout(work(), COMMAND_TIMEOUT_MS, `waited for ${what}`);
}

export function textOf(events: readonly ProcessEvent[], kind: "stdout" | "stderr" = "stdout"): string {
  return Buffer.concat(
    events.filter((event) => event.kind === kind).map((event) => (event as { data: Buffer }).data),
  ).toString();
}
