import { SeededRandom } from "../../src/adapters/memory/random.ts";
import type { Random } from "../../src/core/base/time.ts";

/** All chance of one simulation, from its seed. */
export class Chance implements Random {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  uint32(): number {
    return this.#random.uint32();
  }

  /** A whole number from 0 on, below `end`. */
  below(end: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * end);
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True in `probability` of all cases. */
  odds(probability: number): boolean {
    return this.uint32() < probability * 0x1_0000_0000;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] as T;
  }

  /** Mostly short, seldom very long: what delays look like. */
  delayMs(usualMs: number, longestMs: number): number {
    return this.odds(0.03) ? this.between(0, longestMs) : this.between(0, usualMs);
  }
}
