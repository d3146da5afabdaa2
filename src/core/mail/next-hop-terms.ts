/** The words in which an operator says how a next hop is to be met: a route has them, and so have the rooms that do it. */

/**
 * `none`: never TLS. `may`: where it is offered, whatever the certificate. `encrypt`: always, whatever the certificate. `verify`: a
 * certificate of a known authority for the name. `dane`: RFC 7672. `mta-sts`: RFC 8461. `pin`: one of the pins.
 */
export type TlsLevel = "none" | "may" | "encrypt" | "verify" | "dane" | "mta-sts" | "pin";

export interface TlsRule {
  /** `default`: what the next hop publishes, verified where credentials are sent, else `may`. */
  readonly level: "default" | TlsLevel;
  /** For `pin`: SHA-256 of the certificate or of its public key (SubjectPublicKeyInfo), both DER, 64 hexadecimal digits in lower case. */
  readonly pins: readonly string[];
}

/** One mechanism of AUTH, or the best of those that the server offers. */
export type AuthMethod = "auto" | "plain" | "login" | "cram-md5" | "xoauth2" | "oauthbearer";

/** Bounds of one next hop; null where there is none but the limits. */
export interface Pace {
  /** At once. */
  readonly connections: number | null;
  readonly messagesPerConnection: number | null;
  /** Messages in any second, minute and day; each may be used up at once, and what is on top waits for its turn. */
  readonly perSecond: number | null;
  readonly perMinute: number | null;
  readonly perDay: number | null;
}

export const NO_PACE: Pace = {
  connections: null,
  messagesPerConnection: null,
  perSecond: null,
  perMinute: null,
  perDay: null,
};
