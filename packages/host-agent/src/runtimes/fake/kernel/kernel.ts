import type { Change, FsContext } from "../fs/changes.ts";
import type { Clocks } from "../fs/devices.ts";
import { dropIfUnused } from "../fs/inodes.ts";
import { closePipeEnd } from "./pipes.ts";
import { harmlessSignals, signalNumbers } from "./signals.ts";
import type { ExitStatus, OpenFile, Process, World } from "../world/world.ts";

/** Rounds of all processes before other work of this (real) process gets its turn. */
const ROUNDS_PER_TURN = 20;

export interface KernelEvents {
  /** One turn of everything that is not a process: the agent moves bytes. True when it moved any. */
  pump(): boolean;
  changed(change: Change): void;
  ended(process: Process, status: ExitStatus): void;
  /** When the agent next wants to be called although nothing happens, in guest monotonic time. */
  nextDeadline(): number | undefined;
}

/**
 * Runs a `World`: time, scheduling, the end of processes. Cooperative and single-threaded: a program does a bounded piece of
 * work for each step. Between two steps the world is whole and may be copied.
 */
export class Kernel implements Clocks, FsContext {
  readonly world: World;
  readonly #step: (kernel: Kernel, process: Process) => boolean;
  readonly #events: KernelEvents;
  #wallOffsetMs = 0;
  #monotonicOffsetMs = 0;
  #isRunning = false;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(world: World, events: KernelEvents, step: (kernel: Kernel, process: Process) => boolean) {
    this.world = world;
    this.#events = events;
    this.#step = step;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#wallOffsetMs = this.world.wallMs - hostMs();
    this.#monotonicOffsetMs = this.world.monotonicMs - hostMs();
    this.#isRunning = true;
    this.wake();
  }

  /** Stands still, clocks included. */
  stop(): void {
    if (!this.#isRunning) return;
    this.world.wallMs = this.wallMs();
    this.world.monotonicMs = this.monotonicMs();
    this.#isRunning = false;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  wallMs(): number {
    return this.#isRunning ? hostMs() + this.#wallOffsetMs : this.world.wallMs;
  }

  monotonicMs(): number {
    return this.#isRunning ? hostMs() + this.#monotonicOffsetMs : this.world.monotonicMs;
  }

  setWallClock(ms: number): void {
    this.#wallOffsetMs = ms - hostMs();
    this.world.wallMs = ms;
  }

  now(): number {
    return this.wallMs();
  }

  changed(change: Change): void {
    this.#events.changed(change);
  }

  /** Something happened: look at everybody soon. */
  wake(): void {
    if (!this.#isRunning || this.#immediate !== undefined) return;
    this.#immediate = setImmediate(() => {
      this.#immediate = undefined;
      if (this.#isRunning) this.#turn();
    });
  }

  #turn(): void {
    let hasMoved = true;
    for (let round = 0; hasMoved && round < ROUNDS_PER_TURN && this.#isRunning; round++) {
      hasMoved = false;
      for (const process of [...this.world.processes.values()]) {
        if (process.status === null && this.#step(this, process)) hasMoved = true;
      }
      if (this.#events.pump()) hasMoved = true;
    }
    if (hasMoved) this.wake();
    else this.#sleep();
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    let until = this.#events.nextDeadline() ?? Infinity;
    for (const process of this.world.processes.values()) {
      if (process.status === null && process.wait?.untilMs !== undefined) until = Math.min(until, process.wait.untilMs);
    }
    if (until === Infinity || !this.#isRunning) return;
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(until - this.monotonicMs(), 0) + 0.5, 2 ** 30));
  }

  process(pid: number): Process | undefined {
    return this.world.processes.get(pid);
  }

  signal(process: Process, name: string): void {
    if (process.status !== null) return;
    if (name === "SIGSTOP" || name === "SIGTSTP") process.isStopped = true;
    if (name === "SIGCONT") process.isStopped = false;
    this.wake();
    if (name === "SIGSTOP" || name === "SIGTSTP" || harmlessSignals.has(name)) return;
    if (name !== "SIGKILL" && process.ignored.includes(name)) return;
    const traps = process.shell?.traps;
    if (name !== "SIGKILL" && traps !== undefined && name in traps) {
      process.caught.push(name);
      return;
    }
    this.end(process, { code: 128 + (signalNumbers[name] ?? 0), signal: name });
  }

  signalGroup(pgid: number, name: string): boolean {
    const members = [...this.world.processes.values()].filter(
      (process) => process.pgid === pgid && process.status === null,
    );
    for (const process of members) this.signal(process, name);
    return members.length > 0;
  }

  /** The process is no more, except for its status, which its parent may ask for. */
  end(process: Process, status: ExitStatus): void {
    if (process.status !== null) return;
    for (const fd of [...process.fds.keys()]) this.close(process, fd);
    this.releaseFrames(process);
    for (const { file } of process.pending) this.release(this.world.files.get(file)!);
    process.pending = [];
    process.wait = null;
    process.status = status;
    for (const [port, listener] of this.world.listeners)
      if (listener.pid === process.pid) this.world.listeners.delete(port);
    for (const child of this.world.processes.values()) {
      if (child.ppid !== process.pid) continue;
      child.ppid = 1;
      if (child.status !== null) this.world.processes.delete(child.pid);
    }
    if (process.ppid === 1 || !this.world.processes.has(process.ppid)) this.world.processes.delete(process.pid);
    this.#events.ended(process, status);
    this.wake();
  }

  /** Descriptors that a shell put aside while a redirected group runs. */
  releaseFrames(process: Process): void {
    for (const frame of process.shell?.frames ?? []) {
      for (const [, id] of frame.savedFds) this.release(this.world.files.get(id)!);
      frame.savedFds = [];
    }
  }

  close(process: Process, fd: number): void {
    const file = this.world.files.get(process.fds.get(fd) ?? -1);
    process.fds.delete(fd);
    if (file !== undefined) this.release(file);
  }

  release(file: OpenFile): void {
    if (--file.refs > 0) return;
    this.world.files.delete(file.id);
    if (file.kind === "file") {
      const inode = this.world.inodes.get(file.ino);
      if (inode !== undefined) {
        inode.opens--;
        dropIfUnused(this.world, inode);
      }
    }
    if (file.kind === "pipe") closePipeEnd(this.world, file.pipe, file.end);
    if (file.kind === "socket") {
      closePipeEnd(this.world, file.readPipe, "read");
      closePipeEnd(this.world, file.writePipe, "write");
    }
    this.wake();
  }
}

function hostMs(): number {
  return performance.timeOrigin + performance.now();
}
