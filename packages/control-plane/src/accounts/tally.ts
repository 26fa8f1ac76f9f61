import type { Principal } from "../calls/call.ts";
import { overLimit } from "./limits.ts";

/** How many of something each workspace has going on in this process, and no more of them than it may. */
export class Tally {
  readonly #limit: "streams" | "processes";
  readonly #counts = new Map<string, number>();

  constructor(limit: "streams" | "processes") {
    this.#limit = limit;
  }

  count(workspace: string): number {
    return this.#counts.get(workspace) ?? 0;
  }

  /** One more; call what is returned when it is over (calling it twice is fine). Refuses beyond the workspace's limit. */
  enter({ workspace, limits }: Principal): () => void {
    const used = this.count(workspace);
    const allowed = limits[this.#limit];
    if (used >= allowed) throw overLimit(workspace, this.#limit, allowed, used);
    this.#counts.set(workspace, used + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = this.count(workspace) - 1;
      if (left === 0) this.#counts.delete(workspace);
      else this.#counts.set(workspace, left);
    };
  }
}
