/** How long an id is kept after the database was there again: far longer than a reconciler's pass. */
const KEPT_MS = 60_000;

/**
 * Sandboxes and snapshots that this process began to make, could not finish, and could not undo either: the database was away.
 * Their rows say that this process owns them, and it lives, so only it can tell that nobody works on them. Lost with the
 * process, and not missed then: rows of a dead owner are anyone's.
 */
export class Abandoned {
  readonly #since = new Map<string, number>();

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#since.set(id, performance.now());
  }

  /** Somebody works on them again: the request was repeated. */
  remove(ids: Iterable<string>): void {
    for (const id of ids) this.#since.delete(id);
  }

  ids(): string[] {
    return [...this.#since.keys()];
  }

  /** The database has answered: what was added long before has been seen to, or never was in it. */
  forgetOld(): void {
    const until = performance.now() - KEPT_MS;
    for (const [id, since] of this.#since) if (since < until) this.#since.delete(id);
  }
}
