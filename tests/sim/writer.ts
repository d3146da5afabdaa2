import type { Notify } from "../../src/core/mail/envelope.ts";
import type { IpAddress } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { parseMailbox } from "../../src/core/mail/path.ts";
import type { Submission, SubmitAnswer } from "../../src/flows/operations.ts";
import type { Chance } from "./chance.ts";
import { LOCAL_DOMAIN } from "./house.ts";
import type { Ledger, Mail, Wish } from "./ledger.ts";
import { DOMAINS } from "./network.ts";

/** Writes the mail that clients send; each has a number, which stands in its addresses and its header. */
export class Writer {
  readonly #chance: Chance;
  readonly #ledger: Ledger;
  #count = 0;

  constructor(chance: Chance, ledger: Ledger) {
    this.#chance = chance;
    this.#ledger = ledger;
  }

  write(client: IpAddress): Mail {
    const chance = this.#chance;
    const number = ++this.#count;
    const wishes = Array.from({ length: chance.odds(0.5) ? 1 : chance.between(1, 5) }, (_, i): Wish => {
      const domain = chance.odds(0.15) ? LOCAL_DOMAIN : chance.pick(DOMAINS);
      const notify = chance.odds(0.8) ? null : chance.pick(["NEVER", "SUCCESS", "FAILURE,DELAY", "SUCCESS,FAILURE"]);
      return { address: `u${number}-${i}@${domain}`, notify };
    });
    const sender = chance.odds(0.1) ? null : `s${number}@${chance.odds(0.7) ? "sender.example" : "one.example"}`;
    const content = Buffer.from(this.#text(number), "latin1");
    const mail: Mail = { number, client, sender, wishes, content, version: -1, taken: new Set(), answered: false };
    this.#ledger.mails.set(number, mail);
    return mail;
  }

  #text(number: number): string {
    const chance = this.#chance;
    const head =
      `From: <s${number}@sender.example>\r\nSubject: ${number}\r\nMessage-ID: <${number}@sender.example>\r\n` +
      "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n";
    const lines: string[] = [];
    for (let octets = chance.odds(0.1) ? chance.between(2_000, 9_000) : chance.below(500); octets > 0;) {
      const line = (chance.odds(0.1) ? "." : "") + "x".repeat(chance.below(120));
      octets -= line.length + 2;
      lines.push(`${line}\r\n`);
    }
    return head + lines.join("");
  }

  /** The mail as a program of this machine hands it in, and what its answer is held against. */
  submission(
    mail: Mail,
    version: number,
    now: number,
  ): { submission: Submission; judge: (answer: SubmitAnswer) => void } {
    const recipients = mail.wishes.map(({ address, notify }) => {
      return { forwardPath: mailboxOf(address), ...(notify === null ? {} : { notify: notifyOf(notify) }) };
    });
    const reversePath = mail.sender === null ? null : mailboxOf(mail.sender);
    this.#ledger.begun(mail, version);
    // Who is refused is known at the end; that nobody else is stored, the ledger sees when it is stored.
    for (const { address } of mail.wishes) if (this.#ledger.lets(mail, address, now)) mail.taken.add(address);
    const judge = (answer: SubmitAnswer): void => {
      for (const { recipient, reply } of answer.refused) {
        if (mail.taken.has(recipient) && reply.code === 550) this.#ledger.blame(`${recipient} was refused`);
      }
      if (answer.kind === "queued") this.#ledger.answered(mail);
    };
    const { content } = mail;
    return {
      submission: {
        envelope: { reversePath, recipients, body: "7BIT", smtpUtf8: false },
        content: { kind: "memory", chunks: [content], sizeOctets: content.length, dotLines: true },
        by: "QPGMR",
      },
      judge,
    };
  }
}

function mailboxOf(address: string): Mailbox {
  const parsed = parseMailbox(address);
  if (!parsed.ok) throw new Error(address);
  return parsed.value;
}

function notifyOf(text: string): Notify {
  return text === "NEVER" ? text : (text.split(",") as Exclude<Notify, "NEVER">);
}
