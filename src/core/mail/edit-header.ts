import { displayName } from "./display-name.ts";
import type { ReversePath } from "./envelope.ts";
import { HeaderReader, latin1, latin1Octets, readHeader, type HeaderField } from "./header-fields.ts";
import { splitAddressList } from "./header-recipients.ts";
import { formatMailbox, type Mailbox } from "./mailbox.ts";
import { parseMailbox } from "./path.ts";

/** What becomes another in a header on its way out. */
export interface HeaderEdits {
  /** Stands in From in the place of whoever stood there. */
  readonly author: Mailbox | null;
  /** What a mail program should have done (RFC 6409 §8). */
  readonly mending: Mending | null;
}

export interface Mending {
  /** Is the author where nobody else is named. */
  readonly reversePath: ReversePath;
  /** The Date that a message without one gets, and its Message-ID with angle brackets. */
  readonly date: string;
  readonly messageId: string;
}

export interface EditedHeader {
  /** With the empty line that ends it. */
  readonly octets: Uint8Array;
  /** It stands for so many octets of the content. */
  readonly replaces: number;
}

/** A From that is longer is nobody's: it names no one to reply to and is not kept. */
const FROM_OCTETS_MAX = 16_384;
/** Most headers are shorter. */
const PIECE_OCTETS = 4_096;
/** Lines of values that were moved to a longer name are kept below the 998 of RFC 5322 §2.1.1. */
const FIRST_LINE_MAX = 900;
/** Above it a From is folded: 78 of RFC 5322 §2.1.1, less `From: ` and a blank. */
const LINE_MAX = 71;

const BLIND = new Set(["bcc", "resent-bcc"]);

/**
 * The header with its edits; null where there is nothing to be edited. What is no field ends the header, as most readers see it: an empty line then goes before it. In an edited header a CR or LF alone
 * becomes a blank. Linear in its length, never throws; at most three times as long as it was, and 2 KiB.
 */
export function editHeader({ octets: head, isEnded }: Head, edits: HeaderEdits): EditedHeader | null {
  const { fields, octets, isClean } = readHeader(latin1(head));
  let edited = edits.mending === null ? fields : mended(fields, edits.mending);
  if (edits.author !== null) edited = withAuthor(edited, edits.author);
  if (edited === fields && (isClean || edits.author === null)) return null;
  const text = edited.map((field) => `${field.text}\r\n`).join("");
  return { octets: latin1Octets(`${text}\r\n`), replaces: isEnded && octets === head.length ? octets + 2 : octets };
}

/** How content begins. */
export interface Head {
  /** The header without the empty line that ends it. */
  readonly octets: Uint8Array;
  readonly isEnded: boolean;
}

/** Reads the header off the front of content that comes in pieces, in small ones of its own: what is behind it is not touched. */
export class HeadReader {
  readonly #reader: HeaderReader;
  #isEnded = false;
  #isTooLong = false;

  constructor(octetsMax: number) {
    this.#reader = new HeaderReader(octetsMax);
  }

  /** Whether more is wanted. */
  push(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length && !this.#isEnded; at += PIECE_OCTETS) {
      const bodyAt = this.#reader.push(chunk.subarray(at, at + PIECE_OCTETS));
      this.#isTooLong = bodyAt === "too-long";
      this.#isEnded = bodyAt !== -1;
    }
    return !this.#isEnded;
  }

  /** null where it has more octets than are looked at. */
  end(): Head | null {
    return this.#isTooLong ? null : { octets: this.#reader.octets(), isEnded: this.#isEnded };
  }
}

/** Whether a program that mends headers would have something to do. */
export function mustMend(names: { has(name: string): boolean }): boolean {
  return (
    !names.has("from") || !names.has("date") || !names.has("message-id") || [...BLIND].some((name) => names.has(name))
  );
}

