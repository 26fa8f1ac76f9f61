import { randomUUID } from "node:crypto";
import { exists, ROOT, find, may, absolute } from "../fs/lookup.ts";
import { KernelError } from "../world/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { newOpenFile, newPipe } from "../kernel/pipes.ts";
import { findExecutable, spawn } from "../kernel/spawn.ts";
import { signalName } from "../kernel/signals.ts";
import { newTerminal } from "../kernel/terminals.ts";
import type { CommandRecord, OpenFile } from "../world/world.ts";
import { Attachment } from "./attachment.ts";
import { baseEnv } from "./hello.ts";
import { text, user, type Operation } from "./operation.ts";
import { OperationError } from "./stream.ts";

const DEFAULT_REPLAY_BYTES = 262_144;
const MAX_LIVE = 1024;
const MAX_FINISHED = 64;

export const exec: Operation = (context, args) => {
  const record = start(context.kernel, args);
  if (args["detach"] === true) context.stream.ok({ id: record.id, pid: record.pid });
  else new Attachment(context, record, false);
};

export const attachCommand: Operation = (context, args) => {
  const record = context.kernel.world.commands.get(text(args, "id"));
  if (record === undefined) throw new OperationError("process_not_found", `no process ${text(args, "id")}`);
  new Attachment(context, record, args["replay"] !== false);
};

export const listCommands: Operation = ({ kernel, stream }) => {
  stream.ok({
    processes: [...kernel.world.commands.values()].map((record) => ({
      id: record.id,
      pid: record.pid,
      argv: record.argv,
      shell: record.shell,
      cwd: record.cwd,
      user: record.user,
      tag: record.tag,
      pty: record.terminal !== null,
      stdin: record.hasStdin,
      running: record.result === null,
      exit_code: record.result?.exit_code ?? null,
      started_at_ms: Math.floor(record.startedAtMs),
    })),
  });
};

export const signalCommand: Operation = ({ kernel, stream }, args) => {
  const name = signalName(text(args, "signal"));
  if (name === undefined) throw new OperationError("bad_request", `unknown signal ${text(args, "signal")}`);
  const id = args["id"];
  const pid = typeof id === "string" ? kernel.world.commands.get(id)?.pid : Number(args["pid"]);
  const isOurs = [...kernel.world.commands.values()].some((record) => record.pid === pid && record.result === null);
  const process = kernel.process(pid ?? -1);
  if (isOurs) kernel.signalGroup(pid!, name);
  else if (process !== undefined && typeof id !== "string") kernel.signal(process, name);
  else throw new OperationError("process_not_found", `no process ${typeof id === "string" ? id : pid}`);
  stream.ok({});
};

