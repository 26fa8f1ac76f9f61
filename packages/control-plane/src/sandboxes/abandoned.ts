/** How long an id is kept after the database was there again: far longer than a reconciler's pass. */
const KEPT_MS = 60_000;

/**
 * Sandboxes and snapshots that this process began to make, could not finish, and could not undo either: the database was away.
 * Their rows say that this process owns them, and it lives, so only it can tell that nobody works on them. Lost with the
 * process, and not missed then: rows of a dead owner are anyone's.
 */
export class Abandoned {
  readonly #since = new Map<string, number>();
  #pass: { ids: ReadonlySet<string>; claimed: Promise<unknown> } | undefined;

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#since.set(id, performance.now());
  }

  /** Somebody works on them again: the request was repeated. Once this resolves, no pass undoes them any more. */
  async reclaim(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#since.delete(id);
    if (ids.some((id) => this.#pass?.ids.has(id))) await this.#pass?.claimed.catch(() => {});
  }

  /** One pass over one table; there is one at a time. */
  undo<T>(claim: (ids: readonly string[]) => Promise<T>): Promise<T> {
    const ids = this.ids();
    const claimed = claim(ids);
    this.#pass = { ids: new Set(ids), claimed };
    return claimed;
  }

  ids(): string[] {
    return [...this.#since.keys()];
  }

  /** The database has answered for these: what was added long before has been seen to, or never was in it. */
  forgetOld(seen: readonly string[]): void {
    const until = performance.now() - KEPT_MS;
    for (const id of seen) if ((this.#since.get(id) ?? until) < until) this.#since.delete(id);
  }
}
