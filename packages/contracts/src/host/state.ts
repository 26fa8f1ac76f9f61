import { z } from "zod";
import { HostNetwork } from "./network.ts";
import { SandboxVolume } from "./volumes.ts";

/** What isolates a sandbox from the host. `microvm-tcg` is an emulator: a kernel of its own, but no security boundary by its makers' word. */
export const Isolation = z.enum(["microvm-kvm", "microvm-tcg", "gvisor", "fake"]);
export type Isolation = z.infer<typeof Isolation>;

export const RuntimeName = z.enum(["qemu", "firecracker", "gvisor", "fake"]);
export type RuntimeName = z.infer<typeof RuntimeName>;

/** How a sandbox came to be running. `cold`: booted from its disk, memory not restored. */
export const BootMode = z.enum(["cold", "snapshot", "fork", "wake"]);
export type BootMode = z.infer<typeof BootMode>;

/** What *is* on the host, as opposed to what is wanted. */
export const HostSandboxState = z.enum(["running", "paused", "hibernated", "failed"]);
export type HostSandboxState = z.infer<typeof HostSandboxState>;

export const SandboxId = z.string().regex(/^[a-z0-9]{20}$/, "a sandbox id is 20 characters of a-z and 0-9");
export const SnapshotId = z.uuid();

/** A sandbox as the host agent reports it. */
export const HostSandbox = z.object({
  id: SandboxId,
  state: HostSandboxState,
  runtime: RuntimeName,
  isolation: Isolation,
  template: z.string(),
  fromSnapshot: SnapshotId.nullable(),
  /** The slot's own address in 10.200.0.0/16; unlike the address inside, which is the same everywhere. Null while hibernated or failed. */
  guestIp: z.string().nullable(),
  hostTap: z.string().nullable(),
  mac: z.string(),
  cpus: z.int(),
  memoryMb: z.int(),
  diskMb: z.int(),
  persistent: z.boolean(),
  /** The policy that is in force, or will be when it runs again. */
  network: HostNetwork,
  /** Absent: none. */
  volumes: z.array(SandboxVolume).optional(),
  bootMode: BootMode,
  /** From the command's arrival at the host agent until the guest answered. */
  bootMs: z.number(),
  /** Why it is `failed`, or `hibernated` without its memory: then it starts from its disk. Null otherwise. */
  reason: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
export type HostSandbox = z.infer<typeof HostSandbox>;

/** How a sandbox is being used, as far as its host sees. */
export const HostUse = z.object({
  /** Something is open in it: a command that is waited for, a file under way, a connection. */
  isOpen: z.boolean(),
  /** Since its network was last seen to carry a packet; null while it has no machine, and where there is no network. */
  quietMs: z.int().nullable(),
});
export type HostUse = z.infer<typeof HostUse>;

export const HostSnapshot = z.object({
  id: SnapshotId,
  sandboxId: SandboxId,
  template: z.string(),
  runtime: RuntimeName,
  /** Blocks that belong to this snapshot alone or shared by reflink, as the pool counts them. */
  sizeBytes: z.int(),
  /** What taking it added to the pool: pages that are in no other image. Null where the host did not note it. */
  uniqueBytes: z.int().nullable().default(null),
  /** That its sandbox was created from; null: from a template, or by a fork. */
  parentSnapshotId: SnapshotId.nullable().default(null),
  cpus: z.int(),
  memoryMb: z.int(),
  createdAt: z.iso.datetime(),
});
export type HostSnapshot = z.infer<typeof HostSnapshot>;

export const HostTemplate = z.object({
  name: z.string(),
  /** Names its root file system; null: a runtime without any. */
  rootKey: z.string().nullable().default(null),
  /** Set-up's own: as opposed to one that was built here, which is somebody's. */
  isOwn: z.boolean().default(true),
  runtime: RuntimeName,
  status: z.enum(["baking", "ready", "failed"]),
  cpus: z.int(),
  memoryMb: z.int(),
  diskMb: z.int(),
  sizeBytes: z.int(),
  error: z.string().nullable(),
});
export type HostTemplate = z.infer<typeof HostTemplate>;

/** How short of memory a host is, and so what it does: gives back what waits ahead; hibernates whoever was idle for longest. */
export const MemoryPressure = z.enum(["none", "squeeze", "hibernate"]);
export type MemoryPressure = z.infer<typeof MemoryPressure>;

export const HostInfo = z.object({
  id: z.string(),
  /** Changes whenever the host agent's journal starts anew. A command for another epoch is refused. */
  epoch: z.string(),
  bootId: z.string(),
  /** True once a create of the default template would work. */
  ready: z.boolean(),
  /** What it is waiting for while not ready; null otherwise. */
  notReadyReason: z.string().nullable(),
  runtimes: z.array(
    z.object({ name: RuntimeName, isolation: Isolation, available: z.boolean(), reason: z.string().nullable() }),
  ),
  templates: z.array(HostTemplate),
  /** What the kernel limits each machine in, by a cgroup of its own. */
  limits: z.object({
    controllers: z.array(z.enum(["cpu", "memory", "pids", "io"])),
    /** What is missing and why; null when nothing is. */
    reason: z.string().nullable(),
  }),
  /** Processors that machines share. */
  cpus: z.int(),
  /** Of what runs there, by name. */
  versions: z.record(z.string(), z.string()),
  memory: z.object({ totalBytes: z.int(), availableBytes: z.int(), pressure: MemoryPressure.default("none") }),
  pool: z.object({ totalBytes: z.int(), availableBytes: z.int() }),
  sandboxes: z.object({ running: z.int(), paused: z.int(), hibernated: z.int(), failed: z.int() }),
});
export type HostInfo = z.infer<typeof HostInfo>;

/** Event of the host's journal, numbered without gaps; the control plane asks for those after a number. */
export const HostEvent = z.object({
  seq: z.int(),
  time: z.iso.datetime(),
  sandboxId: SandboxId.nullable(),
  type: z.string(),
  payload: z.record(z.string(), z.unknown()),
});
export type HostEvent = z.infer<typeof HostEvent>;
