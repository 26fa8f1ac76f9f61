import type { Code } from "./tree.ts";

/** Why a shell stands still at an instruction, and what it has so far. */
export type Job =
  | { kind: "children"; pids: number[]; tested: boolean }
  | { kind: "capture"; pid: number; fd: number; chunks: Buffer[]; slot: number }
  /** `wait`; without operands its status is 0. */
  | { kind: "wait"; pids: number[]; isForAll: boolean };

export interface Frame {
  readonly kind: "script" | "function" | "group" | "eval" | "trap";
  readonly code: Code;
  pc: number;
  /** Outputs of command substitutions of the instruction ahead, by slot. */
  slots: Record<number, string>;
  loops: Record<number, string[]>;
  job: Job | null;
  /** Restored when the frame is left: descriptors (file id, or -1 for closed), positional parameters, local variables. */
  savedFds: [number, number][];
  savedArgs: string[] | null;
  savedVars: Record<string, string | null>;
  /** Status before a trap ran. */
  savedStatus: number;
}

export interface ShellState {
  frames: Frame[];
  vars: Record<string, string>;
  exported: string[];
  functions: Record<string, Code>;
  /** $0 */
  name: string;
  args: string[];
  status: number;
  backgroundPid: number | null;
  /** The pid `$$`: a subshell keeps its parent's. */
  pid: number;
  /** Statuses of children that have ended, until someone waits. */
  statuses: Record<number, number>;
  errexit: boolean;
  nounset: boolean;
  xtrace: boolean;
  /** Commands for caught signals, and for `EXIT`. */
  traps: Record<string, string>;
  /** Where commands are read from when not given: descriptor 0, line by line. */
  input: { text: string; isInteractive: boolean; hasEnded: boolean; hasPrompted: boolean } | null;
}

export function newFrame(kind: Frame["kind"], code: Code): Frame {
  return {
    kind,
    code,
    pc: 0,
    slots: {},
    loops: {},
    job: null,
    savedFds: [],
    savedArgs: null,
    savedVars: {},
    savedStatus: 0,
  };
}

export function newShellState(options: {
  name: string;
  args: string[];
  pid: number;
  env: Record<string, string>;
}): ShellState {
  return {
    frames: [],
    vars: { IFS: " \t\n", ...options.env },
    exported: Object.keys(options.env),
    functions: {},
    name: options.name,
    args: options.args,
    status: 0,
    backgroundPid: null,
    pid: options.pid,
    statuses: {},
    errexit: false,
    nounset: false,
    xtrace: false,
    traps: {},
    input: null,
  };
}
