import type { Instant } from "../base/time.ts";
import { formatAddressLiteral, type IpAddress } from "./ip.ts";

/** What our Received field tells (RFC 5321 §4.4). */
export interface Trace {
  readonly client: IpAddress;
  /** The EHLO or HELO argument as the client said it; `""` where it said none. */
  readonly helo: string;
  /** Our own name. */
  readonly hostname: string;
  /** ESMTP, ESMTPS, ESMTPSA, … of RFC 3848 and RFC 6531 §3.7.3. */
  readonly protocol: string;
  readonly queueId: string;
  /** Protocol and cipher of the session, `""` in clear. */
  readonly tls: string;
  /** The forward-path where there is just one: several would tell one recipient of the other. */
  readonly recipient: string | null;
  /** When, as `formatMailDate` says it. */
  readonly date: string;
}

/**
 * The Received field with its CRLF, in ASCII, lines of at most 998 octets. Names that the client chose stand there as they are only
 * where they are made of letters, digits, `-`, `_`, `.`, `:` and brackets; anything else becomes a comment with all
 * that could end it replaced.
 */
export function formatReceived(trace: Trace): string {
  const literal = formatAddressLiteral(trace.client);
  const from = isPlainName(trace.helo) ? `${trace.helo} (${literal})` : `${literal}${heloComment(trace.helo)}`;
  const tls = trace.tls === "" ? "" : ` (${asComment(trace.tls)})`;
  const recipient = trace.recipient !== null && isPlainPath(trace.recipient) ? `\r\n\tfor <${trace.recipient}>` : "";
  return (
    `Received: from ${from}\r\n\tby ${trace.hostname} with ${trace.protocol}${tls}\r\n\tid ${trace.queueId}${recipient}; ` +
    `${trace.date}\r\n`
  );
}

/** `Tue, 24 Nov 2026 04:20:35 +0000` (RFC 5322 §3.3). */
export function formatMailDate(instant: Instant): string {
  return `${new Date(instant).toUTCString().slice(0, -3)}+0000`;
}

/** `formatMailDate` for one who asks often: the text of a second is made once. */
export class MailDates {
  #second = NaN;
  #text = "";

  at(instant: Instant): string {
    const second = Math.floor(instant / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatMailDate(instant);
    }
    return this.#text;
  }
}

/** The word behind `with` (RFC 3848, RFC 6531 §3.7.3). */
export function protocolName(session: {
  readonly extended: boolean;
  readonly tls: boolean;
  readonly authenticated: boolean;
  readonly smtpUtf8: boolean;
}): string {
  if (!session.extended) return "SMTP";
  const base = session.smtpUtf8 ? "UTF8SMTP" : "ESMTP";
  return `${base}${session.tls ? "S" : ""}${session.authenticated ? "A" : ""}`;
}

function isPlainName(name: string): boolean {
  if (name === "" || name.length > 255) return false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const lower = c | 0x20;
    if (lower >= 0x61 && lower <= 0x7a && c < 0x7f) continue;
    // 0-9 and the colon of an IPv6 literal, brackets, hyphen, dot, underscore
    if ((c >= 0x30 && c <= 0x3a) || c === 0x5b || c === 0x5d || c === 0x2d || c === 0x2e || c === 0x5f) continue;
    return false;
  }
  return true;
}

function heloComment(helo: string): string {
  return helo === "" ? "" : ` (HELO ${asComment(helo)})`;
}

/** Printable ASCII without what opens, ends or escapes within a comment; at most 255 characters. */
function asComment(text: string): string {
  let comment = "";
  for (const char of text.slice(0, 255)) {
    const c = char.charCodeAt(0);
    comment += c < 0x20 || c > 0x7e || char === "(" || char === ")" || char === "\\" ? "?" : char;
  }
  return comment;
}

/** ASCII without control characters: a path that came through its own door has none, other texts might. */
function isPlainPath(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}
