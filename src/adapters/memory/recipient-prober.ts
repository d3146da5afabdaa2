import { formatMailbox, type Mailbox } from "../../core/mail/mailbox.ts";
import type { Reply } from "../../core/mail/reply.ts";
import type { NextHop, RecipientProber } from "../../flows/ports.ts";

/** A next hop in code: `answer` says what it says to RCPT, now or later. */
export class MemoryRecipientProber implements RecipientProber {
  /** Recipients it was asked for, in order. */
  readonly asked: string[] = [];
  answer: (recipient: string) => Reply | null | Promise<Reply | null>;

  constructor(answer: MemoryRecipientProber["answer"]) {
    this.answer = answer;
  }

  async ask(_hop: NextHop, recipient: Mailbox): Promise<Reply | null> {
    const address = formatMailbox(recipient);
    this.asked.push(address);
    return await this.answer(address);
  }
}
