import { err, ok, type Result } from "../base/result.ts";
import { parseDomain, type Domain } from "./domain.ts";
import type { ReversePath } from "./envelope.ts";
import { parseIpAddress, parseIpv4 } from "./ip.ts";
import type { Mailbox, MailboxHost } from "./mailbox.ts";
import { reply, type Reply } from "./reply.ts";

/** RFC 5321 §4.5.3.1.1: local-part, in octets, its quotes included. */
export const LOCAL_PART_OCTETS_MAX = 64;
/** RFC 5321 §4.5.3.1.2: domain as received, in octets. */
export const DOMAIN_OCTETS_MAX = 255;
/** RFC 5321 §4.5.3.1.3: a whole path with its brackets, in octets. */
export const PATH_OCTETS_MAX = 256;

export type PathFault =
  | "brackets" // not `<…>`, or something other than a parameter after it
  | "null-path" // `<>` where a mailbox is needed
  | "source-route" // `@a,@b:` that is not one
  | "local-part"
  | "local-part-too-long"
  | "no-domain"
  | "domain"
  | "domain-too-long"
  | "literal" // neither an exact dotted quad nor IPv6 of RFC 5321 §4.1.3
  | "path-too-long";

/** `end` is the index behind the closing bracket. `ascii` is false where the path needs SMTPUTF8 (RFC 6531 §3.3). */
export interface ParsedPath<Path> {
  readonly path: Path;
  readonly end: number;
  readonly ascii: boolean;
}

/**
 * Reads the path at the start of `text`, what follows `MAIL FROM:`. Behind it stands nothing or a space and parameters, which
 * are the caller's to read. A source route is checked and dropped (RFC 5321 appendix C). Linear in the length of `text`.
 */
export function parseReversePath(text: string): Result<ParsedPath<ReversePath>, PathFault> {
  if (text.startsWith("<>")) {
    return text.length === 2 || text.charCodeAt(2) === SPACE
      ? ok({ path: null, end: 2, ascii: true })
      : err("brackets");
  }
  return parseForwardPath(text, null);
}

/**
 * Reads the path behind `RCPT TO:` like `parseReversePath`. `<Postmaster>`, in any case and without a domain (RFC 5321
 * §4.5.1), is the postmaster of `postmasterDomain`, or a fault where that is null.
 */
export function parseForwardPath(
  text: string,
  postmasterDomain: Domain | null,
): Result<ParsedPath<Mailbox>, PathFault> {
  if (text.charCodeAt(0) !== LESS) return err("brackets");
  if (text.charCodeAt(1) === GREATER) return err("null-path");
  const route = skipSourceRoute(text, 1);
  if (!route.ok) return route;
  const local = scanLocalPart(text, route.value);
  if (!local.ok) return local;
  const at = local.value;
  const localPart = text.slice(route.value, at);
  if (text.charCodeAt(at) === GREATER && postmasterDomain !== null && localPart.toLowerCase() === "postmaster")
    return finish(text, 1, localPart, { kind: "domain", domain: postmasterDomain }, at);
  if (text.charCodeAt(at) !== AT) return err(isEnd(text, at) ? "no-domain" : "local-part");
  const close = text.indexOf(">", at + 1);
  if (close < 0) return err("brackets");
  const host = parseMailboxHost(text.slice(at + 1, close));
  return host.ok ? finish(text, 1, localPart, host.value, close) : host;
}

/** Reads `user@example.net` without brackets, all of `text`: for commands of operators and local programs. */
export function parseMailbox(text: string): Result<Mailbox, PathFault> {
  const local = scanLocalPart(text, 0);
  if (!local.ok) return local;
  const at = local.value;
  if (text.charCodeAt(at) !== AT) return err(at === text.length ? "no-domain" : "local-part");
  const host = parseMailboxHost(text.slice(at + 1));
  if (!host.ok) return host;
  const parsed = finish(text, 0, text.slice(0, at), host.value, text.length);
  return parsed.ok ? ok(parsed.value.path) : parsed;
}

/** What the client hears of a path that is none. */
export function pathFaultReply(fault: PathFault, command: "MAIL" | "RCPT"): Reply {
  switch (fault) {
    case "brackets":
      return reply(501, "5.5.4", `Syntax: ${command === "MAIL" ? "MAIL FROM" : "RCPT TO"}:<address>`);
    case "null-path":
    case "no-domain":
    case "source-route":
    case "local-part":
    case "domain":
    case "literal":
      return reply(501, command === "MAIL" ? "5.1.7" : "5.1.3", `Bad address syntax: ${PATH_FAULTS[fault]}`);
    case "local-part-too-long":
    case "domain-too-long":
    case "path-too-long":
      return reply(501, command === "MAIL" ? "5.1.7" : "5.1.3", `Address too long: ${PATH_FAULTS[fault]}`);
  }
}

/** Why a path is none, for people. */
export const PATH_FAULTS: Readonly<Record<PathFault, string>> = {
  brackets: "a path is written <local-part@domain>",
  "null-path": "the null path <> is no recipient",
  "source-route": "the source route cannot be read",
  "local-part": "the local-part has a character that needs quotes, or an empty part between dots",
  "local-part-too-long": "the local-part has more than 64 octets",
  "no-domain": "the domain is missing",
  domain: "the domain is not a valid name",
  "domain-too-long": "the domain has more than 253 octets, or a label of more than 63",
  literal: "the address literal is neither [192.0.2.1] nor [IPv6:2001:db8::1]",
  "path-too-long": "the path has more than 256 octets",
};

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const DOT = 0x2e;
const COLON = 0x3a;
const LESS = 0x3c;
const GREATER = 0x3e;
const AT = 0x40;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;

