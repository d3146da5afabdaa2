import type { Instant } from "../../src/core/base/time.ts";
import type { Clock, Timer } from "../../src/flows/ports.ts";
import type { Chance } from "./chance.ts";

interface Event {
  readonly at: number;
  /** Events of one millisecond come in the order that chance says. */
  readonly tie: number;
  readonly task: () => void;
  cancelled: boolean;
}

/** 2026-01-01T00:00:00Z. */
const BEGINNING = 1_767_225_600_000;

/** One run of the program, from its start to its end or its crash. What it left under way does not come back after that. */
export class Life {
  alive = true;
}

/** Everything that happens later happens here, one event after the other, in an order that the seed gives. */
export class SimTime {
  /** Milliseconds that really passed. */
  elapsed = 0;
  readonly #chance: Chance;
  readonly #heap: Event[] = [];
  /** How far the wall clock is from the truth. */
  #errorMs = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** What the clock on the wall says. */
  wall(): Instant {
    return BEGINNING + this.elapsed + this.#errorMs;
  }

  /** Sets the clock on the wall so far off the truth; what waits is not moved by it. */
  setWallOff(errorMs: number): void {
    this.#errorMs = errorMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const event = { at: this.elapsed + Math.max(0, delayMs), tie: this.#chance.uint32(), task, cancelled: false };
    this.#add(event);
    return { cancel: () => void (event.cancelled = true) };
  }

  /** Like `after`, while the program lives. */
  afterIn(life: Life, delayMs: number, task: () => void): Timer {
    return this.after(delayMs, () => {
      if (life.alive) task();
    });
  }

  /** The clock of one life of the program. */
  clockOf(life: Life): Clock {
    return { now: () => this.wall(), after: (delayMs, task) => this.afterIn(life, delayMs, task) };
  }

  /** Lets the next event happen; false where nothing is left. */
  step(): boolean {
    for (let event = this.#take(); event; event = this.#take()) {
      if (event.cancelled) continue;
      this.elapsed = event.at;
      event.task();
      return true;
    }
    return false;
  }

  #add(event: Event): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Event;
      if (!isBefore(event, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = event;
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      const below = heap[child] as Event;
      if (!isBefore(below, last)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie);
}
