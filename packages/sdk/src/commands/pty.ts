import type { CallOptions, Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import { Stream } from "../transport/stream.ts";
import type { ProcessInfo } from "../types.ts";
import type { CommandExit, Connection } from "./connection.ts";
import { commandBody, type CommandOptions, openConnection } from "./request.ts";

/** What runs in a terminal, and how large that is. */
export interface PtyOptions extends CommandOptions {
  /** Default 24. */
  rows?: number | undefined;
  /** Default 80. */
  cols?: number | undefined;
  /** Default: a login shell, bash where there is one. */
  command?: string | undefined;
  /**
   * Whether it goes on when this connection is lost, to be joined again by `pty.connect(id)`. `false`: the server sends it
   * SIGHUP then, as a closed window would, also where this program was killed. Default true.
   */
  keep?: boolean | undefined;
}

const LOGIN_SHELL = "command -v bash >/dev/null 2>&1 && exec bash -li; exec sh -l";

/** Terminals of a sandbox. */
export class Pty {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  /**
   * Opens a terminal.
   * @example
   * const terminal = await sandbox.pty.create({ rows: 24, cols: 80 });
   * await terminal.write("ls\nexit\n");
   * await terminal.output.forEach((bytes) => process.stdout.write(bytes));
   * const { exitCode } = await terminal.exited;
   */
  async create(options: PtyOptions = {}): Promise<Terminal> {
    const { rows = 24, cols = 80, command = LOGIN_SHELL, keep, ...rest } = options;
    const body = commandBody(command, { tag: "terminal", ...rest });
    const exec = { ...body, stdin: true, pty: { rows, cols }, keep };
    const connection = await openConnection(this.#http, this.#path, { exec }, { signal: rest.signal });
    return new Terminal(this.#http, this.#path, connection);
  }

  /** Joins one that runs: what it showed lately (256 KiB are kept), then what it shows. Any number may have joined. */
  async connect(id: string, options: CallOptions & { replay?: boolean | undefined } = {}): Promise<Terminal> {
    const { replay = true, ...call } = options;
    const connection = await openConnection(this.#http, this.#path, { attach: { id, replay } }, call);
    return new Terminal(this.#http, this.#path, connection);
  }

  /** Those that were opened through the API. */
  list(options: CallOptions = {}): Listing<ProcessInfo> {
    return Listing.of(async () => {
      const path = `${this.#path}/processes`;
      const { processes } = await this.#http.json<{ processes: ProcessInfo[] }>("GET", path, options);
      return processes.filter((process) => process.pty);
    });
  }

  /** Ends one with all that runs in it. */
  async kill(id: string, options: CallOptions = {}): Promise<void> {
    const path = `${this.#path}/processes/${encodeURIComponent(id)}/signal`;
    await this.#http.json("POST", path, { ...options, json: { signal: "SIGKILL" } });
  }
}

/** A connection to a terminal in a sandbox. */
export class Terminal {
  /** Finds it again: `pty.connect(id)`. */
  readonly id: string;
  /** Of the sandbox. */
  readonly pid: number;
  /** What it shows, as bytes. Read it: the terminal stands still when nobody does. */
  readonly output: Stream<Uint8Array>;
  /** Settles once `output` was read to its end. */
  readonly exited: Promise<CommandExit>;
  readonly #http: Http;
  readonly #sandboxPath: string;
  readonly #connection: Connection;

  constructor(http: Http, sandboxPath: string, connection: Connection) {
    this.#http = http;
    this.#sandboxPath = sandboxPath;
    this.#connection = connection;
    this.id = connection.started.id;
    this.pid = connection.started.pid;
    this.exited = connection.exited;
    this.output = new Stream(async function* (signal) {
      const close = () => connection.close();
      signal.addEventListener("abort", close, { once: true });
      for await (const { data } of connection.output) yield data;
    });
  }

  /** What a keyboard would send. Resolves once the bytes have left. */
  async write(data: string | Uint8Array): Promise<void> {
    await this.#connection.write(data);
  }
  /** The window has another size now. */
  resize(rows: number, cols: number): void {
    this.#connection.resize(rows, cols);
  }
  /** To the shell and its group, through this connection. */
  signal(signal: string): void {
    this.#connection.signal(signal);
  }
  /** SIGKILL to it and its group. */
  async kill(options: CallOptions = {}): Promise<void> {
    await new Pty(this.#http, this.#sandboxPath).kill(this.id, options);
  }
  /** Ends the connection only; with `keep: false` the terminal too. */
  disconnect(): void {
    this.#connection.close();
  }
}
