import type { Instant } from "../core/base/time.ts";
import type { Deadline } from "./receive-deadline.ts";
import type { Caller } from "./receive-transaction.ts";
import type { Reception } from "./reception.ts";

/** What a stranger has while sessions are scarce: so many times less errors, fruitless commands, time, and sessions. */
export const PRESSED_PART = 10;

/** Whether an error is answered at once, after a while, or as the last one. */
export type ErrorAnswer = "now" | "later" | "last";

/**
 * What one session may do that costs us and brings no mail. Clients that we relay for, and who has authenticated, have the limits as
 * they are set and nothing else; strangers also have to bring mail, and have less of everything while sessions are scarce.
 */
export class Patience {
  readonly #receiver: Reception;
  readonly #caller: Caller;
  #errors = 0;
  #fruitless = 0;

  constructor(receiver: Reception, caller: Caller) {
    this.#receiver = receiver;
    this.#caller = caller;
  }

  get #isStranger(): boolean {
    return this.#caller.session.user === null && this.#receiver.isStranger(this.#caller.client);
  }

  /** Counts an error. Who the client is matters, and is asked, only once there are some. */
  error(): ErrorAnswer {
    const max = this.#receiver.limits.errorsPerSession;
    const errors = ++this.#errors;
    if (errors >= max) return "last";
    if (errors < Math.min(max / 2, Math.ceil(max / PRESSED_PART)) || !this.#isStranger) return "now";
    if (this.#receiver.isPressed() && errors >= Math.ceil(max / PRESSED_PART)) return "last";
    return errors >= max / 2 ? "later" : "now";
  }

  /** Counts a command that brings no mail on; whether it counts as an error too. */
  isFruitlessTooOften(): boolean {
    const max = this.#receiver.limits.fruitlessCommands;
    const fruitless = ++this.#fruitless;
    if (fruitless <= Math.ceil(max / PRESSED_PART) || !this.#isStranger) return false;
    return fruitless > max || this.#receiver.isPressed();
  }

  messageTaken(): void {
    this.#fruitless = 0;
  }

  /** So long the greeting is kept back to see whether the client waits for it. */
  greetingWaitMs(): number {
    const waitMs = this.#receiver.limits.greetingWaitMs;
    if (waitMs === 0 || !this.#isStranger) return 0;
    return this.#receiver.isPressed() ? Math.ceil(waitMs / PRESSED_PART) : waitMs;
  }

  /** Whether a stranger's time is over, where that of others would not be. */
  isOver(deadline: Deadline, now: Instant): boolean {
    const { pressedCommandTimeoutMs, fruitlessMs } = this.#receiver.limits;
    const pressed =
      deadline.waitedMs(now) >= pressedCommandTimeoutMs || deadline.fruitlessMs(now) >= fruitlessMs / PRESSED_PART;
    if (!pressed || !this.#isStranger) return false;
    return this.#receiver.isPressed() || deadline.fruitlessMs(now) >= fruitlessMs;
  }
}
