import type { Instant } from "../base/time.ts";

/**
 * What is known of a next hop since the start. `proven`: it served us and is not in trouble. `unknown`: it was not tried yet. `doubtful`:
 * it is in trouble, or what waits for it was tried in vain before.
 */
export type Standing = "proven" | "unknown" | "doubtful";

/** Attempts at once to a next hop that was not tried yet; each that goes well opens the window by one. */
const WINDOW_FIRST = 5;

/** One next hop of the schedule: its line of items, and how many attempts it stands at once. */
export class Hop {
  readonly key: string;
  readonly index: number;
  readonly windowMax: number;
  /** Items that wait their turn, first come first served; -1 where none does. */
  head = -1;
  tail = -1;
  /** How many wait their turn. */
  waiting = 0;
  active = 0;
  window: number;
  /** While it is new, the window opens with every attempt that goes well; from its first trouble on, slowly. */
  isNew = true;
  /** It served us since its last trouble. */
  isProven = false;
  /** Attempts that went well since the window last changed. */
  successes = 0;
  /** Failed attempts in a row; above 0 the next hop is in trouble and one probe at a time is sent. */
  failures = 0;
  paused = false;
  pausedUntil: Instant = 0;
  /** Items of any state. */
  items = 0;
  /** The line in which it waits for its turn, and its neighbours there. */
  line: HopLine | null = null;
  before: Hop | null = null;
  behind: Hop | null = null;

  constructor(key: string, index: number, windowMax: number) {
    this.key = key;
    this.index = index;
    this.windowMax = windowMax;
    this.window = Math.min(WINDOW_FIRST, windowMax);
  }

  get runnable(): boolean {
    return this.head >= 0 && this.active < this.window && !this.paused;
  }
}

/** Hops that wait for their turn. A hop stands in one line at most. */
export class HopLine {
  #first: Hop | null = null;
  #last: Hop | null = null;

  get first(): Hop | null {
    return this.#first;
  }

  /** At the end of the line. */
  add(hop: Hop): void {
    hop.line = this;
    hop.before = this.#last;
    if (this.#last === null) this.#first = hop;
    else this.#last.behind = hop;
    this.#last = hop;
  }

  remove(hop: Hop): void {
    if (hop.before === null) this.#first = hop.behind;
    else hop.before.behind = hop.behind;
    if (hop.behind === null) this.#last = hop.before;
    else hop.behind.before = hop.before;
    hop.line = hop.before = hop.behind = null;
  }
}
