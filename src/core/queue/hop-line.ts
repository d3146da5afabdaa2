import { MINUTE_MS, SECOND_MS, type Instant, type Random } from "../base/time.ts";
import type { Reply } from "../mail/reply.ts";
import { Brake } from "./brake.ts";
import type { Pace } from "../mail/next-hop-terms.ts";
import { isPaced, PaceKept } from "./pace.ts";

/**
 * What is known of a next hop since the start. `proven`: it served us and is not in trouble. `unknown`: it was not tried yet. `doubtful`:
 * it is in trouble, or what waits for it was tried in vain before.
 */
export type Standing = "proven" | "unknown" | "doubtful";

/** Attempts at once to a next hop that was not tried yet; each that goes well opens the window by one. */
const WINDOW_FIRST = 5;

/** What operators see of a next hop. */
export interface HopView {
  readonly key: string;
  /** `closed`: in use. `open`: in trouble and left alone. `half-open`: one attempt at a time finds out whether the trouble is over. */
  readonly breaker: "closed" | "open" | "half-open";
  /** Attempts in a row that failed. */
  readonly failures: number;
  /** Items of any state, those that wait their turn, and attempts under way; of these so many are made at once at most. */
  readonly items: number;
  readonly waiting: number;
  readonly active: number;
  readonly attemptsAtOnce: number;
  /** The rate to which it was slowed down. */
  readonly perMinute: number | null;
  /** What the next attempt waits for: `30 a minute`. */
  readonly waitsFor: string | null;
  readonly stoppedUntil: Instant | null;
  /** What it said when it was in trouble or asked for less last. */
  readonly lastRefusal: Reply | null;
}

/** One next hop of the schedule: its line of items, and how many attempts it stands at once. */
export class Hop {
  readonly key: string;
  readonly index: number;
  windowMax: number;
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
  /** Its pace is used up, or it asked for less: the next one waits for its turn. */
  gated = false;
  gatedUntil: Instant = 0;
  /** Its turn comes so late that what waits for it rests. */
  restsLong = false;
  /** What it may be given as the routes say; null where they say nothing. */
  pace: PaceKept | null = null;
  /** It asked for less; null where it did not, or not lately. */
  brake: Brake | null = null;
  lastRefusal: Reply | null = null;
  /** Attempts begun in this minute of its own and in the one before. */
  #begun = 0;
  #begunBefore = 0;
  #minuteAt: Instant = -Infinity;
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
    return this.head >= 0 && this.active < this.window && !this.paused && !this.gated;
  }

  /** Nothing is begun for it now, whatever waits. */
  get stopped(): boolean {
    return this.paused || this.gated;
  }

  get stoppedUntil(): Instant {
    return Math.max(this.paused ? this.pausedUntil : 0, this.gated ? this.gatedUntil : 0);
  }

  /** Nothing is begun for it for some time. */
  get rests(): boolean {
    return this.paused || (this.gated && this.restsLong);
  }

  /** The routes say another pace: what was begun before counts. */
  paceAt(pace: Pace | null): void {
    if (pace === null || !isPaced(pace)) this.pace = null;
    else (this.pace ??= new PaceKept()).pace = pace;
  }

  /** An attempt begins. */
  begun(now: Instant): void {
    if (now - this.#minuteAt >= MINUTE_MS) {
      this.#begunBefore = now - this.#minuteAt < 2 * MINUTE_MS ? this.#begun : 0;
      this.#begun = 0;
      this.#minuteAt = now;
    }
    this.#begun++;
    this.pace?.begin(now);
    this.brake?.begin(now);
  }

  /** It asked for less than it was given. False where that is known. */
  asksForLess(now: Instant, retryAfterMs: number, random: Random): boolean {
    this.brake ??= new Brake(this.#perMinute(now));
    return this.brake.pull(now, retryAfterMs, random);
  }

  /** Whether there is something to tell of it though nothing waits. */
  get isNoted(): boolean {
    return this.failures > 0 || this.brake !== null || this.active > 0;
  }

  view(now: Instant): HopView {
    return {
      key: this.key,
      breaker: this.paused ? "open" : this.failures > 0 ? "half-open" : "closed",
      failures: this.failures,
      items: this.items,
      waiting: this.waiting,
      active: this.active,
      attemptsAtOnce: this.window,
      perMinute: this.brake?.perMinute ?? null,
      waitsFor: this.heldUpBy(now),
      stoppedUntil: this.stopped ? this.stoppedUntil : null,
      lastRefusal: this.lastRefusal,
    };
  }

  /** When the next attempt may begin; not after `now` is at once. */
  nextAt(now: Instant): Instant {
    return Math.max(this.pace?.nextAt(now) ?? now, this.brake?.nextAt(now) ?? now);
  }

  /** What the next attempt waits for, in words; null where nothing holds it up but time and room. */
  heldUpBy(now: Instant): string | null {
    const braked = this.brake?.nextAt(now) ?? now;
    if (this.brake && braked > (this.pace?.nextAt(now) ?? now)) return this.brake.heldUpBy(now);
    return this.pace?.heldUpBy(now) ?? null;
  }

  /** As it was lately, from what began within the last two minutes at most. */
  #perMinute(now: Instant): number {
    const sinceMs = now - this.#minuteAt + (this.#begunBefore > 0 ? MINUTE_MS : 0);
    return ((this.#begun + this.#begunBefore) * MINUTE_MS) / Math.max(sinceMs, SECOND_MS);
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
