import { MINUTE_MS } from "../core/base/time.ts";
import { dayOf, formatDay, TlsTally, type TallyLimits } from "../core/tls-policy/tls-tally.ts";
import type { TlsResult } from "../core/tls-policy/tls-result.ts";
import { InTurn } from "./in-turn.ts";
import type { Clock, Timer, TlsResults } from "./ports.ts";
import type { TlsTallyStore } from "./tls-report-ports.ts";

export interface TlsCounterOptions {
  readonly clock: Clock;
  readonly store: TlsTallyStore;
  readonly limits: TallyLimits;
  /** Figures could not be written or removed: after a restart they are those of before. */
  readonly onFault: (fault: unknown) => void;
}

/** What a crash may cost of the figures: mail does not wait for them. */
const SAVE_MS = MINUTE_MS;
/** Days that are kept: the one that runs, the one that is reported, and one that was not reported before a restart. */
const DAYS_MAX = 3;

/** Counts TLS sessions a day of UTC, a policy and a failure, and keeps the figures across restarts. A session costs a look into two maps. */
export class TlsCounter implements TlsResults {
  readonly #options: TlsCounterOptions;
  readonly #days = new Map<number, TlsTally>();
  readonly #unsaved = new Set<number>();
  #timer: Timer | null = null;
  readonly #writes = new InTurn();

  private constructor(options: TlsCounterOptions) {
    this.#options = options;
  }

  static async open(options: TlsCounterOptions): Promise<TlsCounter> {
    const counter = new TlsCounter(options);
    const today = dayOf(options.clock.now());
    for (const record of await options.store.load()) {
      const tally = TlsTally.fromRecord(record, options.limits);
      if (tally !== null && tally.day <= today && tally.day > today - DAYS_MAX) counter.#days.set(tally.day, tally);
      else if (tally !== null) counter.#write(() => options.store.remove(formatDay(tally.day)));
    }
    return counter;
  }

  start(): void {
    this.#timer = this.#options.clock.after(SAVE_MS, () => {
      void this.save();
      if (this.#timer !== null) this.start();
    });
  }

  /** Resolves when all is written. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.save();
  }

  record(result: TlsResult): void {
    const day = dayOf(result.at);
    const tally = this.#days.get(day) ?? this.#begin(day);
    tally.add(result);
    this.#unsaved.add(day);
  }

  #begin(day: number): TlsTally {
    const tally = new TlsTally(day, this.#options.limits);
    this.#days.set(day, tally);
    const oldest = Math.min(...this.#days.keys());
    if (this.#days.size > DAYS_MAX && oldest !== day) this.drop(oldest);
    return tally;
  }

  /** Days that are over, the oldest first. */
  ended(): readonly TlsTally[] {
    const today = dayOf(this.#options.clock.now());
    return [...this.#days.values()].filter(({ day }) => day < today).sort((a, b) => a.day - b.day);
  }

  /** The figures of a day so far; null where there are none. */
  of(day: number): TlsTally | null {
    return this.#days.get(day) ?? null;
  }

  /** The figures of a day changed otherwise than by `record`. */
  touch(day: number): void {
    if (this.#days.has(day)) this.#unsaved.add(day);
  }

  drop(day: number): void {
    this.#days.delete(day);
    this.#unsaved.delete(day);
    this.#write(() => this.#options.store.remove(formatDay(day)));
  }

  /** Writes what changed; resolves when it is written, never rejects. */
  async save(): Promise<void> {
    for (const day of this.#unsaved) {
      const record = this.#days.get(day)?.toRecord();
      if (record !== undefined) this.#write(() => this.#options.store.put(formatDay(day), record));
    }
    this.#unsaved.clear();
    await this.#writes.idle();
  }

  #write(act: () => Promise<void>): void {
    void this.#writes.run(act).catch((fault: unknown) => this.#options.onFault(fault));
  }
}
