import { assert } from "../base/assert.ts";
import type { Instant, Random } from "../base/time.ts";
import { probeDelayMs } from "./backoff.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Attempts that must go well, times the width of the window, before it is opened by one more. */
const ROUNDS_TO_WIDEN = 8;

/** One next hop of the schedule: its line of items, and how many attempts it stands at once. */
export class Hop {
  readonly key: string;
  readonly index: number;
  readonly windowMax: number;
  /** Items that wait their turn, first come first served; -1 where none does. */
  head = -1;
  tail = -1;
  active = 0;
  window: number;
  /** Attempts that went well since the window last changed. */
  successes = 0;
  /** Failed attempts in a row; above 0 the next hop is in trouble and one probe at a time is sent. */
  failures = 0;
  paused = false;
  pausedUntil: Instant = 0;
  /** Items of any state. */
  items = 0;
  inRing = false;
  ringNext: Hop | null = null;

  constructor(key: string, index: number, windowMax: number) {
    this.key = key;
    this.index = index;
    this.windowMax = windowMax;
    this.window = windowMax;
  }

  get runnable(): boolean {
    return this.head >= 0 && this.active < this.window && !this.paused;
  }
}

/** Hops without items that are remembered; more are forgotten together. */
const EMPTY_MAX = 1_000;

/** Every next hop that has items, and the ring in which those that may start something take turns. */
export class HopRing {
  readonly #windowOf: (key: string) => number;
  readonly #hops: (Hop | null)[] = [];
  readonly #byKey = new Map<string, Hop>();
  readonly #free: number[] = [];
  readonly #paused = new SlotHeap();
  /** Hops without items. */
  #empty = 0;
  #first: Hop | null = null;
  #last: Hop | null = null;

  constructor(windowOf: (key: string) => number) {
    this.#windowOf = windowOf;
  }

  get(key: string): Hop | undefined {
    return this.#byKey.get(key);
  }

  at(index: number): Hop {
    const hop = this.#hops[index];
    assert(hop, "an item has a next hop");
    return hop;
  }

  /** The hop of the key, made where it is not there, for one more item. */
  join(key: string): Hop {
    let hop = this.#byKey.get(key);
    if (hop === undefined) {
      const index = this.#free.pop() ?? this.#hops.length;
      hop = new Hop(key, index, Math.max(1, this.#windowOf(key)));
      this.#hops[index] = hop;
      this.#byKey.set(key, hop);
    } else if (hop.items === 0) this.#empty--;
    hop.items++;
    return hop;
  }

  /** One item less. A hop without items is remembered for a while, with what was learned of it. */
  part(hop: Hop): void {
    hop.items--;
    if (hop.items > 0) return;
    this.#empty++;
    if (this.#empty > EMPTY_MAX) this.#forgetEmpty();
  }

  /** Their numbers are given to others: they must stand nowhere any more. In the ring an empty hop does no harm. */
  #forgetEmpty(): void {
    for (const hop of this.#byKey.values()) {
      if (hop.items > 0) continue;
      this.#paused.remove(hop.index);
      this.#byKey.delete(hop.key);
      this.#hops[hop.index] = null;
      this.#free.push(hop.index);
    }
    this.#empty = 0;
  }

  enter(hop: Hop): void {
    if (hop.inRing) return;
    hop.inRing = true;
    if (this.#last === null) this.#first = hop;
    else this.#last.ringNext = hop;
    this.#last = hop;
  }

  /** The next one in turn, which leaves the ring; null where it is empty. */
  leave(): Hop | null {
    const hop = this.#first;
    if (hop === null) return null;
    this.#first = hop.ringNext;
    if (this.#first === null) this.#last = null;
    hop.ringNext = null;
    hop.inRing = false;
    return hop;
  }

  // --- trouble ----------------------------------------------------------------------------------------------------------

  get firstPauseEndsAt(): Instant {
    return this.#paused.firstDueAt;
  }

  /** Ends every pause whose time has come: the next item is a probe. */
  wake(now: Instant): void {
    while (this.#paused.firstDueAt <= now) this.endPause(this.at(this.#paused.pop()));
  }

  endPause(hop: Hop): void {
    if (hop.paused) this.#paused.remove(hop.index);
    hop.paused = false;
    if (hop.runnable) this.enter(hop);
  }

  /** Forgets all trouble: the routes changed, and what was learned belongs to the old ones. */
  forgive(): void {
    for (const hop of this.#byKey.values()) {
      hop.failures = 0;
      hop.window = hop.windowMax;
      this.endPause(hop);
    }
  }

  worked(hop: Hop): void {
    if (hop.failures > 0) {
      hop.failures = 0;
      this.endPause(hop);
    }
    if (hop.window === hop.windowMax) return;
    hop.successes++;
    if (hop.successes < hop.window * ROUNDS_TO_WIDEN) return;
    hop.successes = 0;
    hop.window++;
    if (hop.runnable) this.enter(hop);
  }

  /** Of an attempt still counted as active. */
  troubled(hop: Hop, now: Instant, random: Random): "crowded" | "paused" {
    hop.successes = 0;
    if (hop.active > 1 && hop.failures === 0) {
      hop.window = Math.min(hop.window, hop.active - 1);
      return "crowded";
    }
    hop.failures++;
    hop.window = 1;
    hop.pausedUntil = now + probeDelayMs(hop.failures, random);
    if (hop.paused) this.#paused.remove(hop.index);
    hop.paused = true;
    this.#paused.add(hop.index, hop.pausedUntil);
    return "paused";
  }
}
