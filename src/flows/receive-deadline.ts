import type { Limits } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";

/** How long a client may take to close after we said the last word. */
const LINGER_MS = 10_000;

/** Until when a session waits for what it waits for. The time of a command or block counts, not that of its octets. */
export class Deadline {
  readonly #limits: Limits;
  readonly #sessionEnd: Instant;
  #since: Instant;
  #at: Instant;
  #fruitlessSince: Instant;
  #progressOctets = 0;

  constructor(limits: Limits, now: Instant) {
    this.#limits = limits;
    this.#sessionEnd = now + limits.sessionMs;
    this.#since = now;
    this.#at = now + limits.commandTimeoutMs;
    this.#fruitlessSince = now;
  }

  isOver(now: Instant): boolean {
    return now >= this.#at || now >= this.#sessionEnd;
  }

  /** How long this command or block of data has been waited for. */
  waitedMs(now: Instant): number {
    return now - this.#since;
  }

  /** How long the client has brought nothing that counts. */
  fruitlessMs(now: Instant): number {
    return now - this.#fruitlessSince;
  }

  awaitCommand(now: Instant): void {
    this.#await(now, this.#limits.commandTimeoutMs);
  }

  awaitHandshake(now: Instant): void {
    this.#await(now, this.#limits.handshakeMs);
  }

  awaitClose(now: Instant): void {
    this.#await(now, LINGER_MS);
  }

  awaitContent(now: Instant): void {
    this.#await(now, this.#limits.dataTimeoutMs);
    this.#progressOctets = 0;
  }

  /** For so long it was we who let the client wait. */
  extend(byMs: number): void {
    this.#at += byMs;
  }

  /** A client that sends at least `dataProgressOctets` within the time of a block is given another. */
  contentCame(octets: number, now: Instant): void {
    this.#progressOctets += octets;
    if (this.#progressOctets < this.#limits.dataProgressOctets) return;
    this.awaitContent(now);
    this.fruitCame(now);
  }

  /** The client brought a message, or enough of its content. */
  fruitCame(now: Instant): void {
    this.#fruitlessSince = now;
  }

  #await(now: Instant, timeoutMs: number): void {
    this.#since = now;
    this.#at = now + timeoutMs;
  }
}
