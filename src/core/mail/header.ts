/** So much of a message is looked at for its header. What stands behind it is content, whatever it looks like. */
export const HEADER_SCAN_OCTETS_MAX = 65_536;

/** What the relay must know of a header (RFC 5322 §2.2); nothing else of it is read. */
export interface HeaderScan {
  /** Received fields: the hops so far (RFC 5321 §6.3). */
  readonly received: number;
  /** Received fields that say `by` our own name: this message was here before. */
  readonly ownReceived: number;
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
  readonly hasFrom: boolean;
  /** It has a Bcc or Resent-Bcc field, or was not seen whole. */
  readonly mayHaveBcc: boolean;
  /** `TLS-Required: No`: the sender would rather have it delivered than encrypted (RFC 8689 §3). */
  readonly tlsOptional: boolean;
  /** So much was looked at. */
  readonly octets: number;
  /** The header ended, or what is looked at of it. */
  readonly complete: boolean;
}

/** Looks through the header at the start of `chunks`, at most `HEADER_SCAN_OCTETS_MAX` of it. Linear, never throws. */
export function scanHeader(chunks: readonly Uint8Array[], hostname: string): HeaderScan {
  const first = chunks[0];
  if (first === undefined) return NOTHING_SEEN;
  const scan = scanOctets(first, hostname);
  return scan.complete || chunks.length === 1 ? scan : scanOctets(joinHead(chunks), hostname);
}

const NOTHING_SEEN: HeaderScan = {
  received: 0,
  ownReceived: 0,
  hasDate: false,
  hasMessageId: false,
  hasFrom: false,
  mayHaveBcc: false,
  tlsOptional: false,
  octets: 0,
  complete: false,
};

/**
 * The same for a header that comes in pieces, `before` being what was seen of it. A field that lies across the end of a piece may be
 * missed: enough to see a loop, where a field more or less in a hundred does not matter.
 */
export function scanOn(before: HeaderScan, chunks: readonly Uint8Array[], hostname: string): HeaderScan {
  if (before.complete || before.octets >= HEADER_SCAN_OCTETS_MAX) return before;
  const scan = scanHeader(chunks, hostname);
  return {
    received: before.received + scan.received,
    ownReceived: before.ownReceived + scan.ownReceived,
    hasDate: before.hasDate || scan.hasDate,
    hasMessageId: before.hasMessageId || scan.hasMessageId,
    hasFrom: before.hasFrom || scan.hasFrom,
    mayHaveBcc: true,
    tlsOptional: before.tlsOptional || scan.tlsOptional,
    octets: before.octets + scan.octets,
    complete: scan.complete,
  };
}

/** Whether a mail program should have done something else (RFC 5322 §3.6.3, RFC 6409 §8), as far as was looked. */
export function lacksCare({ hasDate, hasMessageId, hasFrom, mayHaveBcc }: HeaderScan): boolean {
  return !hasDate || !hasMessageId || !hasFrom || mayHaveBcc;
}

function joinHead(chunks: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(HEADER_SCAN_OCTETS_MAX);
  let filled = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, HEADER_SCAN_OCTETS_MAX - filled);
    head.set(part, filled);
    filled += part.length;
    if (filled === HEADER_SCAN_OCTETS_MAX) break;
  }
  return head.subarray(0, filled);
}

const CR = 0x0d;
const LF = 0x0a;

function scanOctets(octets: Uint8Array, hostname: string): HeaderScan {
  const length = Math.min(octets.length, HEADER_SCAN_OCTETS_MAX);
  let received = 0;
  let ownReceived = 0;
  let hasDate = false;
  let hasMessageId = false;
  let hasFrom = false;
  let mayHaveBcc = false;
  let tlsOptional = false;
  let receivedAt = -1;
  let at = 0;
  let complete = length < octets.length;
  while (at < length) {
    const c = octets[at] as number;
    const folded = c === 0x20 || c === 0x09;
    if (receivedAt >= 0 && !folded) {
      if (saysBy(octets, receivedAt, at, hostname)) ownReceived++;
      receivedAt = -1;
    }
    if (c === CR && octets[at + 1] === LF) {
      complete = true;
      break;
    }
    const letter = c | 0x20;
    if (letter === 0x72) {
      if (isField(octets, at, length, "received")) {
        received++;
        receivedAt = at;
      } else mayHaveBcc ||= isField(octets, at, length, "resent-bcc");
    } else if (letter === 0x64 && !hasDate) hasDate = isField(octets, at, length, "date");
    else if (letter === 0x6d && !hasMessageId) hasMessageId = isField(octets, at, length, "message-id");
    else if (letter === 0x66 && !hasFrom) hasFrom = isField(octets, at, length, "from");
    else if (letter === 0x62 && !mayHaveBcc) mayHaveBcc = isField(octets, at, length, "bcc");
    else if (letter === 0x74 && !tlsOptional) tlsOptional = saysTlsOptional(octets, at, length);
    while (at < length && octets[at] !== LF) at++;
    at++;
  }
  if (receivedAt >= 0 && at >= length && saysBy(octets, receivedAt, length, hostname)) ownReceived++;
  mayHaveBcc ||= at >= HEADER_SCAN_OCTETS_MAX;
  return { received, ownReceived, hasDate, hasMessageId, hasFrom, mayHaveBcc, tlsOptional, octets: length, complete };
}

/** `name`, in any case, and a colon; white space before it is the obsolete syntax of RFC 5322 §4.5. */
function isField(octets: Uint8Array, from: number, to: number, name: string): boolean {
  let at = from + name.length;
  if (!sameText(octets, from, name)) return false;
  while (at < to && (octets[at] === 0x20 || octets[at] === 0x09)) at++;
  return at < to && octets[at] === 0x3a;
}

/** RFC 8689 §3: the field has one value, `No`. */
function saysTlsOptional(octets: Uint8Array, from: number, to: number): boolean {
  if (!isField(octets, from, to, "tls-required")) return false;
  let at = octets.indexOf(0x3a, from) + 1;
  while (at < to && isFolding(octets, at)) at++;
  if (at + 2 > to || !sameText(octets, at, "no")) return false;
  at += 2;
  while (at < to && isFolding(octets, at)) at++;
  return octets[at] === LF;
}

/** White space, and line ends with white space behind them (RFC 5322 §3.2.2). */
function isFolding(octets: Uint8Array, at: number): boolean {
  const octet = octets[at];
  if (octet === LF) return octets[at + 1] === 0x20 || octets[at + 1] === 0x09;
  return octet === 0x20 || octet === 0x09 || octet === CR;
}

/** Whether a Received field has the clause `by NAME` (RFC 5321 §4.4). */
function saysBy(octets: Uint8Array, from: number, to: number, name: string): boolean {
  for (let at = from; at + 4 + name.length <= to; at++) {
    const c = octets[at] as number;
    if (c !== 0x20 && c !== 0x09) continue;
    if (!sameText(octets, at + 1, "by ") || !sameText(octets, at + 4, name)) continue;
    const behind = at + 4 + name.length < to ? (octets[at + 4 + name.length] as number) : 0x20;
    if (behind <= 0x20 || behind === 0x28 || behind === 0x3b) return true;
  }
  return false;
}

function sameText(octets: Uint8Array, from: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const c = octets[from + i] ?? 0;
    const lower = c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
    if (lower !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}
