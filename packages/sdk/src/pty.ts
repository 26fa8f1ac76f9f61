import type { CommandOptions } from "./commands.ts";
import type { Process } from "./process.ts";
import type { Processes } from "./processes.ts";

export interface PtyOptions extends CommandOptions {
  rows?: number | undefined;
  cols?: number | undefined;
  /** Default: a login shell. */
  command?: string | undefined;
}

const LOGIN_SHELL = "command -v bash >/dev/null && exec bash -li; exec sh -l";

export class Pty {
  readonly #processes: Processes;

  constructor(processes: Processes) {
    this.#processes = processes;
  }

  /**
   * A terminal in the sandbox; its output is all stdout.
   * @example
   * const terminal = await sandbox.pty.open({ rows: 24, cols: 80 });
   * await terminal.write("ls\nexit\n");
   * for await (const { data } of terminal.output) process.stdout.write(data);
   * const { exitCode } = await terminal.exited;
   */
  async open(options: PtyOptions = {}): Promise<Process> {
    const { rows = 24, cols = 80, command = LOGIN_SHELL, ...rest } = options;
    return this.#processes.open(command, { ...rest, pty: { rows, cols } });
  }
}
