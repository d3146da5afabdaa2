import { MINUTE_MS, type Instant } from "../core/base/time.ts";
import type { Clock, Timer } from "./ports.ts";

/** Who lives by this time looks at it more often than this: the clock never goes so far on its own between two looks. */
const STEP_MS_MAX = 2 * MINUTE_MS;

/**
 * Time that does not jump when the clock is set: what the schedule lives by. It starts as the time of day and goes on with it,
 * step by step; a step back, or one too far, was a clock that was set, and is left out. It never goes back.
 */
export class SteadyTime {
  readonly #clock: Clock;
  /** What the clock said at the last look. */
  #wall: Instant;
  /** How far the clock was set ahead of the steady time so far. */
  #offsetMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.now();
  }

  now(): Instant {
    return this.#look() - this.#offsetMs;
  }

  toWall(steady: Instant): Instant {
    this.#look();
    return steady + this.#offsetMs;
  }

  fromWall(wall: Instant): Instant {
    this.#look();
    return wall - this.#offsetMs;
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#clock.after(delayMs, task);
  }

  #look(): Instant {
    const wall = this.#clock.now();
    const stepMs = wall - this.#wall;
    if (stepMs < 0 || stepMs > STEP_MS_MAX) this.#offsetMs += stepMs;
    this.#wall = wall;
    return wall;
  }
}
