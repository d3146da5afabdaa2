import { assert } from "../base/assert.ts";
import { MINUTE_MS, type Instant, type Random } from "../base/time.ts";
import type { Brake } from "./brake.ts";
import type { AttemptShares } from "./attempt-shares.ts";
import { probeDelayMs } from "./backoff.ts";
import { Hop, HopLine, type HopView } from "./hop-line.ts";
import type { Pace } from "../mail/next-hop-terms.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Attempts that must go well, times the width of the window, before it is opened by one more. */
const ROUNDS_TO_WIDEN = 8;

/** Hops without items that are remembered; more are forgotten together. */
const EMPTY_MAX = 1_000;
/** Those of them with a count of the day are remembered longer. */
const COUNTED_MAX = 10_000;
/** What waits for its turn longer than this rests meanwhile. */
const LONG_MS = MINUTE_MS;

/** Every next hop that has items, and the line in which those that may start something take turns. */
export class HopRing {
  readonly #windowOf: (key: string) => number;
  readonly #paceOf: (key: string) => Pace | null;
  readonly #hops: (Hop | null)[] = [];
  readonly #byKey = new Map<string, Hop>();
  readonly #free: number[] = [];
  readonly #paused = new SlotHeap();
  readonly #gated = new SlotHeap();
  /** Hops without items, and how many of them were kept when they were forgotten last. */
  #empty = 0;
  #kept = 0;
  readonly #turn = new HopLine();
  /** Those that may not start anything while too much is under way to others like them. */
  readonly #parked = { unknown: new HopLine(), doubtful: new HopLine() };
  #waitingBehindTrouble = 0;

  constructor(windowOf: (key: string) => number, paceOf: (key: string) => Pace | null) {
    this.#windowOf = windowOf;
    this.#paceOf = paceOf;
  }

  get(key: string): Hop | undefined {
    return this.#byKey.get(key);
  }

