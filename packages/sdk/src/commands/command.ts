import type { CallOptions, Http } from "../transport/http.ts";
import { withinLimit } from "../transport/limit.ts";
import { Stream } from "../transport/stream.ts";
import type { CommandExit, CommandOutput, Connection, Started } from "./connection.ts";
import { openConnection } from "./request.ts";
import { checkResult, collectResult, type CommandEvent, type CommandResult, type OutputCallbacks } from "./result.ts";

/** How to wait for a command. */
export interface WaitOptions extends CallOptions, OutputCallbacks {
  /** Throws CommandError where the exit code is not 0. */
  check?: boolean | undefined;
}

/**
 * A command in the background. It runs whether or not anybody listens: a handle joins it when it is first asked for output,
 * input or the end, and `commands.connect(id)` makes another one at any time, from anywhere.
 */
export class Command {
  /** Finds it again: `commands.connect(id)`. */
  readonly id: string;
  /** Of the sandbox. */
  readonly pid: number;
  readonly #http: Http;
  readonly #sandboxPath: string;
  #connection: Promise<Connection> | undefined;

  constructor(http: Http, sandboxPath: string, started: Started, connection?: Connection) {
    this.#http = http;
    this.#sandboxPath = sandboxPath;
    this.id = started.id;
    this.pid = started.pid;
    this.#connection = connection === undefined ? undefined : Promise.resolve(connection);
  }

  /**
   * What it wrote lately (256 KiB of each stream are kept), then what it writes, as bytes, until it ends. Leaving the loop
   * early leaves it running.
   * @example for await (const { type, data } of command.output()) process[type].write(data);
   */
  output(options: { signal?: AbortSignal | undefined } = {}): Stream<CommandOutput> {
    const join = () => this.#join(options);
    const close = () => this.disconnect();
    return new Stream(async function* (signal) {
      signal.addEventListener("abort", close, { once: true });
      try {
        yield* (await join()).output;
      } finally {
        signal.removeEventListener("abort", close);
      }
    }, options.signal);
  }

  /**
   * Waits for its end.
   * @example const { exitCode } = await command.wait({ onStdout: (text) => process.stdout.write(text) });
   */
  async wait(options: WaitOptions = {}): Promise<CommandResult> {
    const result = await withinLimit(options, (signal) => collectResult(this.#events(signal), options));
    return checkResult(`command ${this.id}`, result, options.check);
  }

  /** How it ended; settles once its output was read, by `wait` or `output`. */
  async exit(options: CallOptions = {}): Promise<CommandExit> {
    return (await this.#join(options)).exited;
  }

  /** To its stdin, which it must have been started with. Resolves once the bytes have left; false: it has ended. */
  async write(data: string | Uint8Array, options: CallOptions = {}): Promise<boolean> {
    return (await this.#join(options)).write(data);
  }
  /** No more input: a reader inside sees its end. */
  async closeStdin(options: CallOptions = {}): Promise<void> {
    await (await this.#join(options)).endInput();
  }

  /** To its whole process group; `SIGTERM`, `SIGINT`, … */
  async signal(signal: string, options: CallOptions = {}): Promise<void> {
    const path = `${this.#sandboxPath}/processes/${encodeURIComponent(this.id)}/signal`;
    await this.#http.json("POST", path, { ...options, json: { signal } });
  }
  /** SIGKILL to its whole process group. */
  async kill(options: CallOptions = {}): Promise<void> {
    await this.signal("SIGKILL", options);
  }

  /** Ends the connection only; the command goes on, and the next call joins it again. */
  disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  #join(options: CallOptions): Promise<Connection> {
    this.#connection ??= this.#open(options);
    return this.#connection;
  }

  async #open(options: CallOptions): Promise<Connection> {
    try {
      return await openConnection(
        this.#http,
        this.#sandboxPath,
        { attach: { id: this.id, replay: true } },
        { signal: options.signal },
      );
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  async *#events(signal: AbortSignal | undefined): AsyncGenerator<CommandEvent, void> {
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    for await (const { type, data } of this.output({ signal })) {
      const text = decoders[type].decode(data, { stream: true });
      if (text !== "") yield { type, text };
    }
    for (const type of ["stdout", "stderr"] as const) {
      const text = decoders[type].decode();
      if (text !== "") yield { type, text };
    }
    yield { type: "exit", exitCode: (await this.exit({ signal })).exitCode };
  }
}
