import type { Instant } from "../core/base/time.ts";
import type { Clock, Timer } from "./ports.ts";

/** A timer that is late or early by more than this was not late: the clock was set. */
const JUMP_MS_MIN = 30_000;

/**
 * Time that does not jump when the clock is set: what the schedule lives by. It starts as the time of day and goes on by the
 * timers, which count what really passes; each timer set here compares the two.
 */
export class SteadyTime {
  readonly #clock: Clock;
  /** How far the clock was set ahead of the steady time so far. */
  #offsetMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): Instant {
    return this.#clock.now() - this.#offsetMs;
  }

  toWall(steady: Instant): Instant {
    return steady + this.#offsetMs;
  }

  fromWall(wall: Instant): Instant {
    return wall - this.#offsetMs;
  }

  /** Like `Clock.after`, and takes note of a clock that was set in the meantime before it calls `task`. */
  after(delayMs: number, task: () => void): Timer {
    const expected = this.#clock.now() + delayMs;
    return this.#clock.after(delayMs, () => {
      const driftMs = this.#clock.now() - expected;
      if (Math.abs(driftMs) > JUMP_MS_MIN) this.#offsetMs += driftMs;
      task();
    });
  }
}
