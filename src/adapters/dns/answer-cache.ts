import type { Instant } from "../../core/base/time.ts";

interface Kept<Answer> {
  readonly answer: Answer;
  readonly until: Instant;
}

/** Answers for a time, at most so many: the one not asked for longest gives way. */
export class AnswerCache<Answer> {
  readonly #entriesMax: number;
  readonly #kept = new Map<string, Kept<Answer>>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string, now: Instant): Answer | null {
    const kept = this.#kept.get(key);
    if (kept === undefined) return null;
    this.#kept.delete(key);
    if (kept.until <= now) return null;
    this.#kept.set(key, kept); // A Map keeps the order of insertion: now it is the youngest.
    return kept.answer;
  }

  set(key: string, answer: Answer, until: Instant): void {
    this.#kept.delete(key);
    this.#kept.set(key, { answer, until });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#entriesMax) break;
      this.#kept.delete(oldest);
    }
  }
}
