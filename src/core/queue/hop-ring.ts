import { assert } from "../base/assert.ts";
import type { Instant, Random } from "../base/time.ts";
import type { AttemptShares } from "./attempt-shares.ts";
import { probeDelayMs } from "./backoff.ts";
import { Hop, HopLine } from "./hop-line.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Attempts that must go well, times the width of the window, before it is opened by one more. */
const ROUNDS_TO_WIDEN = 8;

/** Hops without items that are remembered; more are forgotten together. */
const EMPTY_MAX = 1_000;

/** Every next hop that has items, and the line in which those that may start something take turns. */
export class HopRing {
  readonly #windowOf: (key: string) => number;
  readonly #hops: (Hop | null)[] = [];
  readonly #byKey = new Map<string, Hop>();
  readonly #free: number[] = [];
  readonly #paused = new SlotHeap();
  /** Hops without items. */
  #empty = 0;
  readonly #turn = new HopLine();
  /** Those that may not start anything while too much is under way to others like them. */
  readonly #parked = { unknown: new HopLine(), doubtful: new HopLine() };
  #waitingBehindTrouble = 0;

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

  /** Their numbers are given to others: they must stand nowhere any more. In a line an empty hop does no harm. */
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
    if (hop.line === null) this.#turn.add(hop);
  }

  /** The next one in turn, which leaves the line; where nobody is in it, one that stepped aside and has room now. */
  leave(shares: AttemptShares): Hop | null {
    const { unknown, doubtful } = this.#parked;
    let hop = this.#turn.first;
    if (hop === null && unknown.first !== null && shares.hasRoom("unknown")) hop = unknown.first;
    if (hop === null && doubtful.first !== null && shares.hasRoom("doubtful")) hop = doubtful.first;
    hop?.line?.remove(hop);
    return hop;
  }

  /** The hop steps aside: too much is under way to others that stand like it. */
  park(hop: Hop, standing: "unknown" | "doubtful"): void {
    this.#parked[standing].add(hop);
  }

  /** An attempt ended: one that stepped aside waits for its turn again, of each standing. */
  unpark(): void {
    for (const { first } of [this.#parked.unknown, this.#parked.doubtful]) if (first !== null) this.stepIn(first);
  }

  /** Where the hop stepped aside it waits for its turn again: it may stand otherwise now. */
  stepIn(hop: Hop): void {
    if (hop.line === null || hop.line === this.#turn) return;
    hop.line.remove(hop);
    this.#turn.add(hop);
  }

  // --- the line of one hop ----------------------------------------------------------------------------------------------

  /** Items that wait their turn behind next hops in trouble. */
  get waitingBehindTrouble(): number {
    return this.#waitingBehindTrouble;
  }

  /** One item more, or less, waits behind the hop. */
  waits(hop: Hop, change: 1 | -1): void {
    hop.waiting += change;
    if (hop.paused) this.#waitingBehindTrouble += change;
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
    if (hop.paused) {
      this.#paused.remove(hop.index);
      this.#waitingBehindTrouble -= hop.waiting;
    }
    hop.paused = false;
    if (hop.runnable) this.enter(hop);
  }

  /** Forgets all trouble: the routes changed, and what was learned belongs to the old ones. */
  forgive(): void {
    for (const hop of this.#byKey.values()) {
      hop.failures = 0;
      hop.isNew = true;
      this.endPause(hop);
    }
  }

  worked(hop: Hop): void {
    if (hop.failures > 0) {
      hop.failures = 0;
      this.endPause(hop);
    }
    hop.isProven = true;
    this.stepIn(hop);
    if (hop.window === hop.windowMax) return;
    hop.successes++;
    if (!hop.isNew && hop.successes < hop.window * ROUNDS_TO_WIDEN) return;
    hop.successes = 0;
    hop.window++;
    if (hop.runnable) this.enter(hop);
  }

  /** Of an attempt still counted as active. */
  troubled(hop: Hop, now: Instant, random: Random): "crowded" | "paused" {
    hop.successes = 0;
    hop.isNew = false;
    if (hop.active > 1 && hop.failures === 0) {
      hop.window = Math.min(hop.window, hop.active - 1);
      return "crowded";
    }
    hop.failures++;
    hop.isProven = false;
    hop.window = 1;
    hop.pausedUntil = now + probeDelayMs(hop.failures, random);
    if (hop.paused) this.#paused.remove(hop.index);
    else this.#waitingBehindTrouble += hop.waiting;
    hop.paused = true;
    this.#paused.add(hop.index, hop.pausedUntil);
    return "paused";
  }
}
