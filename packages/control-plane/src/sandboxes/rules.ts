import { IDLE_TIMEOUT_DEFAULT_SECONDS, type IsolationPolicy, type OnIdle } from "@pandastack/contracts";
import type { RuntimeName } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { SandboxRow } from "../persistence/tables.ts";
import type { RuntimeChoice, SandboxSettings } from "./parts.ts";
import type { NewSandbox } from "./store.ts";

const RESERVED = new Set(["workspace", "kind", "app.id", "forked_from"]);
const RESERVED_PREFIX = "fork_";
const SECRET_PREFIX = "secret.";
export const REDACTED = "[redacted]";

/**
 * A caller's metadata as it is kept. Keys that belong to the platform are dropped, not refused: people copy whole sandboxes'
 * metadata. Of a key `secret.…` only the name is kept: no operation ever gives its value back, so there is nothing that a
 * stolen database or a backup of it could show.
 */
export function keptMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata)
      .filter(([key]) => !RESERVED.has(key) && !key.startsWith(RESERVED_PREFIX))
      .map(([key, value]) => [key, key.startsWith(SECRET_PREFIX) ? REDACTED : value]),
  );
}

interface AskedLifecycle {
  readonly ttl_seconds?: number | null | undefined;
  readonly persistent?: boolean | null | undefined;
  readonly on_idle?: OnIdle | null | undefined;
  readonly idle_timeout_seconds?: number | null | undefined;
}

export type ChosenLifecycle = Pick<SandboxRow, "ttl_seconds" | "persistent" | "on_idle" | "idle_timeout_seconds">;

/**
 * What becomes of a sandbox with time: what was asked for, on top of what it is. Whoever says what happens when it is idle has
 * said what happens instead of the TTL, unless that is given, too.
 */
export function chooseLifecycle(
  asked: AskedLifecycle,
  current: ChosenLifecycle,
  defaultTtlSeconds: number,
): ChosenLifecycle {
  const persistent = asked.persistent ?? current.persistent;
  const onIdle = asked.on_idle === undefined ? current.on_idle : asked.on_idle;
  if (onIdle === "kill" && persistent)
    throw refusedField("on_idle", "a persistent sandbox is never deleted for being idle; use `hibernate`");
  if (onIdle === null && asked.idle_timeout_seconds !== undefined && asked.idle_timeout_seconds !== null)
    throw refusedField("idle_timeout_seconds", "only together with `on_idle`");
  const otherwise =
    (onIdle === null) === (current.on_idle === null) ? current.ttl_seconds : onIdle === null ? defaultTtlSeconds : 0;
  return {
    persistent,
    on_idle: onIdle,
    idle_timeout_seconds:
      onIdle === null
        ? null
        : (asked.idle_timeout_seconds ?? current.idle_timeout_seconds ?? IDLE_TIMEOUT_DEFAULT_SECONDS),
    ttl_seconds: asked.ttl_seconds ?? otherwise,
  };
}

/** A new sandbox's. */
export function newLifecycle(
  asked: AskedLifecycle,
  defaultTtlSeconds: number,
): { persistent: boolean; ttlSeconds: number; onIdle: OnIdle | null; idleTimeoutSeconds: number | null } {
  const plain = { persistent: false, ttl_seconds: defaultTtlSeconds, on_idle: null, idle_timeout_seconds: null };
  const chosen = chooseLifecycle({ ...asked, on_idle: asked.on_idle ?? null }, plain, defaultTtlSeconds);
  return {
    persistent: chosen.persistent,
    ttlSeconds: chosen.ttl_seconds,
    onIdle: chosen.on_idle,
    idleTimeoutSeconds: chosen.idle_timeout_seconds,
  };
}

const refusedField = (field: string, why: string) =>
  new Refusal("validation.failed", `${field}: ${why}`, { details: { field } });

/**
 * What the host is asked for. A snapshot is restored by the runtime that took it, whatever the server's default is; a workspace
 * whose sandboxes need kernels of their own gets microVMs, and gVisor not even by name.
 */
export function chooseRuntime(options: {
  asked: string | null | undefined;
  /** Of the snapshot that it starts from. */
  snapshotRuntime: RuntimeName | undefined;
  isolation: IsolationPolicy;
  settings: Pick<SandboxSettings, "defaultRuntime">;
}): RuntimeChoice {
  const { snapshotRuntime, isolation } = options;
  const { defaultRuntime } = options.settings;
  const offered: RuntimeChoice[] = [
    "auto",
    "microvm",
    "gvisor",
    ...(defaultRuntime === "fake" ? ["fake" as const] : []),
  ];
  const asked = offered.find((name) => name === (options.asked ?? "auto"));
  if (asked === undefined)
    throw new Refusal(
      "runtime.unavailable",
      `runtime: there is no runtime ${JSON.stringify(options.asked)} here; there are ${offered.join(", ")}`,
      { details: { field: "runtime", runtimes: offered } },
    );
  if (asked === "gvisor") requireKernel(isolation, "gvisor");
  if (snapshotRuntime !== undefined) {
    requireKernel(isolation, snapshotRuntime);
    return asked;
  }
  const chosen = asked === "auto" ? defaultRuntime : asked;
  const isOpen = chosen === "auto" || chosen === "gvisor";
  return isolation === "kernel" && isOpen ? "microvm" : chosen;
}

/** Refuses a runtime without a kernel of each sandbox's own where the workspace's policy asks for one. */
export function requireKernel(isolation: IsolationPolicy, runtime: RuntimeName): void {
  if (isolation !== "kernel" || runtime !== "gvisor") return;
  throw new Refusal(
    "runtime.forbidden",
    "runtime: this workspace's sandboxes need a kernel of their own, which gVisor does not give them; use microvm, or have an admin change the workspace's isolation",
    { details: { field: "runtime", isolation } },
  );
}

/** What a child does when it is idle: what its parent does, unless it may not. */
export function inheritedIdle(
  parent: SandboxRow,
  isPersistent: boolean,
): Pick<NewSandbox, "onIdle" | "idleTimeoutSeconds"> {
  const mayNot = parent.on_idle === "kill" && isPersistent;
  return mayNot
    ? { onIdle: null, idleTimeoutSeconds: null }
    : { onIdle: parent.on_idle, idleTimeoutSeconds: parent.idle_timeout_seconds };
}

/** A tree's children live as long as their exploration said, where it said so. */
export function childTtlSeconds(
  given: { ttl_seconds?: number | null | undefined; metadata?: Record<string, string> | null | undefined },
  parentTtlSeconds: number,
): number {
  if (given.ttl_seconds !== undefined && given.ttl_seconds !== null) return given.ttl_seconds;
  const explore = given.metadata?.["explore_ttl"];
  if (explore !== undefined && /^\d{1,9}$/.test(explore)) return Number(explore);
  return parentTtlSeconds;
}
