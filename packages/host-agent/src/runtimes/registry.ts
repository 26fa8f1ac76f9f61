import type { HostCommand, Isolation, RuntimeName } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { MachineSize, Runtime } from "./runtime.ts";

/** A runtime of this host, and what is the same for all of its machines. */
export interface RuntimeEntry {
  readonly runtime: Runtime;
  readonly size: MachineSize;
  /** Machines that wait, prepared and empty, for the default template. */
  readonly ahead: number;
  /** The same runtime with templates that have disks, where its usual ones have none. Each drives machines of both kinds. */
  readonly withDisks?: Runtime;
}

/** One that a host of this kind may have and this one has not. */
export interface MissingRuntime {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  readonly reason: string;
}

/** How a create names runtimes; `auto` is the first of the host's. */
export type RuntimeChoice = Extract<HostCommand, { name: "createSandbox" }>["runtime"];
const CHOSEN: Record<Exclude<RuntimeChoice, "auto">, readonly RuntimeName[]> = {
  microvm: ["qemu", "firecracker"],
  gvisor: ["gvisor"],
  fake: ["fake"],
};

/** The runtimes of a host, best first. Whatever a machine, an image or a record came from, its name leads back to it. */
export class Runtimes {
  readonly default: RuntimeEntry;
  readonly all: readonly RuntimeEntry[];
  readonly missing: readonly MissingRuntime[];

  constructor(entries: readonly [RuntimeEntry, ...RuntimeEntry[]], missing: readonly MissingRuntime[] = []) {
    this.default = entries[0];
    this.all = entries;
    this.missing = missing;
  }

  find(name: RuntimeName): RuntimeEntry | undefined {
    return this.all.find((entry) => entry.runtime.name === name);
  }

  /** The one that an image or a sandbox belongs to. Refuses where this host has it no more. */
  require(name: RuntimeName): RuntimeEntry {
    const entry = this.find(name);
    if (entry) return entry;
    throw new Refusal(
      "runtime.unavailable",
      `this needs the runtime "${name}", which is not available on this host${this.#why([name])}; it has ${this.#names()}`,
    );
  }

  /** `auto` is the best that can do what is needed: a sandbox that is to last, or has volumes, needs disks. */
  choose(wanted: RuntimeChoice, needs: Needs): RuntimeEntry {
    const entry = this.#choose(wanted, needs);
    if (meets(entry.runtime, needs)) return entry;
    if (entry.withDisks && meets(entry.withDisks, needs)) return withDisksOf(entry);
    // What is asked to last and cannot counts as what does not.
    if (!needs.volumes) return entry;
    if (needs.foreignVolumes && canMeet(entry, { ...needs, foreignVolumes: false })) return withDisksOf(entry);
    const choice = choiceOf(entry.runtime.name);
    const other = this.all.find((one) => canMeet(one, needs));
    const hint = other === undefined ? "" : `; "${choiceOf(other.runtime.name)}" can`;
    throw new Refusal("runtime.unavailable", `a sandbox of the runtime "${choice}" cannot have volumes${hint}`);
  }

  #choose(wanted: RuntimeChoice, needs: Needs): RuntimeEntry {
    if (wanted === "auto") return this.all.find((entry) => canMeet(entry, needs)) ?? this.default;
    const names = CHOSEN[wanted];
    const entry = this.all.find(({ runtime }) => names.includes(runtime.name));
    if (entry) return entry;
    throw new Refusal(
      "runtime.unavailable",
      `the runtime "${wanted}" is not available on this host${this.#why(names)}; it has ${this.#names()}`,
    );
  }

  /** Refuses what was chosen for something that belongs to another runtime: memory is not moved between them. */
  requireSame(wanted: RuntimeChoice, name: RuntimeName): void {
    if (wanted === "auto" || CHOSEN[wanted].includes(name)) return;
    throw new Refusal(
      "snapshot.incompatible",
      `this snapshot was taken by the runtime "${choiceOf(name)}" and cannot be restored by "${wanted}": its memory is of another kind. Leave the runtime out, or say "${choiceOf(name)}"`,
    );
  }

  #why(names: readonly RuntimeName[]): string {
    const reason = this.missing.find((one) => names.includes(one.name))?.reason;
    return reason === undefined ? "" : ` (${reason})`;
  }

  #names(): string {
    return this.all.map(({ runtime }) => `"${choiceOf(runtime.name)}"`).join(", ");
  }
}

export interface Needs {
  readonly disk: boolean;
  readonly volumes: boolean;
  /** One of the volumes may have been written by a guest's kernel. */
  readonly foreignVolumes: boolean;
}

const meets = (runtime: Runtime, { disk, volumes, foreignVolumes }: Needs): boolean =>
  (!(disk || volumes) || runtime.isDiskless !== true) && (!foreignVolumes || runtime.mountsVolumes !== true);

const canMeet = ({ runtime, withDisks }: RuntimeEntry, needs: Needs): boolean =>
  meets(runtime, needs) || (withDisks !== undefined && meets(withDisks, needs));

const withDisksOf = ({ runtime, withDisks = runtime, size }: RuntimeEntry): RuntimeEntry => ({
  runtime: withDisks,
  size,
  ahead: 0,
});

/** As callers know it. */
function choiceOf(name: RuntimeName): string {
  return Object.entries(CHOSEN).find(([, names]) => names.includes(name))?.[0] ?? name;
}
