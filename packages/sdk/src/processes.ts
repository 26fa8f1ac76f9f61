import { type CommandOptions, commandBody } from "./commands.ts";
import type { CallOptions, Http } from "./http.ts";
import { Process, waitForStart } from "./process.ts";
import { openSocket } from "./socket.ts";
import type { ProcessInfo } from "./types.ts";

export interface ProcessOptions extends CommandOptions {
  /** Shown in the list of processes. */
  tag?: string | undefined;
}

/** Processes that may outlive the caller: servers, long builds, whatever wants input. */
export class Processes {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  /**
   * Starts a command in the background and answers at once.
   * @example const { id } = await sandbox.processes.start("python3 -m http.server 8000", { tag: "web" });
   */
  async start(command: string, options: ProcessOptions = {}): Promise<{ id: string; pid: number }> {
    const json = { ...commandBody(command, options), tag: options.tag, detach: true };
    return this.#http.json("POST", `${this.#path}/exec`, { json, signal: options.signal });
  }

  /** Starts a command with its input and output connected to the caller. With `pty` it gets a terminal. */
  async open(
    command: string,
    options: ProcessOptions & { stdin?: boolean; pty?: { rows: number; cols: number } } = {},
  ): Promise<Process> {
    const exec = { ...commandBody(command, options), tag: options.tag, stdin: options.stdin ?? true, pty: options.pty };
    return this.#connect({ exec }, options.signal);
  }

  /** Joins a running process: what it wrote last, then what it writes. Any number may be attached. */
  async attach(
    id: string,
    options: { replay?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Process> {
    return this.#connect({ attach: { id, replay: options.replay } }, options.signal);
  }

  async list(options: CallOptions = {}): Promise<ProcessInfo[]> {
    const answer = await this.#http.json<{ processes: ProcessInfo[] }>("GET", `${this.#path}/processes`, options);
    return answer.processes;
  }

  /** To the whole process group; default SIGTERM. */
  async signal(id: string, signal?: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("POST", `${this.#path}/processes/${encodeURIComponent(id)}/signal`, {
      ...options,
      json: { signal },
    });
  }

  async #connect(opening: unknown, signal: AbortSignal | undefined): Promise<Process> {
    const channel = await openSocket(this.#http, `${this.#path}/processes/connect`, {}, signal);
    channel.socket.send(JSON.stringify(opening));
    return new Process(channel, await waitForStart(channel));
  }
}
