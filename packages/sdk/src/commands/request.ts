import type { CallOptions, Http } from "../transport/http.ts";
import { openSocket } from "../transport/socket.ts";
import { Connection, waitForStart } from "./connection.ts";

/** How a command runs. */
export interface CommandOptions extends CallOptions {
  /**
   * The command's own limit in milliseconds: its process group is killed then and TimeoutError thrown, code `exec.timeout`.
   * 0 or absent: none. The HTTP request always waits longer than it.
   */
  timeoutMs?: number | undefined;
  /** Folder that it runs in. Default: the user's home. */
  cwd?: string | undefined;
  /** On top of the sandbox's own. */
  env?: Record<string, string> | undefined;
  /** Name or number. Default root. */
  user?: string | undefined;
  /** Shown in the list of commands. */
  tag?: string | undefined;
}

/** The command's own limit, and for the answer to come here after it. */
const ANSWER_GRACE_MS = 30_000;

/** How long to wait for the end of a command here; undefined: as long as it takes. */
export function waitLimitMs(options: CommandOptions): number | undefined {
  return options.timeoutMs ? options.timeoutMs + ANSWER_GRACE_MS : undefined;
}

export function commandBody(command: string, options: CommandOptions): Record<string, unknown> {
  return {
    cmd: command,
    timeout_seconds: options.timeoutMs ? options.timeoutMs / 1000 : undefined,
    cwd: options.cwd,
    env: options.env,
    user: options.user,
    tag: options.tag,
  };
}

/** What the first message of a process's socket says. `keep`: whether the process outlives the connection. */
export type Opening =
  | {
      exec: Record<string, unknown> & {
        stdin?: boolean;
        pty?: { rows: number; cols: number };
        keep?: boolean | undefined;
      };
    }
  | { attach: { id: string; replay: boolean } };

export async function openConnection(
  http: Http,
  sandboxPath: string,
  opening: Opening,
  options: CallOptions = {},
): Promise<Connection> {
  const { signal } = options;
  const channel = await openSocket(http, `${sandboxPath}/processes/connect`, {}, options);
  channel.socket.send(JSON.stringify(opening));
  return new Connection(channel, await waitForStart(channel, signal), signal);
}
