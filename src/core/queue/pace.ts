import { DAY_MS, MINUTE_MS, SECOND_MS, type Instant } from "../base/time.ts";
import type { Pace } from "../mail/next-hop-terms.ts";

/** Parts of a window: what began within one of them is forgotten together, when the last of it is old enough. */
const SLICES = 64;
/** A window touches one slice more than it is long, and one more is begun before the oldest is forgotten. */
const SLOTS = SLICES + 2;

/**
 * How many began within the last `lengthMs`, of which `limit` may. Exact in what it forbids: no span of `lengthMs`, wherever it is laid, has
 * more than `limit`. What it allows may come a sixty-fourth of the span late. Half a kilobyte or so, whatever the limit is.
 */
export class CountedWindow {
  readonly lengthMs: number;
  limit = Infinity;
  readonly #lastAt = new Float64Array(SLOTS);
  readonly #count = new Uint32Array(SLOTS);
  #first = 0;
  #slots = 0;
  #total = 0;

  constructor(lengthMs: number) {
    this.lengthMs = lengthMs;
  }

  /** One begins. Time never goes back. */
  begin(now: Instant): void {
    this.#forget(now);
    const last = (this.#first + this.#slots - 1) % SLOTS;
    if (this.#slots === 0 || this.#sliceOf(this.#lastAt[last] ?? 0) !== this.#sliceOf(now)) {
      const next = (this.#first + this.#slots) % SLOTS;
      this.#lastAt[next] = now;
      this.#count[next] = 1;
      this.#slots++;
    } else {
      this.#lastAt[last] = now;
      this.#count[last] = (this.#count[last] ?? 0) + 1;
    }
    this.#total++;
  }

  /** When the next one may begin; `now` or earlier is at once. */
  nextAt(now: Instant): Instant {
    this.#forget(now);
    if (this.#total < this.limit) return now;
    let left = this.#total;
    for (let i = 0; i < this.#slots; i++) {
      const slot = (this.#first + i) % SLOTS;
      left -= this.#count[slot] ?? 0;
      if (left < this.limit) return (this.#lastAt[slot] ?? 0) + this.lengthMs;
    }
    return now + this.lengthMs;
  }

  #forget(now: Instant): void {
    while (this.#slots > 0 && (this.#lastAt[this.#first] ?? 0) + this.lengthMs <= now) {
      this.#total -= this.#count[this.#first] ?? 0;
      this.#first = (this.#first + 1) % SLOTS;
      this.#slots--;
    }
  }

  #sliceOf(at: Instant): number {
    return Math.floor((at * SLICES) / this.lengthMs);
  }
}

const WORDS = ["a second", "a minute", "a day"] as const;

/** The pace of one next hop, as far as it was used up. */
export class PaceKept {
  readonly #windows = [new CountedWindow(SECOND_MS), new CountedWindow(MINUTE_MS), new CountedWindow(DAY_MS)] as const;

  /** Another pace; what began before counts. */
  set pace({ perSecond, perMinute, perDay }: Pace) {
    for (const [i, limit] of [perSecond, perMinute, perDay].entries()) {
      const window = this.#windows[i];
      if (window) window.limit = Math.max(1, limit ?? Infinity);
    }
  }

  begin(now: Instant): void {
    for (const window of this.#windows) if (window.limit < Infinity) window.begin(now);
  }

  nextAt(now: Instant): Instant {
    let at = now;
    for (const window of this.#windows) if (window.limit < Infinity) at = Math.max(at, window.nextAt(now));
    return at;
  }

  /** The bound that holds the next one up longest: `30 a minute`. null where none does. */
  heldUpBy(now: Instant): string | null {
    let latest = now;
    let words: string | null = null;
    for (const [i, window] of this.#windows.entries()) {
      const at = window.limit < Infinity ? window.nextAt(now) : now;
      if (at <= latest) continue;
      latest = at;
      words = `${window.limit} ${WORDS[i] ?? ""}`;
    }
    return words;
  }

  get countsDays(): boolean {
    return this.#windows[2].limit < Infinity;
  }
}

/** Whether any rate is bounded. */
export function isPaced({ perSecond, perMinute, perDay }: Pace): boolean {
  return perSecond !== null || perMinute !== null || perDay !== null;
}
