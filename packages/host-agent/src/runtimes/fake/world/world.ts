import type { ShellState } from "../shell/state.ts";

/**
 * Everything a fake guest knows, as plain data: what a real guest has in memory and on disk. A snapshot is this object
 * written down, a fork is a copy of it, so nothing that must survive may live in a closure, a promise or a timer.
 */
export interface World {
  /** Guest clocks at the moment the world was written down; meaningless while it runs. */
  wallMs: number;
  monotonicMs: number;
  hostname: string;
  bootId: string;
  /** Generator of /dev/urandom: the same seed and counter give the same bytes, as a copied guest's would. */
  random: { seed: string; counter: number };
  /** Of the last applied `refresh`. */
  generation: string | null;
  token: string | null;
  baseEnv: Record<string, string>;
  /** What the `counter` program counts. */
  counter: number;
  /** The newest of what was written to the console, and how much there was in all. */
  consoleText: string;
  consoleWritten: number;
  nextPid: number;
  nextId: number;
  inodes: Map<number, Inode>;
  /** By device: what is in the drives, and the inode of the folder that it is mounted on. */
  volumes: Map<string, { file: string; mount: number | null; readOnly: boolean }>;
  processes: Map<number, Process>;
  files: Map<number, OpenFile>;
  pipes: Map<number, Pipe>;
  terminals: Map<number, Terminal>;
  /** By port. */
  listeners: Map<number, Listener>;
  commands: Map<string, CommandRecord>;
}

export type InodeKind = "file" | "dir" | "symlink" | "char" | "fifo" | "socket";

export interface Inode {
  readonly ino: number;
  readonly kind: InodeKind;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  /** Folder and name, kept up to date by rename. No hard links: an inode has one place. */
  parent: number;
  name: string;
  /** On a tmpfs: part of memory, not of the disk. */
  inMemory: boolean;
  /** Open files that refer to it; an unlinked inode lives until the last is closed. */
  opens: number;
  isUnlinked: boolean;
  /** Of a file: `data` may be longer than `size`, so that appending does not copy each time. */
  data: Buffer;
  size: number;
  entries: Map<string, number>;
  target: string;
  /** Which device or /proc file answers reads and writes. */
  device: string;
  xattrs: Map<string, string>;
}

export interface Pipe {
  readonly id: number;
  chunks: Buffer[];
  bytes: number;
  readers: number;
  writers: number;
}

export type OpenFile = { readonly id: number; refs: number } & (
  | { kind: "file"; ino: number; offset: number; append: boolean; readable: boolean; writable: boolean }
  | { kind: "pipe"; pipe: number; end: "read" | "write" }
  | { kind: "terminal"; terminal: number }
  | { kind: "socket"; readPipe: number; writePipe: number }
);

export interface Terminal {
  readonly id: number;
  rows: number;
  cols: number;
  echo: boolean;
  canonical: boolean;
  /** The line being typed, not yet readable. */
  line: Buffer;
  /** Complete lines; an empty chunk is an end of file (^D on an empty line). */
  ready: Buffer[];
  /** What the agent reads. */
  output: number;
  /** The group that ^C goes to. */
  foreground: number;
  isHungUp: boolean;
}

export interface Listener {
  readonly port: number;
  readonly pid: number;
  readonly address: string;
  /** Pipes of connections nobody accepted yet. */
  backlog: { readPipe: number; writePipe: number }[];
}

/** What a blocked process waits for. Checked by the scheduler; any one that holds wakes it. */
export interface Wait {
  readonly readable?: number;
  readonly child?: true;
  readonly untilMs?: number;
  readonly accept?: number;
  /** Nothing but a signal. */
  readonly forever?: true;
}

export interface ExitStatus {
  readonly code: number;
  readonly signal: string | null;
}

export interface Process {
  readonly pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  uid: number;
  gid: number;
  groups: number[];
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  umask: number;
  /** Descriptor → open file. */
  fds: Map<number, number>;
  program: string;
  /** The program's own memory. */
  state: Record<string, unknown>;
  shell: ShellState | null;
  /** Writes that did not fit yet; the program runs on when they are gone. */
  pending: { file: number; data: Buffer }[];
  wait: Wait | null;
  /** Set when it has ended but `pending` is not empty yet. */
  leaving: ExitStatus | null;
  /** Set on a zombie. */
  status: ExitStatus | null;
  isStopped: boolean;
  ignored: string[];
  /** Caught signals that the shell has not handled yet. */
  caught: string[];
  startedAtMs: number;
}

/** A process the agent started for the API, and the newest of its output. */
export interface CommandRecord {
  readonly id: string;
  readonly pid: number;
  readonly argv: string[] | null;
  readonly shell: string | null;
  readonly cwd: string;
  readonly user: string;
  readonly tag: string | null;
  readonly hasStdin: boolean;
  readonly terminal: number | null;
  readonly stdinPipe: number | null;
  readonly stdoutPipe: number;
  readonly stderrPipe: number | null;
  readonly replayLimit: number;
  replay: { channel: number; data: Buffer }[];
  replayBytes: number;
  readonly startedAtMs: number;
  readonly startedMonotonicMs: number;
  readonly deadlineMs: number | null;
  isTimedOut: boolean;
  result: { exit_code: number; signal: string | null; timed_out: boolean; duration_ms: number } | null;
}