  /** The numbers of the hops with items whose keys are wanted. */
  *matching(isWanted: (key: string) => boolean): Generator<number> {
    for (const [key, hop] of this.#byKey) if (hop.items > 0 && isWanted(key)) yield hop.index;
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
      hop.paceAt(this.#paceOf(key));
    } else if (hop.items === 0) this.#empty--;
    hop.items++;
    return hop;
  }

  /** One item less. A hop without items is remembered for a while, with what was learned of it. */
  part(hop: Hop): void {
    hop.items--;
    if (hop.items > 0) return;
    this.#empty++;
    if (this.#empty > EMPTY_MAX + this.#kept) this.#forgetEmpty();
  }

  /** Their numbers are given to others: they must stand nowhere any more. In a line an empty hop does no harm. */
  #forgetEmpty(): void {
    this.#kept = 0;
    for (const hop of this.#byKey.values()) {
      if (hop.items > 0) continue;
      if (hop.pace?.countsDays && this.#kept < COUNTED_MAX) {
        this.#kept++;
        continue;
      }
      this.#paused.remove(hop.index);
      this.#gated.remove(hop.index);
      this.#byKey.delete(hop.key);
      this.#hops[hop.index] = null;
      this.#free.push(hop.index);
    }
    this.#empty = this.#kept;
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

  /** Items that wait their turn behind next hops that are given nothing now. */
  get waitingBehindTrouble(): number {
    return this.#waitingBehindTrouble;
  }

  /** One item more, or less, waits behind the hop. */
  waits(hop: Hop, change: 1 | -1): void {
    hop.waiting += change;
    if (hop.stopped) this.#waitingBehindTrouble += change;
  }

  /** When time alone lets a hop go on. */
  get firstStopEndsAt(): Instant {
    return Math.min(this.#paused.firstDueAt, this.#gated.firstDueAt);
  }

  /** Ends what ends by now: after a pause the next item is a probe. */
  wake(now: Instant): void {
    while (this.#paused.firstDueAt <= now) this.endPause(this.at(this.#paused.pop()));
    while (this.#gated.firstDueAt <= now) this.#openGate(this.at(this.#gated.pop()));
  }

  /** Shuts the hop off, or lets it go on, and keeps count of what waits behind it. */
  #stop(hop: Hop, change: () => void): void {
    const wasStopped = hop.stopped;
    change();
    if (hop.stopped !== wasStopped) this.#waitingBehindTrouble += wasStopped ? -hop.waiting : hop.waiting;
    if (hop.runnable) this.enter(hop);
  }

  /** The hops that have items or are in trouble, bounded: those in trouble first, then by how much waits. */
  views(now: Instant, limit: number): HopView[] {
    const views: HopView[] = [];
    for (const hop of this.#byKey.values()) if (hop.items > 0 || hop.isNoted) views.push(hop.view(now));
    const rank = (view: HopView): number => ["open", "half-open", "closed"].indexOf(view.breaker);
    return views.sort((a, b) => rank(a) - rank(b) || b.waiting - a.waiting || b.items - a.items).slice(0, limit);
  }

  /** How many hops are left alone, or slowed down. */
  troubles(): { readonly open: number; readonly slowed: number } {
    let [open, slowed] = [0, 0];
    for (const hop of this.#byKey.values()) {
      if (hop.failures > 0) open++;
      if (hop.brake !== null) slowed++;
    }
    return { open, slowed };
  }

  // --- pace -------------------------------------------------------------------------------------------------------------

  /** An attempt of the hop begins. */
  begun(hop: Hop, now: Instant): void {
    hop.begun(now);
    if (hop.pace !== null || hop.brake !== null) this.#gate(hop, now);
  }

  /** It asked for less: fewer at once too. */
  asksForLess(hop: Hop, now: Instant, retryAfterMs: number, random: Random): void {
    if (hop.asksForLess(now, retryAfterMs, random)) hop.window = Math.max(1, hop.window >> 1);
    hop.isNew = false;
    hop.successes = 0;
    this.#gate(hop, now);
  }

  /** A message went well. */
  #went(hop: Hop, brake: Brake, now: Instant): void {
    if (brake.went(now)) return;
    hop.brake = null;
    this.#gate(hop, now);
  }

  /** An operator wants it tried now: what it asked for is over, what the routes allow is not. */
  endRest(hop: Hop, now: Instant): void {
    this.endPause(hop);
    hop.brake?.endRest();
    if (hop.gated) this.#gate(hop, now);
  }

  /** Opens or shuts the gate of the hop as its pace and brake say. */
  #gate(hop: Hop, now: Instant): void {
    const until = hop.nextAt(now);
    if (hop.gated && hop.gatedUntil === until) return;
    this.#gated.remove(hop.index);
    if (until <= now) return this.#openGate(hop);
    this.#gated.add(hop.index, until);
    hop.gatedUntil = until;
    hop.restsLong = until - now >= LONG_MS;
    this.#stop(hop, () => {
      hop.gated = true;
    });
  }

  #openGate(hop: Hop): void {
    hop.restsLong = false;
    this.#stop(hop, () => {
      hop.gated = false;
    });
  }

  /** The routes are others: each hop goes by what they say of it. What was begun counts. */
  repace(now: Instant): void {
    for (const hop of this.#byKey.values()) {
      hop.paceAt(this.#paceOf(hop.key));
      hop.windowMax = Math.max(1, this.#windowOf(hop.key));
      hop.window = Math.min(hop.window, hop.windowMax);
      this.#gate(hop, now);
      if (hop.runnable) this.enter(hop);
    }
  }

  // --- trouble ----------------------------------------------------------------------------------------------------------

  endPause(hop: Hop): void {
    if (hop.paused) this.#paused.remove(hop.index);
    this.#stop(hop, () => {
      hop.paused = false;
    });
  }

  /** Forgets all trouble: the routes changed, and what was learned belongs to the old ones. */
  forgive(now: Instant): void {
    for (const hop of this.#byKey.values()) {
      hop.failures = 0;
      hop.isNew = true;
      this.endPause(hop);
    }
    this.repace(now);
  }

  worked(hop: Hop, now: Instant): void {
    this.#endTrouble(hop);
    if (hop.brake !== null) this.#went(hop, hop.brake, now);
    hop.isProven = true;
    this.stepIn(hop);
    if (hop.window >= hop.windowMax) return;
    hop.successes++;
    if (!hop.isNew && hop.successes < hop.window * ROUNDS_TO_WIDEN) return;
    hop.successes = 0;
    hop.window++;
    if (hop.runnable) this.enter(hop);
  }

  #endTrouble(hop: Hop): void {
    if (hop.failures === 0) return;
    hop.failures = 0;
    this.endPause(hop);
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
    this.#stop(hop, () => {
      hop.paused = true;
    });
    this.#paused.add(hop.index, hop.pausedUntil);
    return "paused";
  }
}
