import { assert } from "../base/assert.ts";
import type { Envelope, Recipient } from "../mail/envelope.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { asciiOriginalRecipient } from "../mail/xtext.ts";
import type { Offers } from "./offers.ts";

/**
 * A command line as the client sends it. CR, LF and NUL would end it early and start another one: whatever the caller puts in,
 * such a line is never written.
 */
export function commandLine(text: string): string {
  assert(!/[\r\n\0]/.test(text), "a command holds no CR, LF or NUL");
  return `${text}\r\n`;
}

/** MAIL (RFC 5321 §4.1.1.2) with the parameters that the server offered and the envelope needs. */
export function formatMail(
  envelope: Omit<Envelope, "recipients">,
  sizeOctets: number,
  smtpUtf8: boolean,
  offers: Offers,
): string {
  const reversePath = envelope.reversePath;
  let line = `MAIL FROM:<${reversePath === null ? "" : formatMailbox(reversePath)}>`;
  if (offers.size) line += ` SIZE=${sizeOctets}`;
  if (envelope.body === "BINARYMIME") line += " BODY=BINARYMIME";
  else if (envelope.body === "8BITMIME" && offers.eightBitMime) line += " BODY=8BITMIME";
  if (smtpUtf8) line += " SMTPUTF8";
  if (envelope.requireTls === true && offers.requireTls) line += " REQUIRETLS";
  if (offers.dsn) {
    if (envelope.ret) line += ` RET=${envelope.ret}`;
    if (envelope.envelopeId) line += ` ENVID=${envelope.envelopeId}`;
  }
  return commandLine(line);
}

/**
 * RCPT (RFC 5321 §4.1.1.3), with NOTIFY and ORCPT as they were received where the server offered DSN (RFC 3461 §5.2.1). Where the
 * transaction is without SMTPUTF8, ORCPT is in its 7-bit form (RFC 6533 §3).
 */
export function formatRcpt(recipient: Recipient, offers: Offers, smtpUtf8: boolean): string {
  let line = `RCPT TO:<${formatMailbox(recipient.forwardPath)}>`;
  if (offers.dsn) {
    const notify = recipient.notify;
    if (notify !== undefined) line += ` NOTIFY=${notify === "NEVER" ? "NEVER" : notify.join(",")}`;
    const original = recipient.originalRecipient;
    if (original) line += ` ORCPT=${smtpUtf8 ? original : asciiOriginalRecipient(original)}`;
  }
  return commandLine(line);
}
