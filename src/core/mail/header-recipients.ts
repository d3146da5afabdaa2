import type { Domain } from "./domain.ts";
import { formatMailbox, type Mailbox } from "./mailbox.ts";
import { parseForwardPath, parseMailbox } from "./path.ts";

/** So much of a message is looked at for its recipients: ten thousand of them fit. */
const HEADER_OCTETS_MAX = 1_048_576;

/** What a message says of its own recipients. */
export interface HeaderRecipients {
  readonly recipients: readonly Mailbox[];
  /** What stood there as an address and is none. */
  readonly faulty: readonly string[];
  /** More were there than were asked for. */
  readonly tooMany: boolean;
}

const RECIPIENT_FIELDS = new Set(["to", "cc", "bcc"]);
const RESENT_FIELDS = new Set(["resent-to", "resent-cc", "resent-bcc"]);

/**
 * The recipients that the header names, for `sendmail -t`: To, Cc and Bcc, or the Resent fields where there are any (RFC 5322
 * §3.6.3, §3.6.6). A name without a domain is one of `defaultDomain`: `To: root`. Each is given once. At most the first
 * `HEADER_OCTETS_MAX` octets are read; linear in their number.
 */
export function recipientsOfHeader(octets: Uint8Array, defaultDomain: Domain, recipientsMax: number): HeaderRecipients {
  const fields = [...headerFields(octets)];
  const names = fields.some(({ name }) => RESENT_FIELDS.has(name)) ? RESENT_FIELDS : RECIPIENT_FIELDS;
  const recipients = new Map<string, Mailbox>();
  const faulty: string[] = [];
  let tooMany = false;
  for (const { name, from, to } of fields) {
    if (!names.has(name)) continue;
    const body = new TextDecoder("utf-8").decode(octets.subarray(from, to));
    for (const address of splitAddressList(body)) {
      if (recipients.size + faulty.length >= recipientsMax) {
        tooMany = true;
        break;
      }
      const mailbox = readAddress(address, defaultDomain);
      if (mailbox) recipients.set(formatMailbox(mailbox), mailbox);
      else faulty.push(address);
    }
  }
  return { recipients: [...recipients.values()], faulty, tooMany };
}

interface Field {
  /** In lower case. */
  readonly name: string;
  /** Where its body begins, and behind its last line end. */
  readonly from: number;
  readonly to: number;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;

/** Fields in order; lines may end in CRLF or LF. What is no field ends the header. */
function* headerFields(octets: Uint8Array): Iterable<Field> {
  const length = Math.min(octets.length, HEADER_OCTETS_MAX);
  let start = 0;
  while (start < length) {
    const first = octets[start];
    if (first === LF || (first === CR && octets[start + 1] === LF)) return;
    let colon = start;
    while (colon < length && isFieldName(octets[colon] ?? 0)) colon++;
    let behindName = colon;
    while (octets[behindName] === 0x20 || octets[behindName] === 0x09) behindName++;
    if (colon === start || octets[behindName] !== COLON) return;
    let to = start;
    do {
      const lf = octets.indexOf(LF, to);
      to = lf < 0 ? octets.length : lf + 1;
    } while (to < length && (octets[to] === 0x20 || octets[to] === 0x09));
    const name = String.fromCharCode(...octets.subarray(start, Math.min(colon, start + 64))).toLowerCase();
    yield { name, from: behindName + 1, to: Math.min(to, octets.length) };
    start = to;
  }
}

function isFieldName(octet: number): boolean {
  return octet > 0x20 && octet < 0x7f && octet !== COLON;
}

/** Comments may stand in comments; deeper than this nobody means it. */
const COMMENT_DEPTH_MAX = 50;

/**
 * The addresses of an address-list (RFC 5322 §3.4) without display names, comments, white space and the names of groups. Quoted
 * strings and domain literals stay whole. A route in angle brackets keeps its brackets.
 */
export function splitAddressList(text: string): string[] {
  const addresses: string[] = [];
  let bare = "";
  let angle: string | null = null;
  let inAngle = false;
  let inLiteral = false;
  const end = (): void => {
    const address = angle === null ? bare : `<${angle}>`;
    if (address !== "" && address !== "<>") addresses.push(address);
    [bare, angle, inAngle, inLiteral] = ["", null, false, false];
  };
  const put = (piece: string): void => {
    if (inAngle) angle = (angle ?? "") + piece;
    else bare += piece;
  };
  for (let i = 0; i < text.length;) {
    const char = text.charAt(i);
    if (char === '"') {
      const close = quotedEnd(text, i);
      put(text.slice(i, close));
      i = close;
      continue;
    }
    if (char === "(" && !inLiteral) {
      i = commentEnd(text, i);
      continue;
    }
    i++;
    if (char === "[") inLiteral = true;
    if (char === "]") inLiteral = false;
    if (/\s/.test(char)) continue;
    if (char === "<" && !inAngle) [inAngle, angle] = [true, ""];
    else if (char === ">" && inAngle) inAngle = false;
    else if ((char === "," || char === ";") && !inAngle) end();
    else if (char === ":" && !inAngle && !inLiteral) bare = "";
    else put(char);
  }
  end();
  return addresses;
}

/** Behind the quoted string that begins at `from`; an open one goes to the end. */
function quotedEnd(text: string, from: number): number {
  let i = from + 1;
  while (i < text.length && text.charAt(i) !== '"') i += text.charAt(i) === "\\" ? 2 : 1;
  return Math.min(i + 1, text.length);
}

function commentEnd(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === "\\") i++;
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    if (depth === 0) return i + 1;
    if (depth > COMMENT_DEPTH_MAX) break;
  }
  return text.length;
}

function readAddress(address: string, defaultDomain: Domain): Mailbox | null {
  if (address.startsWith("<")) {
    const path = parseForwardPath(address, defaultDomain);
    if (path.ok) return path.value.path;
    return path.error === "no-domain" ? readAddress(address.slice(1, -1), defaultDomain) : null;
  }
  const mailbox = parseMailbox(address);
  if (mailbox.ok) return mailbox.value;
  if (mailbox.error !== "no-domain") return null;
  const completed = parseMailbox(`${address}@${defaultDomain}`);
  return completed.ok ? completed.value : null;
}
