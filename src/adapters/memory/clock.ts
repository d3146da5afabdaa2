import type { Instant } from "../../core/base/time.ts";
import type { Clock, Timer } from "../../flows/ports.ts";

interface Alarm {
  dueAt: Instant;
  readonly sequence: number;
  readonly task: () => void;
}

/** A clock that stands still until a test moves it. Tasks run in order of their time, those of one time in order of `after`. */
export class ManualClock implements Clock {
  #now: Instant;
  #sequence = 0;
  readonly #alarms = new Set<Alarm>();

  /** Starts at 2026-01-01T00:00:00Z unless told otherwise. */
  constructor(now: Instant = 1_767_225_600_000) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  after(delayMs: number, task: () => void): Timer {
    const alarm: Alarm = { dueAt: this.#now + Math.max(0, delayMs), sequence: this.#sequence++, task };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#alarms.size;
  }

  /** When the next task is due, or null. */
  get nextDueAt(): Instant | null {
    return this.#first()?.dueAt ?? null;
  }

  /** Moves time on and runs what falls due, at its own time, without letting promises settle in between. */
  advance(durationMs: number): void {
    const until = this.#now + durationMs;
    for (let alarm = this.#first(); alarm && alarm.dueAt <= until; alarm = this.#first()) this.#run(alarm);
    this.#now = until;
  }

  /** Like `advance`, and lets promises settle before the first task and after each. */
  async run(durationMs: number): Promise<void> {
    const until = this.#now + durationMs;
    await settled();
    for (let alarm = this.#first(); alarm && alarm.dueAt <= until; alarm = this.#first()) {
      this.#run(alarm);
      await settled();
    }
    this.#now = until;
  }

  /** Sets the wall clock, forwards or backwards, as an administrator does: what waits keeps its remaining time. */
  jump(now: Instant): void {
    const shift = now - this.#now;
    this.#now = now;
    for (const alarm of this.#alarms) alarm.dueAt += shift;
  }

  #run(alarm: Alarm): void {
    this.#alarms.delete(alarm);
    this.#now = Math.max(this.#now, alarm.dueAt);
    alarm.task();
  }

  #first(): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      const earlier = !first || alarm.dueAt < first.dueAt;
      if (earlier || (alarm.dueAt === first?.dueAt && alarm.sequence < first.sequence)) first = alarm;
    }
    return first;
  }
}

/** The machine's own clock, for tests that speak over real sockets. */
export class WallClock implements Clock {
  now(): Instant {
    return Date.now();
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }
}

/** Resolves when the promises that can settle without input or output have done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
