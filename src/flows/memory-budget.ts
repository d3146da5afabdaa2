import type { Clock, Timer } from "./ports.ts";

/** What a session that waits is expected to read next: a block of its socket. */
const BLOCK_OCTETS = 65_536;
/** Content that comes on is written out and waits above this part of the budget; the rest is for those that begin. */
const TIGHT_PART = 0.75;
/** Who waits is looked at so often, whatever happens or does not. */
const LOOK_MS = 1_000;

/** Octets of messages being received, envelopes too, over all sessions; and the line of sessions that wait for room to read on. */
export class MemoryBudget {
  readonly limitOctets: number;
  readonly #clock: Pick<Clock, "after">;
  #used = 0;
  /** What those that were called last are going to read. */
  #promised = 0;
  readonly #line: (() => void)[] = [];
  #timer: Timer | null = null;

  constructor(limitOctets: number, clock: Pick<Clock, "after">) {
    this.limitOctets = limitOctets;
    this.#clock = clock;
  }

  get usedOctets(): number {
    return this.#used;
  }

  set usedOctets(octets: number) {
    const freed = octets < this.#used;
    if (!freed) this.#promised = Math.max(0, this.#promised - (octets - this.#used));
    this.#used = octets;
    if (freed && this.#line.length > 0) this.#next(0);
  }

  /** No more of a message that goes on should be held. */
  get isTight(): boolean {
    return this.#used > this.limitOctets * TIGHT_PART;
  }

  /** Nobody may begin. */
  get exceeded(): boolean {
    return this.#used > this.limitOctets;
  }

  /**
   * Resolves when it is the caller's turn to read one more block: at once while there is room, else one after the other as others
   * let go of what they hold, and at least one a second, so that nobody waits for ever.
   */
  async room(): Promise<void> {
    if (!this.isTight) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line.push(resolve);
    this.#look();
    await promise;
  }

  #look(): void {
    this.#timer ??= this.#clock.after(LOOK_MS, () => {
      this.#timer = null;
      this.#promised = 0;
      this.#next(1);
      if (this.#line.length > 0) this.#look();
    });
  }

  /** As many as there is room for, and at least so many. */
  #next(least: number): void {
    const room = Math.floor((this.limitOctets * TIGHT_PART - this.#used - this.#promised) / BLOCK_OCTETS);
    const called = this.#line.splice(0, Math.max(room, least));
    this.#promised += called.length * BLOCK_OCTETS;
    for (const resolve of called) resolve();
  }
}
