import type { Instant } from "../../core/base/time.ts";

interface Kept<Answer> {
  readonly answer: Answer;
  readonly since: Instant;
  readonly until: Instant;
  readonly octets: number;
}

/** Answers for a time, at most so many and so much: the one not asked for longest gives way. */
export class AnswerCache<Answer> {
  readonly #entriesMax: number;
  readonly #octetsMax: number;
  readonly #kept = new Map<string, Kept<Answer>>();
  #octets = 0;

  constructor(entriesMax: number, octetsMax: number) {
    this.#entriesMax = entriesMax;
    this.#octetsMax = octetsMax;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string, now: Instant): Answer | null {
    const kept = this.#kept.get(key);
    if (kept === undefined) return null;
    this.#drop(key);
    // A clock that was set back makes nothing good for longer.
    if (kept.until <= now || now < kept.since) return null;
    this.#keep(key, kept); // A Map keeps the order of insertion: now it is the youngest.
    return kept.answer;
  }

  set(key: string, answer: Answer, now: Instant, forMs: number): void {
    this.#drop(key);
    const octets = key.length + JSON.stringify(answer).length;
    this.#keep(key, { answer, since: now, until: now + forMs, octets });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#entriesMax && this.#octets <= this.#octetsMax) break;
      this.#drop(oldest);
    }
  }

  #keep(key: string, kept: Kept<Answer>): void {
    this.#kept.set(key, kept);
    this.#octets += kept.octets;
  }

  #drop(key: string): void {
    this.#octets -= this.#kept.get(key)?.octets ?? 0;
    this.#kept.delete(key);
  }
}
