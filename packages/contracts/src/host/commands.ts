import { z } from "zod";
import { HostNetwork } from "./network.ts";
import { HostSandbox, HostSnapshot, SandboxId, SnapshotId } from "./state.ts";
import { HostTemplateSource } from "./templates.ts";
import { ForkVolumes, HostVolume, SandboxVolume, VOLUMES_PER_SANDBOX, VolumeId } from "./volumes.ts";

/** Environment of every process started in the sandbox through the API. Names without `=` and NUL, values without NUL. */
export const Env = z.record(
  z.string().regex(/^[^=\0]{1,256}$/),
  z
    .string()
    .max(65_536)
    .regex(/^[^\0]*$/),
);

/** Most children of one fork: the contract's cap, and what one reply can hold below the client's 30 s. */
export const MAX_FORK_CHILDREN = 16;

/**
 * Commands that change what is on a host. Each is repeatable: the same operation id answers with the same result for 24 h
 * and does nothing twice.
 */
export const HostCommand = z.discriminatedUnion("name", [
  z.object({
    name: z.literal("createSandbox"),
    sandboxId: SandboxId,
    from: z.union([HostTemplateSource, z.object({ snapshotId: SnapshotId })]),
    runtime: z.enum(["auto", "microvm", "gvisor", "fake"]),
    env: Env,
    persistent: z.boolean(),
    /** Default open. In force before the guest's first instruction. */
    network: HostNetwork.optional(),
    volumes: z.array(SandboxVolume).max(VOLUMES_PER_SANDBOX).optional(),
  }),
  z.object({ name: z.literal("deleteSandbox"), sandboxId: SandboxId }),
  z.object({ name: z.literal("pauseSandbox"), sandboxId: SandboxId }),
  z.object({ name: z.literal("resumeSandbox"), sandboxId: SandboxId }),
  z.object({
    name: z.literal("hibernateSandbox"),
    sandboxId: SandboxId,
    /** Only when nothing is open in it and its network has carried no packet for so long; else `sandbox.in_use`. */
    ifQuietForMs: z.int().min(0).optional(),
    /** Said with the event. */
    cause: z.enum(["idle"]).optional(),
  }),
  z.object({ name: z.literal("wakeSandbox"), sandboxId: SandboxId }),
  z.object({ name: z.literal("setPersistent"), sandboxId: SandboxId, persistent: z.boolean() }),
  z.object({ name: z.literal("setNetwork"), sandboxId: SandboxId, network: HostNetwork }),
  z.object({ name: z.literal("createSnapshot"), sandboxId: SandboxId, snapshotId: SnapshotId }),
  z.object({ name: z.literal("deleteSnapshot"), snapshotId: SnapshotId }),
  z.object({
    name: z.literal("forkSandbox"),
    sandboxId: SandboxId,
    children: z
      // `network`: the parent's when it is left out.
      .array(
        z.object({
          sandboxId: SandboxId,
          env: Env,
          persistent: z.boolean(),
          network: HostNetwork.optional(),
          volumes: ForkVolumes.optional(),
        }),
      )
      .min(1)
      .max(MAX_FORK_CHILDREN),
  }),
  z.object({ name: z.literal("createVolume"), volumeId: VolumeId, volumeName: z.string(), sizeBytes: z.int() }),
  z.object({
    name: z.literal("cloneVolume"),
    volumeId: VolumeId,
    from: VolumeId,
    volumeName: z.string(),
    isSnapshot: z.boolean(),
  }),
  z.object({ name: z.literal("growVolume"), volumeId: VolumeId, sizeBytes: z.int() }),
  z.object({ name: z.literal("deleteVolume"), volumeId: VolumeId }),
]);
export type HostCommand = z.infer<typeof HostCommand>;
export type HostCommandName = HostCommand["name"];

/** Body of `POST /v1/operations`. `hostId` and `epoch`, when given, must be this host's: else `host.wrong_epoch`. */
export const HostOperation = z.object({
  operationId: z.string().min(8).max(64),
  hostId: z.string().optional(),
  epoch: z.string().optional(),
  command: HostCommand,
});
export type HostOperation = z.infer<typeof HostOperation>;

export const ForkResult = z.object({
  /** How long the parent stood still, in milliseconds. 0 for a hibernated parent. */
  pausedMs: z.number(),
  /** In the order asked for. */
  children: z.array(
    z.union([
      z.object({ ok: z.literal(true), sandbox: HostSandbox }),
      z.object({ ok: z.literal(false), sandboxId: SandboxId, error: z.string(), code: z.string() }),
    ]),
  ),
});
export type ForkResult = z.infer<typeof ForkResult>;

/** Answer of each command, by name. */
export interface HostResults {
  createSandbox: HostSandbox;
  deleteSandbox: Record<string, never>;
  pauseSandbox: HostSandbox;
  resumeSandbox: HostSandbox;
  hibernateSandbox: HostSandbox;
  wakeSandbox: HostSandbox;
  setPersistent: HostSandbox;
  setNetwork: HostSandbox;
  createSnapshot: HostSnapshot;
  deleteSnapshot: Record<string, never>;
  forkSandbox: ForkResult;
  createVolume: HostVolume;
  cloneVolume: HostVolume;
  growVolume: HostVolume;
  deleteVolume: Record<string, never>;
}
export const hostResultSchemas = {
  createSandbox: HostSandbox,
  deleteSandbox: z.object({}),
  pauseSandbox: HostSandbox,
  resumeSandbox: HostSandbox,
  hibernateSandbox: HostSandbox,
  wakeSandbox: HostSandbox,
  setPersistent: HostSandbox,
  setNetwork: HostSandbox,
  createSnapshot: HostSnapshot,
  deleteSnapshot: z.object({}),
  forkSandbox: ForkResult,
  createVolume: HostVolume,
  cloneVolume: HostVolume,
  growVolume: HostVolume,
  deleteVolume: z.object({}),
} satisfies Record<HostCommandName, z.ZodType>;
