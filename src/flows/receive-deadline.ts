import type { Limits } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";

/** How long a client may take to close after we said the last word. */
const LINGER_MS = 10_000;

/** Until when a session waits for what it waits for. The time of a command or block counts, not that of its octets. */
export class Deadline {
  readonly #limits: Limits;
  readonly #sessionEnd: Instant;
  #at: Instant;
  #progressOctets = 0;

  constructor(limits: Limits, now: Instant) {
    this.#limits = limits;
    this.#sessionEnd = now + limits.sessionMs;
    this.#at = now + limits.commandTimeoutMs;
  }

  isOver(now: Instant): boolean {
    return now >= this.#at || now >= this.#sessionEnd;
  }

  /** Whether a command is awaited for longer than there is time while sessions are scarce. */
  isLong(now: Instant): boolean {
    return now >= this.#at - this.#limits.commandTimeoutMs + this.#limits.pressedCommandTimeoutMs;
  }

  awaitCommand(now: Instant): void {
    this.#at = now + this.#limits.commandTimeoutMs;
  }

  awaitHandshake(now: Instant): void {
    this.#at = now + this.#limits.handshakeMs;
  }

  awaitClose(now: Instant): void {
    this.#at = now + LINGER_MS;
  }

  awaitContent(now: Instant): void {
    this.#at = now + this.#limits.dataTimeoutMs;
    this.#progressOctets = 0;
  }

  /** A client that sends at least `dataProgressOctets` within the time of a block is given another. */
  contentCame(octets: number, now: Instant): void {
    this.#progressOctets += octets;
    if (this.#progressOctets >= this.#limits.dataProgressOctets) this.awaitContent(now);
  }
}
