import type { SandboxSettings } from "./parts.ts";
import { Refusal } from "@pandastack/platform";

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

/** What the host is asked for. */
export function chooseRuntime(
  asked: string | null | undefined,
  settings: SandboxSettings,
): "auto" | "microvm" | "fake" {
  if (asked === undefined || asked === null || asked === "auto") return settings.defaultRuntime;
  if (asked === "microvm") return "microvm";
  const offered = settings.defaultRuntime === "fake" ? ["auto", "microvm", "fake"] : ["auto", "microvm"];
  if (asked === "fake" && settings.defaultRuntime === "fake") return "fake";
  throw new Refusal(
    "runtime.unavailable",
    `runtime: there is no runtime ${JSON.stringify(asked)} here; there are ${offered.join(", ")}`,
    {
      details: { field: "runtime", runtimes: offered },
    },
  );
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
