import type { Instant } from "../base/time.ts";

interface Failures {
  count: number;
  lastAt: Instant;
  /** Attempts of one client wait for each other: none is answered before this. */
  notBefore: Instant;
}

/** Failures are forgotten after so long without another. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;
/** So many mistakes cost nothing. */
const FREE_FAILURES = 2;
const FIRST_DELAY_MS = 500;

/**
 * Makes guessing slow, by client and by account, and locks nobody out: what grows is the wait for an answer. A client's attempts
 * are answered one after the other, however many connections it opens; those for one account wait side by side, so that
 * guesses of others never make its owner queue. Both tables are bounded; the longest untouched go first.
 */
export class AuthBackoff {
  readonly #clients = new Map<string, Failures>();
  readonly #accounts = new Map<string, Failures>();
  readonly #entriesMax: number;
  readonly #delayMaxMs: number;

  constructor(entriesMax: number, delayMaxMs: number) {
    this.#entriesMax = entriesMax;
    this.#delayMaxMs = delayMaxMs;
  }

  /** How long the answer to this attempt must wait, whatever it is. */
  delayMs(client: string, account: string, now: Instant): number {
    const byAccount = this.#delayOf(this.#recent(this.#accounts, account, now));
    const failures = this.#recent(this.#clients, client, now);
    if (failures === undefined) return byAccount;
    const answerAt = Math.max(now, failures.notBefore) + this.#delayOf(failures);
    failures.notBefore = answerAt;
    return Math.max(byAccount, answerAt - now);
  }

  failed(client: string, account: string, now: Instant): void {
    this.#count(this.#clients, client, now);
    this.#count(this.#accounts, account, now);
  }

  /** The account's owner is here; the client may still be guessing others. */
  succeeded(account: string): void {
    this.#accounts.delete(account);
  }

  #recent(table: Map<string, Failures>, key: string, now: Instant): Failures | undefined {
    const failures = table.get(key);
    if (failures === undefined || now - failures.lastAt <= FORGOTTEN_AFTER_MS) return failures;
    table.delete(key);
    return undefined;
  }

  #delayOf(failures: Failures | undefined): number {
    if (failures === undefined || failures.count <= FREE_FAILURES) return 0;
    return Math.min(this.#delayMaxMs, FIRST_DELAY_MS * 2 ** Math.min(failures.count - FREE_FAILURES - 1, 20));
  }

  #count(table: Map<string, Failures>, key: string, now: Instant): void {
    const failures = this.#recent(table, key, now) ?? { count: 0, lastAt: now, notBefore: now };
    failures.count++;
    failures.lastAt = now;
    // Taken out and put in again, it is the newest: a Map keeps the order of insertion.
    table.delete(key);
    table.set(key, failures);
    if (table.size <= this.#entriesMax) return;
    for (const oldest of table.keys()) {
      table.delete(oldest);
      break;
    }
  }
}