/** Bcc fields go (RFC 5322 §3.6.3); From, Date and Message-ID are added where they are missing. The same fields where nothing is to do. */
function mended(fields: readonly HeaderField[], { reversePath, date, messageId }: Mending): readonly HeaderField[] {
  const names = new Set(fields.map(({ name }) => name));
  if (!mustMend(names)) return fields;
  const kept = fields.filter(({ name }) => !BLIND.has(name));
  const isNobody = names.has("from") || reversePath === null;
  return [
    ...kept,
    ...(isNobody ? [] : [field("From", formatAngle(reversePath))]),
    ...(names.has("date") ? [] : [field("Date", date)]),
    ...(names.has("message-id") ? [] : [field("Message-ID", messageId)]),
  ];
}

/**
 * One From of `author`, with the name of the first who stood there. Who it was stands in X-Original-From, and in Reply-To unless the sender asked
 * for replies elsewhere. Sender goes: there is one author now, who sends (RFC 5322 §3.6.2).
 */
function withAuthor(fields: readonly HeaderField[], author: Mailbox): readonly HeaderField[] {
  const froms = fields.filter(({ name }) => name === "from");
  const [first] = froms;
  const hasSender = fields.some(({ name }) => name === "sender");
  if (first !== undefined && froms.length === 1 && isBy(first.value, author) && !hasSender) return fields;
  const original = first === undefined || isBy(first.value, author) ? "" : first.value;
  const isToReply = fields.some((one) => one.name === "reply-to" && /[^ \t\r\n]/.test(one.value));
  const name = first === undefined ? "" : displayName(first.value.slice(0, FROM_OCTETS_MAX));
  const written = [
    field("From", named(name, formatAngle(author))),
    ...(!isToReply && namesSomebody(original) ? [moved("Reply-To", original)] : []),
    ...froms
      .map(({ value }) => value)
      .filter((value) => !isBy(value, author) && value.length <= FROM_OCTETS_MAX)
      .map((value) => moved("X-Original-From", value)),
  ];
  const drops = new Set(["from", "sender", "x-original-from", ...(isToReply ? [] : ["reply-to"])]);
  const at = first === undefined ? fields.length : fields.indexOf(first);
  const keep = (part: readonly HeaderField[]): readonly HeaderField[] => part.filter((one) => !drops.has(one.name));
  return [...keep(fields.slice(0, at)), ...written, ...keep(fields.slice(at))];
}

/** Whether it names the author alone, whoever reads it: `<a@x> <b@y>` is one of them for some and the other for others. */
function isBy(value: string, author: Mailbox): boolean {
  const text = formatAngle(author).slice(1, -1);
  const unfolded = value.replaceAll("\r\n", "");
  const name = displayName(unfolded);
  return [text, `<${text}>`, `${name} <${text}>`].includes(unfolded.replaceAll(/[ \t]+/g, " ").replace(/^ /, ""));
}

function namesSomebody(value: string): boolean {
  return value.length <= FROM_OCTETS_MAX && mailboxesIn(value).some((mailbox) => mailbox !== null);
}

/** The mailboxes of an address list as a header has it, in order; null for what is no address. */
export function mailboxesIn(value: string): readonly (Mailbox | null)[] {
  return splitAddressList(new TextDecoder("utf-8").decode(latin1Octets(value))).map((address) => {
    const mailbox = parseMailbox(/^<.*>$/s.test(address) ? address.slice(1, -1) : address);
    return mailbox.ok ? mailbox.value : null;
  });
}

/** A field of this value, which begins behind a blank. */
export function field(name: string, value: string): HeaderField {
  return withValue(name, ` ${value}`);
}

function withValue(name: string, value: string): HeaderField {
  return { name: name.toLowerCase(), value, text: `${name}:${value}` };
}

function named(name: string, angle: string): string {
  if (name === "") return angle;
  return `${name}${name.length + angle.length > LINE_MAX ? "\r\n" : ""} ${angle}`;
}

/** The value as it stood behind another name. */
export function moved(name: string, value: string): HeaderField {
  const [line = ""] = value.split("\r\n", 1);
  return withValue(name, `${line.length > FIRST_LINE_MAX ? "\r\n " : ""}${value}`);
}

/** In octets of UTF-8, one a character, as the header has them. */
export function formatAngle(mailbox: Mailbox): string {
  return `<${latin1(new TextEncoder().encode(formatMailbox(mailbox)))}>`;
}
