/**
 * What was looked up a moment ago, so that a page of a hundred files is not a hundred look-ups. Those who ask at the same
 * time share the question; what fails is not remembered.
 */
export class ShortMemory<T> {
  readonly #entries = new Map<string, { readonly value: Promise<T>; readonly until: number }>();
  readonly #lifeMs: number;
  readonly #limit: number;

  constructor(options: { lifeMs: number; limit: number }) {
    this.#lifeMs = options.lifeMs;
    this.#limit = options.limit;
  }

  get(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.until > performance.now()) return known.value;
    const value = load();
    this.#put(key, value);
    value.catch(() => {
      if (this.#entries.get(key)?.value === value) this.#entries.delete(key);
    });
    return value;
  }

  set(key: string, value: T): void {
    this.#put(key, Promise.resolve(value));
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #put(key: string, value: Promise<T>): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: performance.now() + this.#lifeMs });
    if (this.#entries.size <= this.#limit) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
