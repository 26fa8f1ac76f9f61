import type { ExecResult, HostCommand } from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import type { WorkspaceLimits } from "@pandastack/contracts";
import type { Tally } from "../accounts/tally.ts";
import type { EventFeed } from "../events/feed.ts";
import type { HostClient } from "../hosts/client.ts";
import type { HostWatch } from "../hosts/watch.ts";
import type { WorkQueue } from "../hosts/work-queue.ts";
import type { Database } from "../persistence/database.ts";
import type { Presence } from "../persistence/presence.ts";
import type { BuildMirrors } from "../templates/mirrors.ts";
import type { Abandoned } from "./abandoned.ts";
import type { Activity } from "./activity.ts";
import type { KeyedQueue } from "./queue.ts";

/** As the host is asked. */
export type RuntimeChoice = Extract<HostCommand, { name: "createSandbox" }>["runtime"];

export interface SandboxSettings {
  readonly defaultTtlSeconds: number;
  /** Private networks that a policy may open. */
  readonly operatorPrivate: readonly string[];
  /** What a create means that names no runtime. */
  readonly defaultRuntime: RuntimeChoice;
  /** What a workspace may have where nothing else was set for it. */
  readonly limits: WorkspaceLimits;
  readonly auditDays: number;
  /** How long a stream may say nothing. */
  readonly heartbeatSeconds: number;
  readonly mirrors: BuildMirrors;
  /** Where images are whose names say no registry. */
  readonly defaultRegistry: string | undefined;
}

/** Figures that the server counts about sandboxes. */
export interface SandboxCounters {
  created(result: "ok" | "failed", bootMode: string, bootMs: number): void;
  /** A command that somebody waited for has ended. */
  executed(result: ExecResult): void;
  forked(ms: number): void;
  hibernated(): void;
  woken(): void;
  expired(): void;
}

/** What everything in this folder works with. */
export interface SandboxParts {
  readonly db: Database;
  readonly host: HostClient;
  readonly watch: HostWatch;
  readonly presence: Presence;
  readonly activity: Activity;
  readonly feed: EventFeed;
  /** Changes of one sandbox's state, one after the other. */
  readonly queue: KeyedQueue;
  /** Whatever makes a sandbox run on the host waits for its turn here. */
  readonly work: WorkQueue;
  readonly abandoned: Abandoned;
  /** Commands and terminals that are waited for. */
  readonly processes: Tally;
  readonly settings: SandboxSettings;
  readonly counters: SandboxCounters;
  readonly log: Logger;
}
