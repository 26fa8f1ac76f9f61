import type WebSocket from "ws";
import { classOf, ConnectionError, TimeoutError } from "./errors.ts";
import type { Channel } from "./socket.ts";

export interface ProcessOutput {
  type: "stdout" | "stderr";
  data: Buffer;
}

export interface ProcessExit {
  /** 128 + n where signal n ended it. */
  exitCode: number;
  signal: string | null;
}

const channelTypes = { 1: "stdout", 2: "stderr" } as const;

/** A connection to a running process. Losing or closing it leaves the process running; `processes.attach` finds it again. */
export class Process {
  readonly id: string;
  readonly pid: number;
  /** What it writes, as it comes. Read it: the connection stands still meanwhile. */
  readonly output: AsyncGenerator<ProcessOutput, void>;
  /** Settles once `output` was read to its end. */
  readonly exited: Promise<ProcessExit>;
  readonly #socket: WebSocket;

  constructor(channel: Channel, started: { id: string; pid: number }) {
    this.id = started.id;
    this.pid = started.pid;
    this.#socket = channel.socket;
    const { promise, resolve, reject } = Promise.withResolvers<ProcessExit>();
    // Who only reads the output need not handle it.
    promise.catch(() => undefined);
    this.exited = promise;
    this.output = readProcess(channel, resolve, reject);
  }

  /** To its stdin. Resolves once the bytes have left, so that a writer goes no faster than the network. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    await new Promise<void>((resolve) => this.#socket.send(bytes, { binary: true }, () => resolve()));
  }
  /** No more input: a reader inside sees its end. */
  endInput(): void {
    this.#say({ end_stdin: true });
  }
  resize(rows: number, cols: number): void {
    this.#say({ resize: { rows, cols } });
  }
  /** To the whole process group. */
  signal(signal: string): void {
    this.#say({ signal });
  }
  /** Ends the connection only. */
  disconnect(): void {
    this.#socket.close();
  }

  #say(message: unknown): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

interface ProcessText {
  result?: { exit_code: number; signal: string | null; timed_out: boolean };
  error?: string;
  code?: string;
}

async function* readProcess(
  channel: Channel,
  resolve: (exit: ProcessExit) => void,
  reject: (error: unknown) => void,
): AsyncGenerator<ProcessOutput, void> {
  try {
    for await (const { data, isBinary } of channel.incoming) {
      if (isBinary) {
        const type = channelTypes[data[0] as 1 | 2];
        if (type !== undefined) yield { type, data: data.subarray(1) };
        continue;
      }
      const text = JSON.parse(data.toString()) as ProcessText;
      if (text.error !== undefined) throw errorOfText(text);
      if (text.result !== undefined) return resolve(exitOf(text.result));
    }
    throw new ConnectionError("the connection ended before the process did", { code: "client.connection" });
  } catch (error) {
    reject(error);
    throw error;
  } finally {
    channel.socket.close();
    reject(new ConnectionError("its output was not read to the end", { code: "client.connection" }));
  }
}

function exitOf(result: NonNullable<ProcessText["result"]>): ProcessExit {
  if (result.timed_out)
    throw new TimeoutError("the command took longer than its timeout and was killed", { code: "exec.timeout" });
  return { exitCode: result.exit_code, signal: result.signal };
}

/** The answer to the opening message: the process that the connection is to. Output never comes before it. */
export async function waitForStart(channel: Channel): Promise<{ id: string; pid: number }> {
  for (;;) {
    const next = await channel.incoming.next();
    if (next.done)
      throw new ConnectionError(`the server closed the connection: ${next.value.reason || next.value.code}`, {
        code: "client.connection",
      });
    if (next.value.isBinary) continue;
    const text = JSON.parse(next.value.data.toString()) as ProcessText & { event?: string; id?: string; pid?: number };
    if (text.error !== undefined) {
      channel.socket.close();
      throw errorOfText(text);
    }
    if (text.event === "started") return { id: text.id ?? "", pid: text.pid ?? 0 };
  }
}

function errorOfText(text: ProcessText): Error {
  return new (classOf(undefined, text.code))(text.error ?? "the process failed", { code: text.code });
}
