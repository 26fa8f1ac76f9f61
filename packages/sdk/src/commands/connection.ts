import { ConnectionError, errorOfBody, parseJson, TimeoutError } from "../errors/errors.ts";
import type { Channel } from "../transport/socket.ts";
import type { Wire } from "#wire";

/** A piece of what a command wrote. Bytes: what is text may be cut anywhere. */
export interface CommandOutput {
  type: "stdout" | "stderr";
  data: Uint8Array;
}

/** How a command ended. */
export interface CommandExit {
  /** 128 + n where signal n ended it. */
  exitCode: number;
  /** `SIGKILL`, … where a signal ended it. */
  signal: string | null;
}

/** What a terminal or command's connection was opened with. */
export interface Started {
  id: string;
  pid: number;
}

const channelTypes: Record<number, "stdout" | "stderr" | undefined> = { 1: "stdout", 2: "stderr" };
/** Input goes in messages well below what the server takes in one. */
const INPUT_PIECE_BYTES = 64 * 1024;

/** A connection to a running process: input one way, output and its end the other. */
export class Connection {
  readonly started: Started;
  /** What it writes, as it comes. Read it: the connection stands still meanwhile, and in the end so does the process. */
  readonly output: AsyncGenerator<CommandOutput, void>;
  /** Settles once `output` was read to its end. */
  readonly exited: Promise<CommandExit>;
  readonly #socket: Wire;
  #writing: Promise<void> = Promise.resolve();

  constructor(channel: Channel, started: Started, signal: AbortSignal | undefined) {
    this.started = started;
    this.#socket = channel.socket;
    let settle: Settle | undefined;
    this.exited = new Promise<CommandExit>((resolve, reject) => (settle = { resolve, reject }));
    // Who only reads the output need not handle it.
    this.exited.catch(() => undefined);
    this.output = readOutput(channel, started.id, settle!, signal);
  }

  /** Resolves once the bytes have left, so that a writer goes no faster than the network; false: nobody reads them any more. */
  async write(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length; at += INPUT_PIECE_BYTES)
        await this.#send(bytes.subarray(at, at + INPUT_PIECE_BYTES));
    });
    await this.#writing;
    return this.#socket.readyState === this.#socket.OPEN;
  }
  /** After everything that was written. */
  async endInput(): Promise<void> {
    await this.#writing;
    this.#say({ end_stdin: true });
  }
  resize(rows: number, cols: number): void {
    this.#say({ resize: { rows, cols } });
  }
  signal(signal: string): void {
    this.#say({ signal });
  }
  close(): void {
    this.#socket.close();
  }

  /** Who has ended reads nothing: input for it is dropped, as a pipe's would be. */
  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    await new Promise<void>((resolve) => this.#socket.send(bytes, { binary: true }, () => resolve()));
  }
  #say(message: unknown): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

interface Settle {
  resolve: (exit: CommandExit) => void;
  reject: (error: unknown) => void;
}

interface ProcessText {
  event?: string;
  id?: string;
  pid?: number;
  result?: { exit_code: number; signal: string | null; timed_out: boolean };
  error?: string;
  code?: string;
}

const textOf = (data: Uint8Array): ProcessText => Object(parseJson(new TextDecoder().decode(data))) as ProcessText;

async function* readOutput(
  channel: Channel,
  id: string,
  settle: Settle,
  signal: AbortSignal | undefined,
): AsyncGenerator<CommandOutput, void> {
  try {
    for await (const { data, isBinary } of channel.incoming) {
      if (isBinary) {
        const type = channelTypes[data[0] ?? 0];
        if (type !== undefined) yield { type, data: data.subarray(1) };
        continue;
      }
      const text = textOf(data);
      if (text.error !== undefined) throw errorOfBody(text);
      if (text.result !== undefined) return settle.resolve(exitOf(text.result));
    }
    throw signal?.aborted ? signal.reason : brokenOff(id);
  } catch (error) {
    settle.reject(error);
    throw error;
  } finally {
    channel.socket.close();
    settle.reject(new ConnectionError("its output was not read to the end", { code: "client.connection" }));
  }
}

/** A connection that ended before what it was to. The process goes on: how to find it is part of the text. */
export function brokenOff(id: string | undefined, cause?: unknown): ConnectionError {
  return new ConnectionError("the connection ended before the command did", {
    code: "client.connection",
    cause,
    details: id === undefined ? undefined : { commandId: id },
    hint: id === undefined ? undefined : `the command goes on: commands.connect("${id}") joins it again`,
  });
}

function exitOf(result: NonNullable<ProcessText["result"]>): CommandExit {
  if (result.timed_out)
    throw new TimeoutError("the command took longer than its timeout and was killed", { code: "exec.timeout" });
  return { exitCode: result.exit_code, signal: result.signal };
}

/** The answer to the opening message: the process that the connection is to. Output never comes before it. */
export async function waitForStart(channel: Channel, signal?: AbortSignal): Promise<Started> {
  for (;;) {
    const next = await channel.incoming.next();
    if (next.done) {
      if (signal?.aborted) throw signal.reason;
      throw new ConnectionError(`the server closed the connection: ${next.value.reason || next.value.code}`, {
        code: "client.connection",
      });
    }
    if (next.value.isBinary) continue;
    const text = textOf(next.value.data);
    if (text.error !== undefined) {
      channel.socket.close();
      throw errorOfBody(text);
    }
    if (text.event === "started") return { id: text.id ?? "", pid: text.pid ?? 0 };
  }
}
