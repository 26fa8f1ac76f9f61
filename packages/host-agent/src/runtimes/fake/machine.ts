import { copyFileSync } from "node:fs";
import { copyFile, link, mkdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { duplexPair, type Duplex } from "node:stream";
import type { ConsoleText, ExitReason, Machine, MachineRecord, SnapshotOptions, SnapshotOutcome } from "../runtime.ts";
import { FakeGuest } from "./guest.ts";
import { DISK_FILE, type FakeBuild, writeDisk, writeImage } from "./image.ts";
import { saveVolumes } from "./volumes.ts";
import type { World } from "./world/world.ts";

/** Bytes in flight each way before the writer has to wait, about what a virtio port's queue holds. */
const CHANNEL_BYTES = 65_536;

/** Every fake machine says which build it runs on. */
export type FakeRecord = MachineRecord & FakeBuild;

/** One life of a fake sandbox, inside this process. */
export class FakeMachine implements Machine {
  readonly record: FakeRecord;
  readonly disk: string;
  readonly exited: Promise<ExitReason>;
  readonly #guest: FakeGuest;
  readonly #world: World;
  readonly #gone: (reason: ExitReason) => void;
  #channel: Duplex | undefined;
  #isPaused = false;
  #isGone = false;

  constructor(record: FakeRecord, disk: string, world: World) {
    this.record = record;
    this.disk = disk;
    this.#world = world;
    let settle: (reason: ExitReason) => void = () => undefined;
    this.exited = new Promise((resolve) => (settle = resolve));
    this.#gone = settle;
    this.#guest = new FakeGuest(
      world,
      () => void this.#end({ kind: "exited", code: 0, signal: null, ranOutOfMemory: false, log: "" }),
    );
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  start(): void {
    this.#guest.start();
  }

  async connect(): Promise<Duplex> {
    if (this.#isGone) throw new Error(`machine ${this.record.machineId} is gone`);
    this.#channel?.destroy();
    const [host, guest] = duplexPair({ highWaterMark: CHANNEL_BYTES });
    host.on("error", () => undefined);
    // A pair tells its other half about an end, not about a destruction; the port of a machine tells about both.
    host.once("close", () => guest.destroy());
    guest.once("close", () => host.destroy());
    this.#channel = host;
    this.#guest.connect(guest);
    return host;
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#guest.stop();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    if (!this.#isGone) this.#guest.start();
  }

  async snapshot(options: SnapshotOptions): Promise<SnapshotOutcome> {
    if (this.#isGone) throw new Error(`machine ${this.record.machineId} is gone`);
    const start = performance.now();
    this.#guest.stop();
    // The world is encoded before the first await: the guest may go on while its copy is written.
    saveVolumes(this.#world);
    const files = [...this.#world.volumes.values()].map((volume) => volume.file);
    for (const file of files) copyFileSync(file, join(options.imageDir, basename(file)));
    const written = writeImage(options.imageDir, this.#world, this.record);
    if (!options.resume) this.#isPaused = true;
    if (!this.#isPaused) this.#guest.start();
    const pausedMs = this.#isPaused ? 0 : performance.now() - start;
    options.onLaidOut?.();
    return { pausedMs, dirtyBytes: await written };
  }

  /** Its image is a small file. */
  imageBytes(): number {
    return 0;
  }

  /** A fake guest asks the file whenever it wants to know. */
  announceVolume(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    if (!this.#isGone)
      await this.#end({ kind: "exited", code: null, signal: "SIGKILL", ranOutOfMemory: false, log: "" });
    await rm(dirname(this.disk), { recursive: true, force: true });
  }

  /** For tests: the VMM dies on its own. What is in no image is lost with it; the disk is not. */
  async kill(): Promise<void> {
    await this.#end({ kind: "exited", code: null, signal: "SIGKILL", ranOutOfMemory: false, log: "killed by a test" });
  }

  async usage(): Promise<{ pid: number; rssBytes: number; cpuMs: number }> {
    return {
      pid: this.record.pid,
      rssBytes: 20 * 1024 * 1024,
      cpuMs: Math.round(this.#guest.kernel.monotonicMs() / 100),
    };
  }

  async consoleLog(): Promise<ConsoleText> {
    return { text: this.#world.consoleText, written: this.#world.consoleWritten };
  }

  watchConsole(changed: () => void): () => void {
    this.#guest.consoleWatchers.add(changed);
    return () => this.#guest.consoleWatchers.delete(changed);
  }

  async #end(reason: ExitReason): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#guest.stop();
    this.#channel?.destroy();
    // The fake's disk is always synced: what the guest had written is on it.
    await writeDisk(this.disk, this.#world);
    saveVolumes(this.#world);
    this.#gone(reason);
  }
}

/** The machine's disk, in its folder: another name of the same file, or a copy. */
export async function placeDisk(folder: string, source: { takeOver: string } | { copyOf: string }): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, DISK_FILE);
  if ("takeOver" in source) await link(source.takeOver, path);
  else await copyFile(source.copyOf, path);
  return path;
}
