/** A generator of its own for every round: round 17 of a seed is the same without the sixteen before it. */
export class Random {
  #state: number;

  constructor(seed: number, round: number) {
    this.#state = (seed ^ Math.imul(round + 1, 0x9e3779b1)) >>> 0;
  }

  /** 0 ≤ n < 1. The mulberry32 generator. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}
