import { z } from "zod";
import { BootMode, EgressMbps, Env, Isolation, MAX_FORK_CHILDREN, RuntimeName } from "../host/index.ts";
import { sandboxStates } from "../lifecycle.ts";
import {
  CPU_LIMIT,
  IDLE_TIMEOUT_DEFAULT_SECONDS,
  METADATA_KEYS_LIMIT,
  METADATA_KEY_LIMIT_CHARACTERS,
  METADATA_VALUE_LIMIT_CHARACTERS,
  TTL_LIMIT_SECONDS,
} from "../limits.ts";
import { Network } from "./network.ts";
import { Timestamp } from "./timestamp.ts";
import { AttachedVolume, VolumeMounts } from "./volumes.ts";

export const SandboxStatus = z.enum(sandboxStates).meta({ id: "SandboxStatus" });

export const Metadata = z
  .record(z.string().min(1).max(METADATA_KEY_LIMIT_CHARACTERS), z.string().max(METADATA_VALUE_LIMIT_CHARACTERS))
  .refine((map) => Object.keys(map).length <= METADATA_KEYS_LIMIT, `at most ${METADATA_KEYS_LIMIT} keys`)
  .describe(
    "Your own labels. Values of keys that start with `secret.` are never shown again. `workspace`, `kind`, `app.id`, `fork_*` and `forked_from` belong to the platform and are dropped.",
  );

/** Seconds without activity after which a sandbox that is not persistent is deleted; 0 = never. */
export const TtlSeconds = z.int().min(0).max(TTL_LIMIT_SECONDS);

/** What becomes of a sandbox that nobody uses and whose network is silent. */
export const OnIdle = z.enum(["hibernate", "kill"]).meta({ id: "OnIdle" });
export type OnIdle = z.infer<typeof OnIdle>;

const IdleTimeoutSeconds = z.int().min(1).max(TTL_LIMIT_SECONDS);
const onIdleText =
  "What to do once nobody has used it and its network has carried nothing for `idle_timeout_seconds`. Without `ttl_seconds` in the same request, `ttl_seconds` becomes 0.";
const idleFields = {
  on_idle: OnIdle.nullish().describe(`${onIdleText} Default: nothing but \`ttl_seconds\`.`),
  idle_timeout_seconds: IdleTimeoutSeconds.nullish().describe(
    `Default ${IDLE_TIMEOUT_DEFAULT_SECONDS}. Only with \`on_idle\`.`,
  ),
};

