import type { HostEvent } from "@pandastack/contracts/host";

/** Hands each event, as it is committed, to whoever listens. */
export class EventFeed {
  readonly #listeners = new Set<(event: HostEvent) => void>();

  publish(event: HostEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  subscribe(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
