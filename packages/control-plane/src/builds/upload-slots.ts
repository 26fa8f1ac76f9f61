import { UPLOADS_PER_WORKSPACE } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";

/** Uploads under way: each may become as large as a template, and there is no build yet that would count. */
export class UploadSlots {
  readonly #counts = new Map<string, number>();

  async run<T>(workspace: string, work: () => Promise<T>): Promise<T> {
    const count = this.#counts.get(workspace) ?? 0;
    if (count >= UPLOADS_PER_WORKSPACE)
      throw new Refusal(
        "template.too_many_builds",
        `this workspace sends ${count} images or root file systems already; wait for one of them`,
        { retryAfterSeconds: 5 },
      );
    this.#counts.set(workspace, count + 1);
    try {
      return await work();
    } finally {
      const left = this.#counts.get(workspace)! - 1;
      if (left === 0) this.#counts.delete(workspace);
      else this.#counts.set(workspace, left);
    }
  }
}
