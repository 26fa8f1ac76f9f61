import type { Duplex } from "node:stream";
import type { HostInfo, Isolation, RuntimeName } from "@pandastack/contracts/host";
import type { NetworkSlot } from "../network/slot.ts";

/**
 * What a runtime is to the rest of the host agent: it turns an image (a folder on the pool) into a machine, and a machine
 * back into an image. It gets prepared paths, names and addresses as plain data and never imports another runtime.
 *
 * An image folder belongs to the runtime that wrote it: qemu keeps memory, device state and disk in it, gVisor a checkpoint,
 * Firecracker its snapshot files. `image.json` in it (see `images/manifest.ts`) names everything its memory depends on.
 */
export interface Runtime {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  /** Names the VMM's build, its machine layout and, where it must be the same, the CPU: part of every image's key. */
  readonly buildKey: string;
  /** Instruction sets of this host that guests may use: an image's must all be here. Absent: `buildKey` covers the CPU. */
  readonly cpuFeatures?: readonly string[];
  /** Whether images of another build can be loaded, by that build, which is still there. Absent: only those of `buildKey`. */
  canLoad?(buildKey: string): boolean;
  /**
   * What `boot` gets as its root disk. Absent: a copy of the template's ext4 image, which becomes the machine's. `erofs`: the
   * template's EROFS image itself, which stays where it is.
   */
  readonly rootImage?: "erofs";
  /** Puts into a template's disk what its guests need to boot, before anything has written to it. Absent: they need nothing. */
  furnish?(rootDisk: string): Promise<void>;
  /** Its guests have no file systems that a program inside could pack: their disk's file is what a template's root is. */
  readonly hasOwnDisks?: true;
  /** What the kernel limits its machines in. Runtimes whose machines are no processes leave it out. */
  readonly limits?: HostInfo["limits"];

  /**
   * Boots `plan.rootDisk` with a kernel: the machine gets another name of this very disk. For baking and for cold starts. The
   * guest runs when the answer is there, so what must be in force before it does must be so before this is called.
   */
  boot(plan: BootPlan): Promise<RunningMachine>;

  /**
   * Brings an image to life: the guest runs and `channel` was connected before it did. Copy-on-write of everything. The
   * guest's first instruction waits for `mayRun`; when that rejects there is none, and nothing is left.
   */
  restore(plan: RestorePlan, mayRun?: Promise<unknown>): Promise<RunningMachine>;

  /**
   * Starts what may wait ahead of a `restore` of whichever image of this size: a VMM without memory and disk. `prepare` and
   * `restore` with the same machine id use it up. Runtimes without such a thing leave it out.
   */
  prepareBlank?(plan: MachinePlan): Promise<MachineRecord>;

  /**
   * Starts what may wait ahead of a `restore` of this image in this slot: an empty VMM in its jail, a created container.
   * It holds no guest. `restore` with the same machine id uses it up. Runtimes without such a thing leave it out.
   */
  prepare?(plan: RestorePlan): Promise<MachineRecord>;

  /** Images for which this is the same take what was prepared for one another. Absent or undefined: each only its own. */
  preparedAlike?(imageDir: string, durable: boolean): string | undefined;

  /** Takes back a `prepare` or `prepareBlank` that no `restore` will use up. */
  discard?(plan: MachinePlan): Promise<void>;

  /** Finds a machine that outlived the agent; undefined when it is gone (what is left of it has been removed). */
  adopt(record: MachineRecord): Promise<Machine | undefined>;

  /** The root disk's name in an image's folder: where an image's memory cannot be restored, its disk can be booted. */
  readonly imageDisk: string;

  /** Its templates' machines have their files in memory: they take no volumes, and leave nothing when they die. */
  readonly isDiskless?: true;

  /** How much a sandbox of this size may write, MiB. Absent: what its root image has room for. */
  diskMb?(size: MachineSize): number;

  /**
   * Its volumes are mounted by this host's kernel, which must not be made to read what the kernel of a guest may have written.
   * Absent: a guest gets the blocks of a volume.
   */
  readonly mountsVolumes?: true;

  /** What the guest agent is told that a volume is. Absent: the block device of its drive. */
  volumeDevice?(drive: number): string;

  /** How volumes' images are made. Absent: ext4, as every runtime with a kernel has them. */
  readonly volumeImages?: VolumeImages;

  /** Removes every trace of a machine that may or may not live: process, sockets, jail, working files. Repeatable. */
  destroy(record: MachineRecord): Promise<void>;

  /** Whether a machine that is gone was ended for going over its memory limit. Asked before `removeUnnamed`. */
  ranOutOfMemory?(record: MachineRecord): boolean;

  /** Removes what machines other than these (by id) still have on the host beside their folders. Repeatable. */
  removeUnnamed?(kept: ReadonlySet<string>): Promise<void>;
}

