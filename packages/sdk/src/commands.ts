import { CommandError, classOf, ConnectionError, type PandaStackError } from "./errors.ts";
import type { CallOptions, Http } from "./http.ts";
import { readServerEvents } from "./sse.ts";

export interface CommandOptions extends CallOptions {
  /** The process group is killed after this many milliseconds and TimeoutError thrown. 0 or absent: no limit. */
  timeoutMs?: number | undefined;
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** Name or number. Default root. */
  user?: string | undefined;
}

export interface RunOptions extends CommandOptions {
  /** Throws CommandError where the exit code is not 0. */
  check?: boolean | undefined;
  onStdout?: ((text: string) => void) | undefined;
  onStderr?: ((text: string) => void) | undefined;
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export type CommandEvent =
  | { type: "stdout"; text: string }
  | { type: "stderr"; text: string }
  /** Always the last one. */
  | { type: "exit"; exitCode: number };

/** Commands that end, run by `/bin/sh -c`. What shall outlive its caller is started through `processes`. */
export class Commands {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  /**
   * Runs a command to its end.
   * @example const { stdout } = await sandbox.commands.run("uname -r", { timeoutMs: 5_000 });
   */
  async run(command: string, options: RunOptions = {}): Promise<CommandResult> {
    const result: CommandResult = { exitCode: -1, stdout: "", stderr: "" };
    for await (const event of this.stream(command, options)) {
      if (event.type === "exit") {
        result.exitCode = event.exitCode;
      } else {
        result[event.type] += event.text;
        (event.type === "stdout" ? options.onStdout : options.onStderr)?.(event.text);
      }
    }
    if (options.check === true && result.exitCode !== 0) throw new CommandError(command, result);
    return result;
  }

  /**
   * Output as it comes. Leaving the loop early leaves the command running.
   * @example for await (const event of sandbox.commands.stream("make")) if (event.type === "stdout") process.stdout.write(event.text);
   */
  async *stream(command: string, options: CommandOptions = {}): AsyncGenerator<CommandEvent, void> {
    const response = await this.#http.open("POST", `${this.#path}/exec/stream`, {
      json: commandBody(command, options),
      headers: { accept: "text/event-stream" },
      signal: options.signal,
    });
    for await (const frame of readServerEvents(response.body ?? new ReadableStream())) {
      const event = toCommandEvent(frame.event, JSON.parse(frame.data) as Record<string, unknown>);
      if (event === undefined) continue;
      yield event;
      if (event.type === "exit") return;
    }
    throw new ConnectionError("the connection ended before the command did", { code: "client.connection" });
  }
}

export function commandBody(command: string, options: CommandOptions): Record<string, unknown> {
  const timeoutSeconds = options.timeoutMs ? options.timeoutMs / 1000 : undefined;
  return { cmd: command, timeout_seconds: timeoutSeconds, cwd: options.cwd, env: options.env, user: options.user };
}

function toCommandEvent(event: string, data: Record<string, unknown>): CommandEvent | undefined {
  switch (event) {
    case "stdout":
    case "stderr":
      return { type: event, text: String(data["chunk"]) };
    case "exit":
      return { type: "exit", exitCode: Number(data["exit_code"]) };
    case "error":
      throw streamError(data);
    default:
      return undefined;
  }
}

/** The status is long sent when a stream fails: the frame says it instead. */
function streamError(data: Record<string, unknown>): PandaStackError {
  const code = typeof data["code"] === "string" ? data["code"] : "http.stream";
  return new (classOf(undefined, code))(String(data["error"]), { code, retryable: data["retryable"] === true });
}