/** Starts a command; what can't be found or run still is a command, which says so and exits 127 or 126. */
export function start(kernel: Kernel, args: Record<string, unknown>): CommandRecord {
  const { world } = kernel;
  const live = [...world.commands.values()].filter((record) => record.result === null).length;
  if (live >= MAX_LIVE) throw new OperationError("too_many_processes", `at most ${MAX_LIVE} processes`);
  const who = user(kernel, args);
  const shell = typeof args["shell"] === "string" ? args["shell"] : null;
  const argv = Array.isArray(args["argv"]) ? (args["argv"] as string[]) : null;
  if ((shell === null) === (argv === null)) throw new OperationError("bad_request", "give either argv or shell");
  const id = typeof args["id"] === "string" ? args["id"] : `p-${randomUUID().slice(0, 8)}`;
  if (world.commands.get(id)?.result === null)
    throw new OperationError("already_exists", `a process ${id} runs already`);
  const cwd = folderFor(kernel, args, who);
  const pty = args["pty"] as { rows: number; cols: number } | undefined;
  const env: Record<string, string> = {
    ...baseEnv(who.name, who.home, who.shell),
    ...(pty === undefined ? {} : { TERM: "xterm-256color" }),
    ...world.baseEnv,
    ...(args["env"] as Record<string, string> | undefined),
  };
  const words = shell === null ? argv! : ["/bin/sh", "-c", shell];
  const found = findExecutable(world, words, { path: env["PATH"] ?? "", cwd, who });
  const plan =
    "code" in found
      ? { program: "sh", argv: ["sh", "-c", `printf '%s\\n' "$1" >&2; exit ${found.code}`, "sh", found.message] }
      : { program: found.program, argv: shell === null ? found.argv : ["sh", "-c", shell] };

  const fds = new Map<number, OpenFile>();
  const terminal = pty === undefined ? null : newTerminal(world, pty);
  const stdin = terminal === null && args["stdin"] === true ? newPipe(world, { readers: 0, writers: 1 }) : null;
  const stdout = terminal === null ? newPipe(world, { readers: 1, writers: 0 }) : world.pipes.get(terminal.output)!;
  const stderr = terminal === null ? newPipe(world, { readers: 1, writers: 0 }) : null;
  if (terminal !== null) {
    const file = newOpenFile(world, { kind: "terminal", terminal: terminal.id });
    for (const fd of [0, 1, 2]) fds.set(fd, file);
  } else {
    fds.set(0, stdin === null ? nullFile(kernel) : newOpenFile(world, { kind: "pipe", pipe: stdin.id, end: "read" }));
    fds.set(1, newOpenFile(world, { kind: "pipe", pipe: stdout.id, end: "write" }));
    fds.set(2, newOpenFile(world, { kind: "pipe", pipe: stderr!.id, end: "write" }));
  }
  const process = spawn(kernel, { ppid: 1, who, argv: plan.argv, env, cwd, umask: 0o022, fds, program: plan.program });
  if (terminal !== null) terminal.foreground = process.pgid;
  const timeoutMs = typeof args["timeout_ms"] === "number" ? args["timeout_ms"] : 0;
  const now = kernel.monotonicMs();
  const record: CommandRecord = {
    id,
    pid: process.pid,
    argv,
    shell,
    cwd,
    user: who.name,
    tag: typeof args["tag"] === "string" ? args["tag"] : null,
    hasStdin: stdin !== null || terminal !== null,
    terminal: terminal?.id ?? null,
    stdinPipe: stdin?.id ?? null,
    stdoutPipe: stdout.id,
    stderrPipe: stderr?.id ?? null,
    replayLimit: typeof args["replay_bytes"] === "number" ? args["replay_bytes"] : DEFAULT_REPLAY_BYTES,
    replay: [],
    replayBytes: 0,
    startedAtMs: kernel.wallMs(),
    startedMonotonicMs: now,
    deadlineMs: timeoutMs > 0 ? now + timeoutMs : null,
    isTimedOut: false,
    result: null,
  };
  world.commands.delete(id);
  world.commands.set(id, record);
  forgetOld(kernel);
  return record;
}

function forgetOld(kernel: Kernel): void {
  const finished = [...kernel.world.commands.values()].filter((record) => record.result !== null);
  for (const record of finished.slice(0, Math.max(0, finished.length - MAX_FINISHED)))
    kernel.world.commands.delete(record.id);
}

function folderFor(
  kernel: Kernel,
  args: Record<string, unknown>,
  who: { uid: number; gid: number; groups: number[]; home: string },
): string {
  const asked = args["cwd"];
  if (asked === undefined) return exists(kernel.world, who.home, ROOT)?.kind === "dir" ? who.home : "/";
  const path = absolute(who.home, text(args, "cwd"));
  try {
    const inode = find(kernel.world, path, who);
    if (inode.kind === "dir" && may(inode, who, 1)) return path;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
  throw new OperationError("cwd_not_found", `${path}: no such folder for ${who.uid}`);
}

function nullFile(kernel: Kernel): OpenFile {
  const { ino } = find(kernel.world, "/dev/null", ROOT);
  return newOpenFile(kernel.world, { kind: "file", ino, offset: 0, append: false, readable: true, writable: true });
}