export const Sandbox = z
  .object({
    id: z.string().describe("20 characters of a-z and 0-9."),
    workspace: z.string(),
    template: z.string(),
    status: SandboxStatus,
    reason: z
      .string()
      .optional()
      .describe("Why it has failed, or sleeps without its memory and will start from its disk."),
    cpu: z.int(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    guest_ip: z.string().describe("The address that the host dials; empty while it has none."),
    host_tap: z.string(),
    mac: z.string(),
    vsock_cid: z.int(),
    metadata: z.record(z.string(), z.string()),
    from_snapshot: z.string().optional(),
    volumes: z.array(AttachedVolume).optional().describe("Absent: none."),
    boot_ms: z.int(),
    boot_mode: BootMode,
    runtime: RuntimeName,
    isolation: Isolation,
    persistent: z.boolean(),
    network: Network,
    egress_mbps: z.number().nullable().describe("Megabits a second that may leave it; null: no limit of its own."),
    ttl_seconds: z.int(),
    on_idle: OnIdle.nullable(),
    idle_timeout_seconds: z.int().nullable(),
    created_at: Timestamp,
    last_activity_at: Timestamp,
    expires_at: Timestamp.nullable().describe("When it is deleted unless something happens in it; null = never."),
  })
  .meta({ id: "Sandbox" });
export type Sandbox = z.infer<typeof Sandbox>;

export const CreateSandboxRequest = z
  .object({
    template: z
      .string()
      .min(1)
      .max(128)
      .nullish()
      .describe("Default `base`. `ubuntu-24.04`, `ubuntu-24.04-net` and `node` are other names of it."),
    from_snapshot: z
      .string()
      .max(64)
      .nullish()
      .describe("Start from this snapshot; the template is then the snapshot's."),
    ttl_seconds: TtlSeconds.nullish(),
    persistent: z
      .boolean()
      .nullish()
      .describe("Never deleted for being idle; its disk survives the death of its machine."),
    ...idleFields,
    metadata: Metadata.nullish(),
    env: Env.nullish().describe("Environment of every process started through the API. Not shown again."),
    runtime: z
      .string()
      .max(32)
      .nullish()
      .describe(
        "`microvm`: a kernel of its own, on KVM where that works, else emulated and slow. `gvisor`: a kernel in user space, at the machine's own speed. `auto` (default): the best that the host has. A snapshot is restored by the runtime that took it.",
      ),
    volumes: VolumeMounts.nullish().describe(
      "Mounted before this answers. One sandbox may write to a volume at a time.",
    ),
    cpu: z
      .number()
      .max(CPU_LIMIT)
      .nullish()
      .describe(
        "More processors than the template's, as far as the host gives so many. The first sandbox of a size waits for its memory to be made. The reply has the effective one. Ignored with a snapshot.",
      ),
    memory_mb: z
      .number()
      .nullish()
      .describe("More memory than the template's, in steps of 512 MiB and more; as `cpu`. What is less is ignored."),
    disk_gb: z.number().nullish().describe("Ignored: the disk is the template's."),
    network: Network.nullish().describe("What it may reach. Default: the workspace's."),
    egress_mbps: EgressMbps.nullish().describe("Megabits a second that may leave it. Default: no limit."),
  })
  .meta({ id: "CreateSandboxRequest" });
export type CreateSandboxRequest = z.infer<typeof CreateSandboxRequest>;

export const Lifecycle = z
  .object({
    ttl_seconds: z.int(),
    persistent: z.boolean(),
    idle_seconds: z.int().describe("Since it was last used through the API or the gateway."),
    expires_at: Timestamp.nullable(),
    on_idle: OnIdle.nullable(),
    idle_timeout_seconds: z.int().nullable(),
    idles_at: Timestamp.nullable().describe(
      "When `on_idle` acts unless it is used or its network carries something until then; null = never.",
    ),
  })
  .meta({ id: "Lifecycle" });
export type Lifecycle = z.infer<typeof Lifecycle>;

export const UpdateLifecycleRequest = z
  .object({
    ttl_seconds: TtlSeconds.nullish().describe("null = 0 = never."),
    persistent: z.boolean().optional(),
    on_idle: OnIdle.nullish().describe(
      `${onIdleText} null: nothing, and \`ttl_seconds\` becomes the server's default unless it is given.`,
    ),
    idle_timeout_seconds: idleFields.idle_timeout_seconds,
  })
  .meta({ id: "UpdateLifecycleRequest" });
export type UpdateLifecycleRequest = z.infer<typeof UpdateLifecycleRequest>;

/** Fields of a child that fork and fork-tree share. */
const childFields = {
  metadata: Metadata.nullish(),
  persistent: z.boolean().nullish().describe("Default false, whatever the parent is."),
  ttl_seconds: TtlSeconds.nullish().describe("Default: the parent's."),
  env: Env.nullish().describe("On top of the parent's."),
  network: Network.nullish().describe("Default: the parent's."),
  egress_mbps: EgressMbps.nullable().optional().describe("Default: the parent's. null: no limit."),
  volumes: z
    .enum(["read_only", "clone"])
    .nullish()
    .describe(
      "What a child gets of each volume that the parent writes to: what is on it now, for reading (default), or a clone of its own, named `<volume>-<child>`.",
    ),
};

export const ForkRequest = z
  .object({
    count: z.int().min(1).max(MAX_FORK_CHILDREN).nullish().describe("Default 1."),
    mode: z
      .enum(["cold", "warm"])
      .nullish()
      .describe("Accepted for other servers' clients; a fork is always memory and disk."),
    ...childFields,
  })
  .meta({ id: "ForkRequest" });
export type ForkRequest = z.infer<typeof ForkRequest>;

export const ForkError = z
  .object({ index: z.int(), error: z.string(), err: z.string(), code: z.string() })
  .meta({ id: "ForkError" });
export type ForkError = z.infer<typeof ForkError>;

/** The first child's fields, flat, and everything that clients of other ages look for around them. */
export const ForkReply = Sandbox.extend({
  parent_id: z.string(),
  snapshot_id: z.null().describe("A fork leaves no snapshot behind."),
  at: Timestamp,
  paused_ms: z.number().describe("How long the parent stood still."),
  sandbox: Sandbox,
  children: z.array(Sandbox),
  errors: z.array(ForkError).optional(),
}).meta({ id: "ForkReply" });
export type ForkReply = z.infer<typeof ForkReply>;

export const ForkTreeRequest = z
  .object({ count: z.int().min(1).max(MAX_FORK_CHILDREN).nullish().describe("Default 2."), ...childFields })
  .meta({ id: "ForkTreeRequest" });
export type ForkTreeRequest = z.infer<typeof ForkTreeRequest>;

export const ForkTreeReply = z
  .object({
    tree_id: z.string(),
    parent_id: z.string(),
    snapshot_id: z.null(),
    at: Timestamp,
    paused_ms: z.number(),
    children: z.array(Sandbox).describe("In index order; a child that failed is in `errors` only."),
    errors: z.array(ForkError).optional(),
  })
  .meta({ id: "ForkTreeReply" });
export type ForkTreeReply = z.infer<typeof ForkTreeReply>;

export const PromoteRequest = z
  .object({
    cleanup_siblings: z.boolean().nullish().describe("Delete the other children of the tree."),
    tree_id: z.string().nullish().describe("Default: the tree that the sandbox is a child of."),
  })
  .meta({ id: "PromoteRequest" });

export const PromoteReply = z
  .object({
    winner: z.string(),
    tree_id: z.string().nullable(),
    deleted: z.array(z.string()),
    failures: z.record(z.string(), z.string()).describe("Sandbox id → why it could not be deleted."),
  })
  .meta({ id: "PromoteReply" });
export type PromoteReply = z.infer<typeof PromoteReply>;

export const StatusReply = z.object({ status: SandboxStatus }).meta({ id: "StatusReply" });
