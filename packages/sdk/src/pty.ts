import type WebSocket from "ws";
import { ConnectionError, classOf } from "./errors.ts";
import type { Http } from "./http.ts";
import { type Channel, openSocket } from "./socket.ts";

export interface PtyOptions {
  rows?: number | undefined;
  cols?: number | undefined;
  /** Default: a login shell. */
  command?: string | undefined;
  cwd?: string | undefined;
  user?: string | undefined;
  signal?: AbortSignal | undefined;
}

export class Pty {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = sandboxPath;
  }

  /**
   * A terminal in the sandbox.
   * @example
   * const terminal = await sandbox.pty.open({ rows: 24, cols: 80 });
   * terminal.write("ls\nexit\n");
   * for await (const chunk of terminal.output) process.stdout.write(chunk);
   * const exitCode = await terminal.exited;
   */
  async open(options: PtyOptions = {}): Promise<Terminal> {
    const query = { rows: options.rows ?? 24, cols: options.cols ?? 80, cmd: options.command, cwd: options.cwd, user: options.user };
    return new Terminal(await openSocket(this.#http, `${this.#path}/exec/pty`, query, options.signal));
  }
}

export class Terminal {
  /** What the terminal shows, as bytes. Read it: the program inside waits for its reader. */
  readonly output: AsyncGenerator<Buffer, void>;
  /** The program's exit code; settles once `output` was read to its end. */
  readonly exited: Promise<number>;
  readonly #socket: WebSocket;

  constructor(channel: Channel) {
    this.#socket = channel.socket;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    // Who only reads the output need not handle it.
    promise.catch(() => undefined);
    this.exited = promise;
    this.output = readTerminal(channel, resolve, reject);
  }

  write(data: string | Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(Buffer.from(data as Uint8Array), { binary: true });
  }

  resize(rows: number, cols: number): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify({ resize: { rows, cols } }));
  }

  /** Hangs up: the shell gets SIGHUP. */
  close(): void {
    this.#socket.close();
  }
}

async function* readTerminal(
  channel: Channel,
  resolve: (exitCode: number) => void,
  reject: (error: Error) => void,
): AsyncGenerator<Buffer, void> {
  let exitCode: number | undefined;
  try {
    for await (const message of channel.incoming) {
      if (message.isBinary) {
        yield message.data;
        continue;
      }
      const text = JSON.parse(message.data.toString()) as { exit?: number; error?: string; code?: string };
      if (text.exit !== undefined) exitCode = text.exit;
      if (text.error !== undefined) throw new (classOf(undefined, text.code))(text.error, { code: text.code });
    }
    if (exitCode === undefined) throw new ConnectionError("the terminal's connection ended before its program", { code: "client.connection" });
    resolve(exitCode);
  } catch (error) {
    reject(error as Error);
    throw error;
  } finally {
    channel.socket.close();
  }
}
