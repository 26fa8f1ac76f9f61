import { constants } from "node:fs";
import { chmod, copyFile, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { waitFor, crashPoint } from "@pandastack/platform";
import { isAlive, isEnding, ownMemoryBytes, processStat } from "../../processes/proc.ts";
import type { ConsoleText, ExitReason, Machine, MachineRecord, SnapshotOptions, SnapshotOutcome } from "../runtime.ts";
import { noteChanges } from "./changes.ts";
import { rootDisk } from "./command-line.ts";
import { Console } from "./console.ts";
import { resumeWhenPoolHasRoom } from "./full-disk.ts";
import { DEVICES, DISK, isRestored, MEMORY, removeMachineFiles } from "./machine-files.ts";
import type { MemoryDumper } from "./memory-dump.ts";
import type { DirtyPages } from "./memory-pages.ts";
import { vmmEnded } from "./qmp.ts";
import { announceVolume, volumeFilesIn } from "./volumes.ts";
import { connectAgent, killVmm, readLog, type Vmm } from "./vmm.ts";

const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const EXIT_POLL_MS = 20;

/** A guest that runs (or is paused) in a QEMU process. */
export class QemuMachine implements Machine {
  readonly record: MachineRecord;
  readonly disk: string;
  readonly exited: Promise<ExitReason>;
  readonly #vmm: Vmm;
  readonly #dumper: MemoryDumper;
  readonly #console: Console;
  #channel: Duplex | undefined;

  constructor(vmm: Vmm, dumper: MemoryDumper, channel?: Duplex) {
    this.#vmm = vmm;
    this.#dumper = dumper;
    this.#console = new Console(vmm.files, vmm.qmp);
    this.#channel = channel;
    this.record = vmm.record;
    this.disk = join(vmm.files.dir, DISK);
    resumeWhenPoolHasRoom(vmm.qmp, this.disk);
    this.exited = vmm.qmp.closed.then(async () => {
      await waitFor(() => !isAlive(this.record.pid, this.record.pidStartTime), {
        timeoutMs: 60_000,
        intervalMs: EXIT_POLL_MS,
        message: "the VMM closed its control socket and lives on",
      }).catch(() => killVmm(this.record));
      return {
        kind: "exited",
        code: null,
        signal: null,
        ranOutOfMemory: vmm.cgroup.ranOutOfMemory(),
        log: readLog(vmm.files),
      };
    });
  }

  async connect(): Promise<Duplex> {
    this.#channel?.destroy();
    this.#channel = await connectAgent(this.#vmm);
    return this.#channel;
  }

  async pause(): Promise<void> {
    await this.#vmm.qmp.command("stop");
  }

  async resume(): Promise<void> {
    await this.#vmm.qmp.command("cont");
  }

  async snapshot(options: SnapshotOptions): Promise<SnapshotOutcome> {
    try {
      return await this.#snapshot(options);
    } catch (error) {
      // Whichever part of it noticed first: its memory, its files or its control socket.
      const { pid, pidStartTime } = this.record;
      throw isEnding(pid, pidStartTime) ? vmmEnded(error) : error;
    }
  }

  /**
   * Everything that can be done while the guest runs is done before it stops: the image's memory file is laid out as a
   * copy-on-write copy, and the disk's dirty blocks are written (a reflink waits for them otherwise, in the pause).
   */
  async #snapshot(options: SnapshotOptions): Promise<SnapshotOutcome> {
    const { dir } = this.#vmm.files;
    const image = {
      memory: join(options.imageDir, MEMORY),
      devices: join(options.imageDir, DEVICES),
      disk: join(options.imageDir, DISK),
    };
    const volumes = volumeFilesIn(dir).map((name) => ({ from: join(dir, name), to: join(options.imageDir, name) }));
    await Promise.all([
      layOut(join(dir, MEMORY), image.memory),
      flush(this.disk).then(() => layOut(this.disk, image.disk)),
      ...volumes.map(({ from }) => flush(from)),
    ]);
    options.onLaidOut?.();
    crashPoint("host.image.laid-out");
    const wasRunning = ((await this.#vmm.qmp.command("query-status")) as { running: boolean }).running;
    const began = performance.now();
    if (wasRunning) await this.pause();
    crashPoint("host.image.stopped");
    let dirty: DirtyPages;
    try {
      [dirty] = await Promise.all([
        this.#dumper.dump({ pid: this.record.pid, memoryFile: join(dir, MEMORY), target: image.memory }),
        this.#vmm.qmp.command("xen-save-devices-state", { filename: "/vm/out/devices", live: false }),
        copyFile(this.disk, image.disk, constants.COPYFILE_FICLONE_FORCE),
        ...volumes.map(({ from, to }) => copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)),
      ]);
      crashPoint("host.image.written");
    } finally {
      if (wasRunning && options.resume) await this.resume();
    }
    const pausedMs = options.resume && wasRunning ? performance.now() - began : 0;
    await rename(join(dir, "out", "devices"), image.devices);
    await Promise.all([chmod(image.memory, 0o444), chmod(image.devices, 0o444), chmod(image.disk, 0o400)]);
    // Of one that goes on, many may be made, who share the image's pages.
    const changes =
      options.resume || !isRestored(this.#vmm.files) ? undefined : await noteChanges(options.imageDir, dir, dirty.runs);
    const files = [image.memory, image.devices, image.disk, ...volumes.map(({ to }) => to)];
    if (changes !== undefined) files.push(changes);
    if (options.durable) await Promise.all(files.map(flush));
    return { pausedMs, dirtyBytes: dirty.bytes };
  }

  async setDurable(durable: boolean): Promise<void> {
    await this.#vmm.qmp.command("blockdev-reopen", { options: [rootDisk(durable)] });
    if (durable) await flush(this.disk);
  }

  announceVolume(drive: number): Promise<void> {
    return announceVolume(this.#vmm.qmp, this.#vmm.files, drive);
  }

  async stop(): Promise<void> {
    this.#channel?.destroy();
    await killVmm(this.record);
    crashPoint("host.machine.killed");
    this.#vmm.qmp.close();
    await this.#vmm.cgroup.remove();
    removeMachineFiles(this.#vmm.files);
  }

  imageBytes(): number {
    return ownMemoryBytes(this.record.pid);
  }

  usage(): Promise<{ pid: number; rssBytes: number; cpuMs: number }> {
    const stat = processStat(this.record.pid);
    return Promise.resolve({
      pid: this.record.pid,
      rssBytes: (stat?.rssPages ?? 0) * PAGE_BYTES,
      cpuMs: ((stat?.cpuTicks ?? 0) * 1000) / CLOCK_TICKS_PER_SECOND,
    });
  }

  consoleLog(): Promise<ConsoleText> {
    return this.#console.read();
  }

  watchConsole(changed: () => void): () => void {
    return this.#console.watch(changed);
  }
}

async function layOut(base: string, target: string): Promise<void> {
  await copyFile(base, target, constants.COPYFILE_FICLONE_FORCE);
  // Root writes it all the same; machines that are started meanwhile may read it.
  await chmod(target, 0o444);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
