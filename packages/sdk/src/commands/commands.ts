import { ConnectionError, errorOfBody } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { withinLimit } from "../transport/limit.ts";
import { Listing } from "../transport/listing.ts";
import { readServerEvents } from "../transport/sse.ts";
import { Stream } from "../transport/stream.ts";
import type { ProcessInfo } from "../types.ts";
import { Command } from "./command.ts";
import { brokenOff } from "./connection.ts";
import { commandBody, type CommandOptions, openConnection, waitLimitMs } from "./request.ts";
import { checkResult, collectResult, type CommandEvent, type CommandResult, type OutputCallbacks } from "./result.ts";

/** How a command runs that is waited for. */
export interface RunOptions extends CommandOptions, OutputCallbacks {
  /** Throws CommandError where the exit code is not 0. */
  check?: boolean | undefined;
  /** What it reads on its stdin, to the end. Default: nothing. */
  stdin?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** With `stdin`: whether it goes on when this connection is lost. Default true. */
  keep?: boolean | undefined;
}

/** How a command runs in the background. */
export interface StartOptions extends CommandOptions {
  /** Gives it a stdin that `write` and `closeStdin` of its handle reach. Default: it reads nothing. */
  stdin?: boolean | undefined;
  /**
   * Joins it from its first byte: nothing that it writes is lost, and it waits while nobody reads. Without it, what it wrote
   * before somebody joins is kept up to 256 KiB of each stream, and it never waits. Default: with `stdin`.
   */
  attach?: boolean | undefined;
  /**
   * Of an attached one: whether it goes on when this connection is lost, clients that are killed included. `false`: it gets
   * SIGHUP then. Default true.
   */
  keep?: boolean | undefined;
}

/** The header of a streamed command's answer that has its id. */
const COMMAND_ID_HEADER = "x-pandastack-process";

