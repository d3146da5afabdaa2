import type { Mailbox } from "../../core/mail/mailbox.ts";
import { replyClass, type Reply } from "../../core/mail/reply.ts";
import type { NextHop, RecipientProber } from "../../flows/ports.ts";
import { ConnectionTrouble } from "./connection.ts";
import { openConnection, type OpenConnection, type OpenOptions } from "./open.ts";
import { askMail, askRcpt, questionOptions } from "./question.ts";
import type { TransportOptions } from "./transport.ts";

/** Servers slow down, and then hang up on, who names so many that they do not know: the next question goes over a new connection. */
const REFUSALS_MAX = 5;

interface Kept extends OpenConnection {
  refusals: number;
}

/** Asks next hops for recipients, on a few kept connections to each. */
export class SmtpRecipientProber implements RecipientProber {
  readonly #options: OpenOptions;
  readonly #hops = new Map<string, Askers>();
  #closing = false;

  constructor(options: TransportOptions) {
    this.#options = questionOptions(options, options.limits.verifyTimeoutMs);
  }

  ask(hop: NextHop, recipient: Mailbox): Promise<Reply | null> {
    const key = hop.connectionsKey;
    let askers = this.#hops.get(key);
    if (askers === undefined) {
      askers = new Askers(this.#options, () => this.#hops.delete(key));
      this.#hops.set(key, askers);
      if (this.#closing) askers.close();
    }
    return askers.ask(hop, recipient);
  }

  /** Takes leave; what is under way ends. */
  close(): void {
    this.#closing = true;
    for (const askers of this.#hops.values()) askers.close();
  }
}

/** The connections to one next hop, and who waits for one of them. */
class Askers {
  readonly #options: OpenOptions;
  readonly #onEmpty: () => void;
  readonly #idle: Kept[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #closing = false;

  constructor(options: OpenOptions, onEmpty: () => void) {
    this.#options = options;
    this.#onEmpty = onEmpty;
  }

  close(): void {
    this.#closing = true;
    for (const { connection } of this.#idle.splice(0)) connection.quit();
  }

  async ask(hop: NextHop, recipient: Mailbox): Promise<Reply | null> {
    if (this.#busy >= this.#options.limits.verifyConnections) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#busy++;
    try {
      const kept = this.#idle.pop();
      const answer = kept === undefined ? null : await this.#question(kept, recipient);
      if (answer !== null) return answer;
      // What was kept may have been closed meanwhile: that says nothing of the next hop.
      const fresh = await this.#connect(hop);
      return fresh === null ? null : await this.#question(fresh, recipient);
    } finally {
      const next = this.#waiting.shift();
      if (next !== undefined) next();
      else this.#busy--;
      this.#forgetIfEmpty();
    }
  }

  async #connect(hop: NextHop): Promise<Kept | null> {
    for (const server of hop.servers) {
      if (this.#closing) return null;
      try {
        const kept: Kept = { ...(await openConnection(hop, server, this.#options)), refusals: 0 };
        kept.connection.onClose = () => this.#lost(kept);
        return kept;
      } catch (error) {
        if (!(error instanceof ConnectionTrouble)) throw error;
      }
    }
    return null;
  }

  #lost(kept: Kept): void {
    const at = this.#idle.indexOf(kept);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#forgetIfEmpty();
  }

  #forgetIfEmpty(): void {
    if (this.#busy === 0 && this.#idle.length === 0) this.#onEmpty();
  }

  /** The answer to RCPT; null where it did not come to that. */
  async #question(kept: Kept, recipient: Mailbox): Promise<Reply | null> {
    const { connection, offers } = kept;
    const { replyTimeoutMs } = this.#options.limits;
    let answer: Reply | null = null;
    try {
      const mail = await connection.ask(askMail(null, offers), replyTimeoutMs);
      if (replyClass(mail) === 2) {
        const said = await connection.ask(askRcpt(recipient, offers), replyTimeoutMs);
        if (said.code !== SERVICE_ENDS) answer = said;
      }
      const isGood = answer !== null && replyClass(await connection.ask("RSET\r\n", replyTimeoutMs)) === 2;
      if (answer !== null && replyClass(answer) === 5) kept.refusals++;
      this.#keep(kept, isGood && kept.refusals < REFUSALS_MAX);
    } catch (error) {
      if (!(error instanceof ConnectionTrouble)) throw error;
    }
    return answer;
  }

  #keep(kept: Kept, isGood: boolean): void {
    const { connection } = kept;
    if (!isGood || this.#closing) return connection.quit();
    if (!connection.isOpen) return;
    connection.rest();
    this.#idle.push(kept);
  }
}

/** 421: the server hangs up (RFC 5321 §3.8). */
const SERVICE_ENDS = 421;
