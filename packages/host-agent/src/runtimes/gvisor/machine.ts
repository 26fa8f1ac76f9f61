import { copyFile, open, readdir, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { constants, mkdirSync } from "node:fs";
import type { Duplex } from "node:stream";
import { crashPoint } from "@pandastack/platform";
import { flushImage } from "../../pool/index.ts";
import type { ConsoleText, ExitReason, Machine, MachineRecord, SnapshotOptions, SnapshotOutcome } from "../runtime.ts";
import { connectAgent } from "./agent-channel.ts";
import { Console } from "./console.ts";
import { killContainer, stateOf, type Container } from "./container.ts";
import { CHECKPOINT_FILES, writeImage } from "./image.ts";
import { Life } from "./life.ts";
import { diskPath, removeMachineFiles, volumePath } from "./machine-files.ts";
import { cpuMs, guestMemoryBytes, sandboxMemoryBytes } from "./memory.ts";
import { imagesIn } from "./root-disk.ts";
import { checkpointInto, pauseContainer, resumeContainer } from "./sentry.ts";
import { CONTAINER_LAYOUTS } from "./spec.ts";
import { growMounted, volumeDir } from "./volume-mounts.ts";

/** Of a checkpoint under way, in the image's folder. */
const UNFINISHED = "unfinished";

const GOFER_ENDED = "its gofer, which serves its disk, ended";

/** A guest that runs (or is paused) on the sentry. */
export class GvisorMachine implements Machine {
  readonly record: MachineRecord;
  readonly exited: Promise<ExitReason>;
  readonly #container: Container;
  readonly #life: Life;
  readonly #console: Console;
  #channel: Duplex | undefined;
  #isPaused = false;
  /** It was asked to pause, and has not said since that it goes on. */
  #mayBePaused = false;

  constructor(container: Container, options: { isPaused?: boolean } = {}) {
    this.#container = container;
    this.#isPaused = this.#mayBePaused = options.isPaused ?? false;
    this.record = container.record;
    this.#life = new Life(container);
    this.#console = new Console(container.files);
    this.exited = this.#life.ended.then(() => ({
      kind: "exited",
      code: null,
      signal: null,
      ranOutOfMemory: container.cgroup.ranOutOfMemory(),
      ...(this.#life.hasLostGofer && { reason: GOFER_ENDED }),
      log: this.#console.read().text.slice(-2000),
    }));
  }

  get disk(): string | undefined {
    return stateOf(this.record).erofs === undefined ? diskPath(this.#container.files) : undefined;
  }

  get mustHangUp(): boolean {
    return !this.#container.build.features.copiesConnected;
  }

  get token(): string {
    return stateOf(this.record).token;
  }

  async connect(): Promise<Duplex> {
    this.#channel?.destroy();
    this.#channel = await connectAgent(this.record.slot.hostIp, () => this.#life.isOver);
    return this.#channel;
  }

  async pause(): Promise<void> {
    if (this.#isPaused) return;
    this.#mayBePaused = true;
    await pauseContainer(this.#container);
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    if (!this.#mayBePaused) return;
    await resumeContainer(this.#container);
    this.#isPaused = this.#mayBePaused = false;
  }

  /**
   * A checkpoint that the machine survives in any case, also one that found the disk full: it is written aside and takes its name
   * when it is whole. One that is not to go on is paused before. So is one with a disk, until that is copied: with a checkpoint
   * the sentry writes down all that it had kept of files, and memory and disk are of one instant.
   */
  async snapshot(options: SnapshotOptions): Promise<SnapshotOutcome> {
    const { imageDir, durable } = options;
    const { disk } = this;
    const { poolDir } = this.#container.files;
    const images = disk === undefined ? [] : imagesIn(poolDir);
    const wasRunning = !this.#isPaused;
    this.#describe(imageDir);
    // A container for a copy is made with its disk, which is not there yet.
    if (disk === undefined) options.onLaidOut?.();
    crashPoint("host.image.laid-out");
    // What is written now does not have to be while it stands still.
    for (const name of images) await flushImage(join(poolDir, name));
    const began = performance.now();
    try {
      if (!options.resume || disk !== undefined) await this.pause();
      crashPoint("host.image.stopped");
      await this.#checkpoint(imageDir);
      for (const name of images) {
        await flushImage(join(poolDir, name));
        await copyFile(join(poolDir, name), join(imageDir, name), constants.COPYFILE_FICLONE_FORCE);
      }
      crashPoint("host.image.written");
    } finally {
      if (options.resume && wasRunning) await this.resume();
    }
    const pausedMs = options.resume && wasRunning ? performance.now() - began : 0;
    const unfinished = join(imageDir, UNFINISHED);
    for (const name of CHECKPOINT_FILES) await rename(join(unfinished, name), join(imageDir, name));
    await rm(unfinished, { recursive: true });
    if (durable) await Promise.all([...CHECKPOINT_FILES, ...images].map((name) => flush(join(imageDir, name))));
    return { pausedMs, dirtyBytes: guestMemoryBytes(this.record.pid) };
  }

  #describe(imageDir: string): void {
    const { runscKey, erofs, token } = stateOf(this.record);
    const layout = CONTAINER_LAYOUTS[erofs === undefined ? "disk" : "memory"];
    writeImage(imageDir, { layout, runscKey, ...(erofs !== undefined && { erofs }), token });
  }

  async #checkpoint(imageDir: string): Promise<void> {
    const unfinished = join(imageDir, UNFINISHED);
    mkdirSync(unfinished, { mode: 0o700 });
    try {
      await checkpointInto(this.#container, unfinished);
    } catch (error) {
      // Emptied first: the sentry may hold them open for a while.
      for (const name of await readdir(unfinished)) await truncate(join(unfinished, name));
      await rm(unfinished, { recursive: true, force: true });
      throw error;
    }
  }

  async announceVolume(drive: number): Promise<void> {
    const { files } = this.#container;
    await growMounted(volumePath(files, drive), volumeDir(files.dir, drive));
  }

  async stop(): Promise<void> {
    this.#channel?.destroy();
    await killContainer(this.record);
    crashPoint("host.machine.killed");
    await this.#container.cgroup.remove();
    removeMachineFiles(this.#container.files);
  }

  leave(): void {
    this.#channel?.destroy();
    this.#life.leave();
  }

  imageBytes(): number {
    return guestMemoryBytes(this.record.pid);
  }

  usage(): Promise<{ pid: number; rssBytes: number; cpuMs: number }> {
    const { pid } = this.record;
    const pids = new Set([pid, ...this.#container.cgroup.processes()]);
    return Promise.resolve({ pid, rssBytes: sandboxMemoryBytes(pid), cpuMs: cpuMs([...pids]) });
  }

  consoleLog(): Promise<ConsoleText> {
    return Promise.resolve(this.#console.read());
  }

  watchConsole(changed: () => void): () => void {
    return this.#console.watch(changed);
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