/** Commands of a sandbox, run by `/bin/sh -c`. They wake a hibernated one, and keep it from expiring while they are listened to. */
export class Commands {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  /**
   * Runs a command to its end. Aborting ends the wait and leaves it running. Of each stream 16 Mi characters are kept.
   * @example const { stdout } = await sandbox.commands.run("uname -r", { timeoutMs: 5_000 });
   * @example await sandbox.commands.run("npm test", { onStdout: (text) => process.stdout.write(text), check: true });
   * @throws TimeoutError (`exec.timeout`) after `timeoutMs`; CommandError with `check`
   */
  async run(command: string, options: RunOptions = {}): Promise<CommandResult> {
    const { stdin } = options;
    const limit = { signal: options.signal, timeoutMs: waitLimitMs(options) };
    const result = await withinLimit(limit, async (signal) => {
      if (stdin === undefined) return collectResult(this.stream(command, { ...options, signal }), options);
      const started = await this.start(command, { ...options, signal, stdin: true });
      const feeding = feed(started, stdin);
      // Input that can't be read is the caller's error; a command that ends without reading all of it is none.
      const [outcome, fed] = await Promise.allSettled([started.wait({ ...callbacksOf(options), signal }), feeding]);
      if (fed.status === "rejected") throw fed.reason;
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
    return checkResult(command, result, options.check);
  }

  /**
   * Output as it comes. Leaving the loop early leaves the command running.
   * @example for await (const event of sandbox.commands.stream("make")) if (event.type === "stdout") process.stdout.write(event.text);
   * @example await sandbox.commands.stream("make").forEach((event) => console.log(event));
   */
  stream(command: string, options: CommandOptions = {}): Stream<CommandEvent> {
    return new Stream((signal) => this.#events(command, options, signal), options.signal);
  }

  /**
   * Starts a command in the background and answers at once. It goes on when this program ends.
   * @example
   * const server = await sandbox.commands.start("python3 -m http.server 8000", { tag: "web" });
   * await server.kill();
   */
  async start(command: string, options: StartOptions = {}): Promise<Command> {
    const body = commandBody(command, options);
    const call = { signal: options.signal };
    const { stdin = false, attach = stdin, keep } = options;
    if (attach) {
      const exec = { ...body, stdin, keep };
      const connection = await openConnection(this.#http, this.#path, { exec }, call);
      return new Command(this.#http, this.#path, connection.started, connection);
    }
    const started = await this.#http.json<{ id: string; pid: number }>("POST", `${this.#path}/exec`, {
      json: { ...body, detach: true },
      ...call,
    });
    return new Command(this.#http, this.#path, started);
  }

  /**
   * A command that was started before, by whomever: its kept output, then what it writes.
   * @example const { stdout } = await (await sandbox.commands.connect(id)).wait();
   * @throws NotFoundError (`process.not_found`) where there is none, or it ended a while ago
   */
  async connect(id: string, options: CallOptions = {}): Promise<Command> {
    return new Command(this.#http, this.#path, await this.get(id, options));
  }

  /**
   * What is known of one, by its id or pid: whether it runs, its exit code, what it was started with.
   * @example const { running, exit_code } = await sandbox.commands.get(id);
   * @throws NotFoundError (`process.not_found`) as `connect`
   */
  get(id: string, options: CallOptions = {}): Promise<ProcessInfo> {
    return this.#http.json<ProcessInfo>("GET", `${this.#path}/processes/${encodeURIComponent(id)}`, options);
  }

  /** Those that were started through the API: running ones, and those that ended lately. */
  list(options: CallOptions = {}): Listing<ProcessInfo> {
    return Listing.of(async () => {
      const path = `${this.#path}/processes`;
      return (await this.#http.json<{ processes: ProcessInfo[] }>("GET", path, options)).processes;
    });
  }

  /** To its whole process group. */
  async signal(id: string, signal: string, options: CallOptions = {}): Promise<void> {
    const path = `${this.#path}/processes/${encodeURIComponent(id)}/signal`;
    await this.#http.json("POST", path, { ...options, json: { signal } });
  }
  /** SIGKILL to its whole process group. */
  async kill(id: string, options: CallOptions = {}): Promise<void> {
    await this.signal(id, "SIGKILL", options);
  }

  async *#events(command: string, options: CommandOptions, signal: AbortSignal): AsyncGenerator<CommandEvent, void> {
    const response = await this.#http.open("POST", `${this.#path}/exec/stream`, {
      json: commandBody(command, options),
      headers: { accept: "text/event-stream" },
      signal,
    });
    const id = response.headers.get(COMMAND_ID_HEADER) ?? undefined;
    try {
      for await (const frame of readServerEvents(response.body ?? new ReadableStream())) {
        const event = toCommandEvent(frame.event, JSON.parse(frame.data) as Record<string, unknown>);
        if (event === undefined) continue;
        yield event;
        if (event.type === "exit") return;
      }
    } catch (error) {
      throw error instanceof ConnectionError ? brokenOff(id, error) : error;
    }
    throw brokenOff(id);
  }
}

function callbacksOf({ onStdout, onStderr }: OutputCallbacks): OutputCallbacks {
  return { onStdout, onStderr };
}

async function feed(command: Command, stdin: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  try {
    if (typeof stdin === "string" || stdin instanceof Uint8Array) await command.write(stdin);
    else for await (const chunk of stdin) if (!(await command.write(chunk))) break;
    await command.closeStdin();
  } catch (error) {
    // It would wait for the rest for ever.
    await command.kill().catch(() => undefined);
    throw error;
  }
}

function toCommandEvent(event: string, data: Record<string, unknown>): CommandEvent | undefined {
  switch (event) {
    case "stdout":
    case "stderr":
      return { type: event, text: String(data["chunk"]) };
    case "exit":
      return { type: "exit", exitCode: Number(data["exit_code"]) };
    case "error":
      // The status is long sent when a stream fails: the frame says it instead.
      throw errorOfBody(data);
    default:
      return undefined;
  }
}