/** 1 for each ASCII character of `atext` (RFC 5322 §3.2.3). */
const ATEXT = new Uint8Array(128);
for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")
  ATEXT[char.charCodeAt(0)] = 1;

function isEnd(text: string, at: number): boolean {
  return at >= text.length || text.charCodeAt(at) === GREATER;
}

function finish(
  text: string,
  open: number,
  localPart: string,
  host: MailboxHost,
  close: number,
): Result<ParsedPath<Mailbox>, PathFault> {
  const end = close + open;
  if (open === 1 && end < text.length && text.charCodeAt(end) !== SPACE) return err("brackets");
  const octets = octetsOf(text, 0, end);
  if (octets + 2 - 2 * open > PATH_OCTETS_MAX) return err("path-too-long");
  // What is forwarded is the mapped domain, which may be longer than what was received.
  const hostOctets = host.kind === "domain" ? host.domain.length : 0;
  if (hostOctets + octetsOf(localPart, 0, localPart.length) + 3 > PATH_OCTETS_MAX) return err("path-too-long");
  return ok({ path: { localPart, host }, end, ascii: octets === end });
}

/** Behind `@a,@b:`, or `from` where no route stands. */
function skipSourceRoute(text: string, from: number): Result<number, PathFault> {
  let at = from;
  while (text.charCodeAt(at) === AT) {
    let end = at + 1;
    if (text.charCodeAt(end) === BRACKET) end = Math.max(end, text.indexOf("]", end));
    for (; end < text.length; end++) {
      const c = text.charCodeAt(end);
      if (c === COMMA || c === COLON || c === GREATER) break;
      if (end - at > DOMAIN_OCTETS_MAX) return err("source-route");
    }
    if (end >= text.length || !parseMailboxHost(text.slice(at + 1, end)).ok) return err("source-route");
    at = end + 1;
    if (text.charCodeAt(end) === COLON) return ok(at);
    if (text.charCodeAt(end) !== COMMA || text.charCodeAt(at) !== AT) return err("source-route");
  }
  return ok(at);
}

/** The index behind the local-part at `from`: a dot-string or a quoted string (RFC 5321 §4.1.2, RFC 6531 §3.3). */
function scanLocalPart(text: string, from: number): Result<number, PathFault> {
  if (text.charCodeAt(from) === QUOTE) return scanQuoted(text, from);
  let octets = 0;
  let at = from;
  let dotBefore = true;
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c < 0x80) {
      if (ATEXT[c] === 1) dotBefore = false;
      else if (c === DOT && !dotBefore) dotBefore = true;
      else break;
      octets++;
    } else {
      if (!isTextBeyondAscii(text, at, c)) return err("local-part");
      dotBefore = false;
      octets += octetsOfUnit(c);
    }
    if (octets > LOCAL_PART_OCTETS_MAX) return err("local-part-too-long");
  }
  return dotBefore ? err(at === from && isEnd(text, at) ? "no-domain" : "local-part") : ok(at);
}

function scanQuoted(text: string, from: number): Result<number, PathFault> {
  let octets = 1;
  for (let at = from + 1; at < text.length; at++) {
    let c = text.charCodeAt(at);
    if (c === QUOTE) return ok(at + 1);
    if (c === BACKSLASH) {
      octets++;
      c = text.charCodeAt(++at);
      if (!(c >= 0x20 && c < 0x7f)) return err("local-part");
    } else if (c < 0x20 || c === 0x7f) return err("local-part");
    if (c >= 0x80 && !isTextBeyondAscii(text, at, c)) return err("local-part");
    octets += octetsOfUnit(c);
    // The closing quote is still to come.
    if (octets >= LOCAL_PART_OCTETS_MAX) return err("local-part-too-long");
  }
  return err("local-part");
}

/** C1 controls, line separators and lone surrogates are no text; all else beyond ASCII is. */
function isTextBeyondAscii(text: string, at: number, c: number): boolean {
  if (c < 0xa0 || c === 0x2028 || c === 0x2029) return false;
  if (c < 0xd800 || c > 0xdfff) return true;
  const other = c < 0xdc00 ? text.charCodeAt(at + 1) : text.charCodeAt(at - 1);
  return c < 0xdc00 ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00;
}

/** UTF-8 octets of one UTF-16 unit; a surrogate pair has four in all. */
function octetsOfUnit(c: number): number {
  if (c < 0x80) return 1;
  if (c < 0x800) return 2;
  return c >= 0xd800 && c <= 0xdfff ? 2 : 3;
}

function octetsOf(text: string, from: number, to: number): number {
  let octets = 0;
  for (let i = from; i < to; i++) octets += octetsOfUnit(text.charCodeAt(i));
  return octets;
}

/** A domain, or an address literal in brackets (RFC 5321 §4.1.3). */
export function parseMailboxHost(text: string): Result<MailboxHost, PathFault> {
  if (text.charCodeAt(0) === BRACKET) return parseLiteral(text);
  const domain = parseDomain(text);
  if (domain.ok) return ok({ kind: "domain", domain: domain.value });
  if (domain.error === "empty") return err("no-domain");
  return err(domain.error === "domain-too-long" || domain.error === "label-too-long" ? "domain-too-long" : "domain");
}

function parseLiteral(text: string): Result<MailboxHost, PathFault> {
  if (!text.endsWith("]") || text.length > 64) return err("literal");
  const tagged = text.slice(1, 6).toLowerCase() === "ipv6:";
  const inside = text.slice(tagged ? 6 : 1, -1);
  // A zone id means something on one machine only.
  if (tagged && (inside.includes("%") || !inside.includes(":"))) return err("literal");
  const address = tagged ? parseIpAddress(inside) : parseIpv4(inside);
  return address.ok ? ok({ kind: "literal", address: address.value }) : err("literal");
}
