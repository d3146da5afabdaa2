import { HOUR_MS, MINUTE_MS, SECOND_MS, type Instant, type Random } from "../base/time.ts";
import { jittered } from "./backoff.ts";

/** After it asked for less a next hop is left alone so long; twice as long each time it asks again without a message in between. */
const REST_MS_MIN = 10 * SECOND_MS;
/** However long it asks for, it is asked again after this time. */
export const REST_MS_MAX = HOUR_MS;
/** What was under way when it asked for less will ask for the same: that counts once. */
const REACTION_MS = 5 * SECOND_MS;
const PER_MINUTE_MIN = 1;
/** While messages go well the rate grows this often, by this part: what was halved is back after seven minutes. */
const GROWTH_MS = 30 * SECOND_MS;
const GROWTH = 1 / 20;
/** So many times what it was at first is as good as no bound, and so is an hour in which the next hop asked for nothing. */
const RELEASED_AT = 2;
/** Above this rate messages go in small bursts, one timer for each. */
const BURST_MS = 100;

/**
 * The rate for a next hop that asked for less (421, 4.7.x, "too many"): halved each time, growing again slowly while it takes
 * messages, until it holds nothing any more.
 */
export class Brake {
  /** Messages a minute now, and when it was pulled first. */
  #perMinute: number;
  readonly #perMinuteAtFirst: number;
  #askedAt: Instant = -Infinity;
  #grownAt: Instant = -Infinity;
  #restUntil: Instant = 0;
  /** Times in a row. */
  #times = 0;
  /** When the next one would begin if all kept the distance. */
  #turnAt: Instant = 0;

  /** `perMinute`: the rate at which the next hop asked for less. */
  constructor(perMinute: number) {
    this.#perMinuteAtFirst = Math.max(PER_MINUTE_MIN, perMinute);
    this.#perMinute = this.#perMinuteAtFirst;
  }

  get perMinute(): number {
    return this.#perMinute;
  }

  /**
   * It asked for less; `retryAfterMs` where it said for how long nothing is to come, else 0. False where that was said already to what was
   * under way beside this.
   */
  pull(now: Instant, retryAfterMs: number, random: Random): boolean {
    const isNew = now - this.#askedAt >= REACTION_MS;
    if (isNew) {
      this.#times++;
      this.#perMinute = Math.max(PER_MINUTE_MIN, this.#perMinute / 2);
      const restMs = jittered(REST_MS_MIN * 2 ** Math.min(this.#times - 1, 10), random);
      this.#restUntil = Math.max(this.#restUntil, now + Math.min(restMs, REST_MS_MAX));
      this.#askedAt = now;
      this.#grownAt = now;
    }
    this.#restUntil = Math.max(this.#restUntil, now + Math.min(retryAfterMs, REST_MS_MAX));
    return isNew;
  }

  /** A message went well. Whether the brake still holds anything. */
  went(now: Instant): boolean {
    // What was begun before it asked for less says nothing of now.
    if (now < this.#restUntil) return true;
    this.#times = 0;
    if (now - this.#grownAt >= GROWTH_MS) {
      this.#grownAt = now;
      this.#perMinute += Math.max(PER_MINUTE_MIN, this.#perMinute * GROWTH);
    }
    return this.#perMinute < RELEASED_AT * this.#perMinuteAtFirst && now - this.#askedAt < HOUR_MS;
  }

  /** An operator wants it tried now. */
  endRest(): void {
    this.#restUntil = 0;
    this.#turnAt = 0;
  }

  begin(now: Instant): void {
    this.#turnAt = Math.max(this.#turnAt, now) + MINUTE_MS / this.#perMinute;
  }

  nextAt(now: Instant): Instant {
    return Math.max(now, this.#restUntil, Math.ceil(this.#turnAt - BURST_MS));
  }

  /** In the words of `PaceKept.heldUpBy`. */
  heldUpBy(now: Instant): string {
    if (now < this.#restUntil) return "the next hop asked for a pause";
    return `slowed down to ${Math.max(1, Math.round(this.#perMinute))} a minute`;
  }
}