/** Files that hold volumes. All of it is on disk on return; a failed `make` or `copy` may leave a file. */
export interface VolumeImages {
  /** A new, empty file system of this size. Every byte of it has its place in the pool. */
  make(options: { path: string; name: string; sizeBytes: number }): Promise<void>;
  /** A copy that shares blocks, and how many bytes; into an existing file, too, which then stays the same file. */
  copy(options: { from: string; to: string; sizeBytes: number }): Promise<number>;
  /** Makes the file larger. The file system in it grows when a guest has it. */
  grow(options: { path: string; sizeBytes: number }): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A volume that takes the place of one of the drives a template keeps free. */
export interface VolumePlan {
  /** 0 to 3: the guest sees /dev/vdb to /dev/vde. */
  readonly drive: number;
  /** `link`: this very file, which the guest then writes to. `copyOf`: a copy that ends with the machine. */
  readonly source: { readonly link: string } | { readonly copyOf: string };
}

/** A volume's file in a machine's and in an image's folder. */
export const volumeFileName = (drive: number): string => `volume${drive}`;

/** In an image's folder: what makes the wake of the one sandbox whose memory it is quick. Not part of its copies. */
export const FOR_ITS_WAKE = "for-its-wake";

export interface MachineSize {
  readonly cpus: number;
  readonly memoryMb: number;
}

export interface MachinePlan {
  /** Names the machine's folders and sockets: 12 hex. A sandbox gets a new machine at every create, wake and fork. */
  readonly machineId: string;
  readonly slot: NetworkSlot;
  readonly size: MachineSize;
}

export interface BootPlan extends MachinePlan {
  readonly rootDisk: string;
  readonly durable: boolean;
  readonly volumes?: readonly VolumePlan[];
}

export interface RestorePlan extends MachinePlan {
  readonly imageDir: string;
  /** True: what the guest flushes reaches the disk of the pool, so that it outlives the host's power, too. */
  readonly durable: boolean;
  readonly volumes?: readonly VolumePlan[];
}

/** What the journal keeps of a machine, enough to adopt or destroy it after a crash. JSON. */
export interface MachineRecord {
  readonly runtime: RuntimeName;
  readonly machineId: string;
  readonly slot: NetworkSlot;
  readonly size: MachineSize;
  /** Host pid and its start time in clock ticks since boot (field 22 of /proc/PID/stat): together unmistakable until reboot. */
  readonly pid: number;
  readonly pidStartTime: string;
  /** The host's boot id: after a reboot pids mean nothing. */
  readonly bootId: string;
  /** The build that it runs on. Absent: the runtime's of today. */
  readonly buildKey?: string;
  /** Paths in the cache of what its images are restored with: a build, a root file system. Absent: nothing but the image. */
  readonly needs?: readonly string[];
  /** What else the runtime needs, its own business. */
  readonly state: Readonly<Record<string, unknown>>;
}

export interface RunningMachine {
  readonly machine: Machine;
  /** The byte stream to the guest agent, connected; guest parser at a frame boundary. */
  readonly channel: Duplex;
  /** What the agent asks for on this channel. From the refresh on it is the machine's own. */
  readonly token?: string;
}

export interface SnapshotOptions {
  /** Folder for the image; exists and is empty. */
  readonly imageDir: string;
  /** Whether the machine goes on afterwards. False: it stays paused or is gone, so that the image is the last that there was of it. */
  readonly resume: boolean;
  /** True: the image's files are on the pool's disk on return, not only in the host's page cache. */
  readonly durable: boolean;
  /** Called as soon as the image's files exist at full size, although not yet filled: restores may be prepared from now on. */
  readonly onLaidOut?: () => void;
}

export interface SnapshotOutcome {
  /** How long the guest stood still, ms. */
  readonly pausedMs: number;
  readonly dirtyBytes: number;
}

export interface ConsoleText {
  /** The newest of what the guest has written to its console. */
  readonly text: string;
  /** Characters that there were in all since this process looks: what follows the same figure of an earlier look is new. */
  readonly written: number;
}

export interface ExitReason {
  readonly kind: "exited";
  readonly code: number | null;
  readonly signal: string | null;
  /** It used more memory than its machine may have, and the host ended it for that. */
  readonly ranOutOfMemory: boolean;
  /** Where it is neither that nor that its process ended by itself. */
  readonly reason?: string;
  /** The last of what the process printed, for the operator. */
  readonly log: string;
}

export interface Machine {
  readonly record: MachineRecord;
  /** The writable root disk's path, where there is one. */
  readonly disk?: string | undefined;
  /** Where the agent can be reached by others than the host: what it is to ask for, told it by the first refresh. */
  readonly token?: string;
  /** True: an image of it is of use only if nobody was connected to its agent at that instant. Both ends hang up before. */
  readonly mustHangUp?: boolean;
  /** Settles when the VMM's process is gone, whoever ended it. */
  readonly exited: Promise<ExitReason>;
  /** A new connection to the guest agent. At most one is open at a time: opening a second closes the first. */
  connect(): Promise<Duplex>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Image of memory, devices and disk at one instant. Works on a paused machine too (which then stays paused). */
  snapshot(options: SnapshotOptions): Promise<SnapshotOutcome>;
  /**
   * Whether what the guest flushes reaches the pool's disk, from now on and, where it does, also what it has flushed up to here.
   * Runtimes whose machines keep what they were started with leave it out: then it is so from the next start on.
   */
  setDurable?(durable: boolean): Promise<void>;
  /** Lets the guest have all of a volume's file, which has become larger. */
  announceVolume(drive: number): Promise<void>;
  /** Ends the process at once and removes the machine's sockets and jail; the disk stays. */
  stop(): Promise<void>;
  /** Most that an image's memory would take on the pool if it were made now. */
  imageBytes(): number;
  /** This process is about to end and the machine lives on: closes what was open to look at it. */
  leave?(): void;
  /** Host-side figures. */
  usage(): Promise<{ pid: number; rssBytes: number; cpuMs: number }>;
  consoleLog(): Promise<ConsoleText>;
  /** Calls whenever there may be more of it, at once when there is, until the answered function is called. */
  watchConsole(changed: () => void): () => void;
}
