import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { FakeAgent } from "./agent/agent.ts";
import { finishCommand, nextDeadline, pumpOutput } from "./agent/output.ts";
import { CONSOLE_DEVICE, writeConsole } from "./world/console.ts";
import { buildRootDisk, mountMemory, writeText } from "./fs/base.ts";
import { Kernel } from "./kernel/kernel.ts";
import { stepProcess } from "./step.ts";
import type { Inode, World } from "./world/world.ts";

/** A running fake guest: its world, the kernel that runs it and the agent that answers for it. */
export class FakeGuest {
  readonly kernel: Kernel;
  readonly #agent: FakeAgent;
  readonly consoleWatchers = new Set<() => void>();

  constructor(world: World, powerOff: () => void) {
    this.kernel = new Kernel(
      world,
      {
        pump: () => {
          const hasMoved = pumpOutput(this.kernel);
          return this.#agent.pump() || hasMoved;
        },
        changed: (change) => {
          if (change.inode.device === CONSOLE_DEVICE) for (const tell of this.consoleWatchers) tell();
          this.#agent.changed(change);
        },
        ended: (process, status) => finishCommand(this.kernel, process, status),
        nextDeadline: () => nextDeadline(this.kernel),
      },
      stepProcess,
    );
    this.#agent = new FakeAgent(this.kernel, powerOff);
  }

  connect(channel: Duplex): void {
    this.#agent.connect(channel);
  }

  start(): void {
    this.kernel.start();
    this.#agent.resume();
  }

  stop(): void {
    this.kernel.stop();
    this.#agent.pause();
  }
}

export function newWorld(nowMs: number): World {
  return {
    wallMs: nowMs,
    monotonicMs: 0,
    hostname: "fake",
    bootId: randomUUID(),
    random: { seed: randomUUID(), counter: 0 },
    generation: null,
    token: null,
    baseEnv: {},
    counter: 0,
    consoleText: "",
    consoleWritten: 0,
    nextPid: 2,
    nextId: 1,
    inodes: new Map(),
    volumes: new Map(),
    processes: new Map(),
    files: new Map(),
    pipes: new Map(),
    terminals: new Map(),
    listeners: new Map(),
    commands: new Map(),
  };
}

/** A guest that starts from power-off: memory is new; the disk is `inodes`, or the built-in one. */
export function bootWorld(inodes: Map<number, Inode> | undefined, nowMs: number): World {
  const world = newWorld(nowMs);
  const context = { world, now: () => nowMs, changed: () => undefined };
  if (inodes === undefined) buildRootDisk(context);
  else {
    world.inodes = inodes;
    world.nextId = Math.max(...inodes.keys()) + 1;
    for (const inode of inodes.values()) {
      inode.opens = 0;
      for (const [name, ino] of inode.entries) if (!inodes.has(ino)) inode.entries.delete(name);
    }
  }
  mountMemory(context);
  writeText(context, "/etc/hostname", `${world.hostname}\n`);
  writeText(context, "/etc/machine-id", `${randomUUID().replaceAll("-", "")}\n`);
  writeConsole(world, "fake guest: booted\n");
  return world;
}
