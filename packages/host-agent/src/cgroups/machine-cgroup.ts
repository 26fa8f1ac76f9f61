import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applySettings, processesIn, removeCgroup } from "./folder.ts";
import type { Hierarchy } from "./hierarchies.ts";
import { machineSettings, type Limited } from "./limits.ts";

/** The cgroups of one machine, one in each hierarchy. Without usable hierarchies it is empty and does nothing. */
export class MachineCgroup {
  readonly #places: readonly Place[];
  readonly #device: string;

  constructor(places: readonly Place[], device: string) {
    this.#places = places;
    this.#device = device;
  }

  /** Synchronous: four folders and a dozen small files of the kernel's, a third of a millisecond in all. */
  make(size: Limited): void {
    for (const { folder, version, controllers } of this.#places) {
      mkdirSync(folder, { mode: 0o755 });
      for (const controller of controllers)
        applySettings(folder, machineSettings(version, controller, size, this.#device));
    }
  }

  get exists(): boolean {
    return this.#places.every(({ folder }) => existsSync(folder));
  }

  /**
   * A command that joins and then becomes `command`, so that nothing of it ever runs outside. In version 1 it is `tasks` that a
   * process enters at once; `cgroup.procs` waits for every other thread of the host to be out of the way, 5–20 ms.
   */
  joining(command: readonly string[]): string[] {
    if (this.#places.length === 0) return [...command];
    const files = this.#places.map(({ folder, version }) => join(folder, version === 1 ? "tasks" : "cgroup.procs"));
    return ["/bin/sh", "-c", JOIN, "join", ...files, "--", ...command];
  }

  /** Takes in a process that was started outside. */
  enter(pid: number): void {
    for (const { folder } of this.#places) writeFileSync(join(folder, "cgroup.procs"), String(pid));
  }

  /** Pids of what is in it. */
  processes(): number[] {
    const [place] = this.#places;
    return place ? processesIn(place.folder) : [];
  }

  /** Whether the kernel has ended a process here because it went over the memory limit. Asked before `remove`. */
  ranOutOfMemory(): boolean {
    const place = this.#places.find(({ controllers }) => controllers.includes("memory"));
    if (!place) return false;
    try {
      const text = readFileSync(
        join(place.folder, place.version === 1 ? "memory.oom_control" : "memory.events"),
        "utf8",
      );
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
    } catch {
      return false;
    }
  }

  /** Ends what is left in it. Repeatable. */
  async remove(): Promise<void> {
    await Promise.all(this.#places.map(({ folder }) => removeCgroup(folder)));
  }
}

export interface Place extends Pick<Hierarchy, "version" | "controllers"> {
  readonly folder: string;
}

/** A fixed text: names of files and the command are its arguments. A machine that can't be limited does not start. */
const JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 70; shift; done; shift; exec "$@"';
