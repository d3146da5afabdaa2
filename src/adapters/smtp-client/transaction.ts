import { reply, replyClass, type Reply } from "../../core/mail/reply.ts";
import { formatMail, formatRcpt } from "../../core/smtp/client-commands.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import type { OutgoingMessage } from "../../flows/ports.ts";
import { sizeOf } from "./wire-content.ts";

/** What the connection does after a reply: nothing, write this, send the content, or take the result. */
export type Next = "wait" | "content" | "done" | { readonly write: string };

/** How a transaction ended. */
export interface TransactionResult {
  readonly replies: readonly Reply[];
  /** The server said that it closes, or closed, before it took any recipient: trouble of the server, not of the message. */
  readonly serverTrouble: boolean;
  /** Nothing at all was answered: over a kept connection that means it was dead before, and another one may be tried. */
  readonly unanswered: boolean;
}

const SERVICE_CLOSING = 421;
const START_MAIL_INPUT = 354;

/**
 * One mail transaction from the client's side (RFC 5321 §3.3), as a machine that is fed replies. With pipelining (RFC 2920)
 * every command is on its way at once and the replies come in order; without, each command waits for the reply before it.
 */
export class Transaction {
  readonly message: OutgoingMessage;
  /** Sent by BDAT (RFC 3030): the next hop takes the octets as they are. */
  readonly chunking: boolean;
  readonly #commands: string[];
  readonly #pipelining: boolean;
  /** Index into `#commands` of the one whose reply comes next. */
  #at = 0;
  readonly #mailAt: number;
  readonly #replies: (Reply | null)[];
  #mailReply: Reply | null = null;
  #accepted = 0;
  #answers = 0;
  #phase: "envelope" | "content" | "empty-content" | "ended" = "envelope";
  #serverTrouble = false;
  /** The server may still hold the envelope: RSET is owed before the next MAIL. */
  needsReset = false;

  constructor(message: OutgoingMessage, offers: Offers, smtpUtf8: boolean, reset: boolean) {
    this.message = message;
    this.chunking = message.envelope.body === "BINARYMIME";
    this.#pipelining = offers.pipelining;
    this.#commands = reset ? ["RSET\r\n"] : [];
    this.#mailAt = this.#commands.length;
    this.#commands.push(formatMail(message.envelope, sizeOf(message), smtpUtf8, offers));
    for (const recipient of message.recipients) this.#commands.push(formatRcpt(recipient, offers, smtpUtf8));
    if (!this.chunking) this.#commands.push("DATA\r\n");
    this.#replies = new Array<Reply | null>(message.recipients.length).fill(null);
  }

  /** What to write first. */
  get opening(): string {
    return this.#pipelining ? this.#commands.join("") : (this.#commands[0] ?? "");
  }

  /** Whether content is on its way or the reply to its end awaited. */
  get inContent(): boolean {
    return this.#phase === "content" || this.#phase === "empty-content";
  }

  take(answer: Reply): Next {
    this.#answers++;
    if (answer.code === SERVICE_CLOSING) return this.#close(answer);
    if (this.#phase === "content") return this.#conclude(answer);
    if (this.#phase === "empty-content") return this.#end(false);
    const at = this.#at++;
    if (at === this.#mailAt) this.#takeMail(answer);
    else if (at > this.#mailAt && at <= this.#mailAt + this.#replies.length) this.#takeRcpt(at, answer);
    else if (at > this.#mailAt) return this.#takeData(answer);
    return this.#after(at);
  }

  /** The connection is gone, or useless: `why` is the reply of our own that those without an answer get. */
  lose(why: Reply): void {
    if (this.#phase === "ended") return;
    if (this.#accepted === 0 && !this.inContent) this.#serverTrouble = true;
    this.#fill(why);
    this.#phase = "ended";
  }

  result(): TransactionResult {
    const lost = NO_ANSWER;
    return {
      replies: this.#replies.map((answer) => answer ?? lost),
      serverTrouble: this.#serverTrouble,
      unanswered: this.#answers === 0,
    };
  }

  #takeMail(answer: Reply): void {
    if (replyClass(answer) !== 2) this.#mailReply = refusal(answer);
    else this.needsReset = true;
  }

  #takeRcpt(at: number, answer: Reply): void {
    const recipient = at - this.#mailAt - 1;
    if (this.#mailReply) this.#replies[recipient] = this.#mailReply;
    else if (replyClass(answer) !== 2) this.#replies[recipient] = refusal(answer);
    else this.#accepted++;
  }

  #takeData(answer: Reply): Next {
    if (answer.code === START_MAIL_INPUT) {
      this.needsReset = false;
      this.#phase = this.#accepted > 0 ? "content" : "empty-content";
      // Every recipient was refused and the server wants content all the same: an empty one ends it (RFC 2920 §3.1).
      return this.#accepted > 0 ? "content" : { write: ".\r\n" };
    }
    if (this.#accepted > 0) this.#fill(refusal(answer));
    return this.#end(this.needsReset);
  }

  /** Behind the reply to MAIL or RCPT: the next command, or the end where nothing more makes sense. */
  #after(at: number): Next {
    const last = this.#mailAt + this.#replies.length;
    if (at < last && !(this.#mailReply && !this.#pipelining)) {
      return this.#pipelining ? "wait" : { write: this.#commands[at + 1] ?? "" };
    }
    if (this.#mailReply && (!this.#pipelining || this.chunking)) {
      this.#fill(this.#mailReply);
      return this.#end(false);
    }
    if (this.#accepted === 0 && (!this.#pipelining || this.chunking)) return this.#end(true);
    if (this.chunking) {
      this.#phase = "content";
      return "content";
    }
    return this.#pipelining ? "wait" : { write: this.#commands[at + 1] ?? "" };
  }

  #conclude(answer: Reply): Next {
    this.#fill(replyClass(answer) === 2 ? answer : refusal(answer));
    // After a refused BDAT the transaction is undefined until RSET (RFC 3030 §2).
    return this.#end(this.chunking && replyClass(answer) !== 2);
  }

  #close(answer: Reply): Next {
    if (this.#accepted === 0) this.#serverTrouble = true;
    this.#fill(answer);
    this.#phase = "ended";
    return "done";
  }

  #fill(answer: Reply): void {
    for (let i = 0; i < this.#replies.length; i++) this.#replies[i] ??= answer;
  }

  #end(needsReset: boolean): Next {
    this.needsReset = needsReset;
    this.#phase = "ended";
    return "done";
  }
}

const NO_ANSWER: Reply = reply(451, "4.5.0", "The next hop did not answer for this recipient");

/** Only 4 and 5 refuse. Anything else where a refusal or 2xx was due is no SMTP: we try again later. */
function refusal(answer: Reply): Reply {
  const kind = replyClass(answer);
  if (kind === 4 || kind === 5) return answer;
  return reply(451, "4.5.0", `Unexpected answer of the next hop: ${answer.code} ${answer.text.join(" ")}`);
}
