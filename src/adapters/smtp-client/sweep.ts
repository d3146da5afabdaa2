import type { Clock, Timer } from "../../flows/ports.ts";

export interface Swept {
  /** Called about once a second while registered. */
  tick(): void;
}

const TICK_MS = 1_000;

/**
 * One timer for every time limit of every connection: a limit is a number of ticks, set by an assignment. Ticks follow the
 * timers of the clock and not the time of day, so a clock that is set forward cuts no connection.
 */
export class Sweep {
  readonly #clock: Clock;
  readonly #members = new Set<Swept>();
  #timer: Timer | null = null;
  #now = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#members.size;
  }

  /** The tick at which `durationMs` from now are over. */
  deadline(durationMs: number): number {
    return this.#now + Math.max(1, Math.ceil(durationMs / TICK_MS));
  }

  isPast(deadline: number): boolean {
    return this.#now >= deadline;
  }

  add(member: Swept): void {
    this.#members.add(member);
    this.#timer ??= this.#clock.after(TICK_MS, this.#run);
  }

  delete(member: Swept): void {
    this.#members.delete(member);
  }

  readonly #run = (): void => {
    this.#now++;
    for (const member of this.#members) member.tick();
    this.#timer = this.#members.size > 0 ? this.#clock.after(TICK_MS, this.#run) : null;
  };
}
