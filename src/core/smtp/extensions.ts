import { reply, type Reply } from "../mail/reply.ts";

/** What a session is offered: by its listener, by the policy of the moment, and by what it did so far. */
export interface Offers {
  /** TLS can be started: the listener has it and the session is in the clear. */
  readonly startTls: boolean;
  /** `after-tls`: AUTH would be offered in TLS. */
  readonly auth: "no" | "after-tls" | "yes";
  /** MIME8BIT(*YES): 8BITMIME, BINARYMIME and SMTPUTF8, which needs the first. */
  readonly eightBit: boolean;
  /** ETRNSVR(*YES). */
  readonly etrn: boolean;
  /** REQUIRETLS: the session is in TLS (RFC 8689 §2). */
  readonly requireTls: boolean;
  /** MAXEMMSIZE in octets. */
  readonly sizeMaxOctets: number;
  readonly recipientsMax: number;
}

export const SASL_MECHANISMS = ["SCRAM-SHA-256", "PLAIN", "LOGIN"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/**
 * The answer to EHLO (RFC 5321 §4.1.1.1): SIZE (RFC 1870), PIPELINING (2920), 8BITMIME (6152), BINARYMIME and CHUNKING (3030),
 * ENHANCEDSTATUSCODES (2034), DSN (3461), SMTPUTF8 (6531), STARTTLS (3207), AUTH (4954), ETRN (1985), REQUIRETLS (8689), LIMITS (9422).
 */
export function ehloReply(hostname: string, offers: Offers): Reply {
  const lines = [hostname, "PIPELINING", `SIZE ${offers.sizeMaxOctets}`];
  if (offers.startTls) lines.push("STARTTLS");
  if (offers.auth === "yes") lines.push(`AUTH ${SASL_MECHANISMS.join(" ")}`);
  if (offers.eightBit) lines.push("8BITMIME", "BINARYMIME", "SMTPUTF8");
  if (offers.etrn) lines.push("ETRN");
  if (offers.requireTls) lines.push("REQUIRETLS");
  lines.push("CHUNKING", "ENHANCEDSTATUSCODES", "DSN", `LIMITS RCPTMAX=${offers.recipientsMax}`);
  return reply(250, "", ...lines);
}
