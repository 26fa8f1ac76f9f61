import type { HostSnapshot, RuntimeName } from "@pandastack/contracts/host";
import { Refusal, type Logger } from "@pandastack/platform";
import type { HostLayout } from "../files/layout.ts";
import type { Journal } from "../journal/journal.ts";
import type { Runtimes } from "../runtimes/registry.ts";
import type { Machine, VolumeImages } from "../runtimes/runtime.ts";
import type { TemplateStore } from "../templates/template-store.ts";
import type { Admission } from "./admission/index.ts";
import type { Commit } from "./commit.ts";
import type { SandboxEntry } from "./entry.ts";
import type { SlotSource } from "./slots.ts";
import type { Stock } from "./stock.ts";
import type { Traffic } from "./traffic.ts";
import type { VolumeRegistry } from "./volumes/registry.ts";

/** A snapshot in the journal. */
export interface SnapshotRecord extends HostSnapshot {
  readonly isolation: string;
  /** What was on volumes at that instant, as far as the pool may have to find room for it again. */
  readonly volumeBytes?: number;
}

/** What the commands work with. */
export interface HostContext {
  readonly layout: HostLayout;
  readonly runtimes: Runtimes;
  readonly slots: SlotSource;
  readonly traffic: Traffic;
  readonly journal: Journal;
  readonly templates: TemplateStore;
  readonly admission: Admission;
  readonly log: Logger;
  readonly entries: Map<string, SandboxEntry>;
  readonly snapshots: Map<string, SnapshotRecord>;
  /** Machines of a runtime that wait, empty, once it has the default template. */
  readonly stock: (runtime: RuntimeName) => Stock | undefined;
  readonly volumes: VolumeRegistry;
  readonly volumeImages: VolumeImages;
  /** Runs what looks for room in the pool and then takes it, one after the other. */
  readonly allocating: <T>(work: () => Promise<T>) => Promise<T>;
  /** Runs work on a sandbox after the commands for it that came before. */
  readonly inTurn: <T>(sandboxId: string, work: () => Promise<T>) => Promise<T>;
  readonly commit: Commit;
  /** Takes notice when the machine ends without having been asked to. */
  readonly watch: (entry: SandboxEntry, machine: Machine) => void;
  /** Work that goes on after the answer: waited for when the host closes. */
  readonly later: (what: string, work: () => Promise<void>) => void;
}

export function requireEntry(context: HostContext, id: string): SandboxEntry {
  const entry = context.entries.get(id);
  if (!entry) throw new Refusal("sandbox.not_found", `there is no sandbox ${id}`);
  return entry;
}

export function requireSnapshot(context: HostContext, id: string): SnapshotRecord {
  const snapshot = context.snapshots.get(id);
  if (!snapshot) throw new Refusal("snapshot.not_found", `there is no snapshot ${id}`);
  return snapshot;
}
