import type { Mailbox } from "../../core/mail/mailbox.ts";
import type { ReversePath } from "../../core/mail/envelope.ts";
import { formatMail, formatRcpt } from "../../core/smtp/client-commands.ts";
import type { Offers } from "../../core/smtp/offers.ts";
import { Encryption } from "./encryption.ts";
import type { OpenOptions } from "./open.ts";
import { Sweep } from "./sweep.ts";
import type { TransportOptions } from "./transport.ts";

/** SIZE of the message that is not sent. */
const TEST_OCTETS = 1_000;

/** For connections on which a server is only asked: no step takes longer than `stepMs`, and none is a session that counts. */
export function questionOptions(options: TransportOptions, stepMs: number): OpenOptions {
  const { connectTimeoutMs, handshakeMs, replyTimeoutMs } = options.limits;
  const limits = {
    ...options.limits,
    connectTimeoutMs: Math.min(connectTimeoutMs, stepMs),
    handshakeMs: Math.min(handshakeMs, stepMs),
    replyTimeoutMs: Math.min(replyTimeoutMs, stepMs),
  };
  return {
    ...options,
    limits,
    sweep: new Sweep(options.clock),
    encryption: new Encryption(options),
    tlsResults: { record: () => {} },
  };
}

/** MAIL and RCPT of a message that is not sent. */
export function askMail(reversePath: ReversePath, offers: Offers): string {
  return formatMail({ reversePath, body: "7BIT", smtpUtf8: false }, TEST_OCTETS, false, offers);
}

export function askRcpt(forwardPath: Mailbox, offers: Offers): string {
  return formatRcpt({ forwardPath }, offers, false);
}
