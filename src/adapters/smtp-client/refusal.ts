import type { Mailbox } from "../../core/mail/mailbox.ts";
import { formatMailboxHost } from "../../core/mail/mailbox.ts";
import { reply, type Reply } from "../../core/mail/reply.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import type { OutgoingMessage } from "../../flows/ports.ts";
import { chunksOf, sizeOf } from "./wire-content.ts";

/** What the next hop cannot take, known without asking: for good, since it says what it can. */
export function refusalOf(message: OutgoingMessage, offers: Offers, smtpUtf8: boolean, name: string): Reply | null {
  const sizeOctets = sizeOf(message);
  if (offers.sizeOctetsMax > 0 && sizeOctets > offers.sizeOctetsMax) {
    return reply(
      552,
      "5.3.4",
      `${name} takes messages up to ${offers.sizeOctetsMax} octets; this one has ${sizeOctets}`,
    );
  }
  if (smtpUtf8 && !offers.smtpUtf8)
    return reply(553, "5.6.7", `${name} does not offer SMTPUTF8, and the message needs it`);
  if (message.envelope.body === "BINARYMIME" && !(offers.chunking && offers.binaryMime)) {
    return reply(554, "5.6.3", `${name} does not offer BINARYMIME, and the message is sent by it`);
  }
  return null;
}

/**
 * Whether the message cannot go without SMTPUTF8 (RFC 6531 §3.6): the client asked for it, and an address or the header has more
 * than ASCII. Clients ask for it to be safe; most of their messages need it not.
 */
export function needsSmtpUtf8(message: OutgoingMessage): boolean {
  const { envelope, recipients, content } = message;
  if (!envelope.smtpUtf8) return false;
  if (envelope.reversePath && !isAscii(envelope.reversePath)) return true;
  if (recipients.some((recipient) => !isAscii(recipient.forwardPath))) return true;
  return content.kind === "file" || headerHasEightBits(chunksOf(message));
}

function isAscii(mailbox: Mailbox): boolean {
  return /^[\x00-\x7f]*$/.test(mailbox.localPart + formatMailboxHost(mailbox.host));
}

function headerHasEightBits(chunks: readonly Uint8Array[]): boolean {
  let lineOctets = 0;
  for (const chunk of chunks) {
    for (const octet of chunk) {
      if (octet > 0x7f) return true;
      if (octet === 0x0a) {
        if (lineOctets === 0) return false;
        lineOctets = 0;
      } else if (octet !== 0x0d) lineOctets++;
    }
  }
  return false;
}
