// HOT PATH: at most 0.5 µs a reply of one short line; octets come in as one latin1 string a segment.
import { printable } from "../base/printable.ts";
import type { Reply } from "../mail/reply.ts";

/** Octets of one reply with all its lines: hostile servers send endless ones. RFC 5321 §4.5.3.1.5 asks for 512 a line. */
export const REPLY_OCTETS_MAX = 65_536;
/** Lines of one reply. */
export const REPLY_LINES_MAX = 100;

export type ReplyFault = "reply-too-long" | "not-a-reply" | "mixed-codes";

/**
 * Cuts what a server sends into replies (RFC 5321 §4.2.1). Octets are pushed as a latin1 string, one character an octet. After a
 * fault there is nothing left to trust: `next` gives null for ever and the connection is to be closed. Texts come out fit for
 * logs and reports: UTF-8 where it is valid, control characters escaped.
 */
export class ReplyReader {
  #rest = "";
  #at = 0;
  /** Whether a line may end in what is held: a line that comes octet by octet is not searched, and put together, at each of them. */
  #mayEnd = true;
  /** Of the reply under way: octets and lines so far, its code, and the texts. */
  #octets = 0;
  #code = 0;
  #enhanced = "";
  #text: string[] = [];
  #fault: ReplyFault | null = null;

  get fault(): ReplyFault | null {
    return this.#fault;
  }

  /** Whether octets wait that `next` did not give out: after STARTTLS and between transactions there must be none. */
  get hasRest(): boolean {
    return this.#at < this.#rest.length || this.#text.length > 0;
  }

  push(latin1: string): void {
    if (this.#fault !== null) return;
    const nothingHeld = this.#at === this.#rest.length;
    this.#mayEnd ||= nothingHeld || latin1.includes("\n");
    this.#rest = nothingHeld ? latin1 : this.#rest.slice(this.#at) + latin1;
    this.#at = 0;
  }

  /** Forgets everything: what came in the clear before a TLS handshake must not be believed after it (RFC 3207 §4.2). */
  reset(): void {
    this.#rest = "";
    this.#at = 0;
    this.#mayEnd = true;
    this.#startReply();
  }

  /** The next complete reply, or null. */
  next(): Reply | null {
    while (this.#fault === null) {
      const end = this.#mayEnd ? this.#rest.indexOf("\n", this.#at) : -1;
      if (end < 0) {
        this.#mayEnd = false;
        if (this.#octets + this.#rest.length - this.#at > REPLY_OCTETS_MAX) this.#fail("reply-too-long");
        return null;
      }
      const start = this.#at;
      this.#at = end + 1;
      this.#octets += end + 1 - start;
      if (this.#octets > REPLY_OCTETS_MAX) this.#fail("reply-too-long");
      else if (this.#takeLine(start, this.#rest.charCodeAt(end - 1) === CR && end > start ? end - 1 : end)) {
        const reply = { code: this.#code, enhanced: this.#enhanced, text: this.#text };
        this.#startReply();
        return reply;
      }
    }
    return null;
  }

  /** Whether the line from `start` to `end` ends its reply. */
  #takeLine(start: number, end: number): boolean {
    const code = codeAt(this.#rest, start, end);
    const separator = end - start === 3 ? SPACE : this.#rest.charCodeAt(start + 3);
    if (code === 0 || (separator !== SPACE && separator !== DASH)) return this.#fail("not-a-reply");
    if (this.#text.length === 0) this.#code = code;
    else if (code !== this.#code) return this.#fail("mixed-codes");
    if (this.#text.length === REPLY_LINES_MAX) return this.#fail("reply-too-long");
    const textAt = Math.min(start + 4, end);
    const status = enhancedLength(this.#rest, textAt, end, code);
    if (status > 0 && this.#text.length === 0) this.#enhanced = this.#rest.slice(textAt, textAt + status);
    this.#text.push(readable(this.#rest.slice(Math.min(textAt + (status > 0 ? status + 1 : 0), end), end)));
    return separator === SPACE;
  }

  #startReply(): void {
    this.#octets = 0;
    this.#code = 0;
    this.#enhanced = "";
    this.#text = [];
  }

  #fail(fault: ReplyFault): false {
    this.#fault = fault;
    this.reset();
    return false;
  }
}

const CR = 0x0d;
const SPACE = 0x20;
const DASH = 0x2d;
const DOT = 0x2e;

/** Three digits, the first 2 to 5 (RFC 5321 §4.2.1), as a number; 0 where they are not there. */
function codeAt(line: string, start: number, end: number): number {
  if (end - start < 3) return 0;
  const first = line.charCodeAt(start) - 0x30;
  const second = line.charCodeAt(start + 1) - 0x30;
  const third = line.charCodeAt(start + 2) - 0x30;
  if (first < 2 || first > 5 || second < 0 || second > 9 || third < 0 || third > 9) return 0;
  return first * 100 + second * 10 + third;
}

/** Length of an enhanced status `5.7.1` at `start` (RFC 3463 §2), 0 where none stands or its class is not that of the code. */
function enhancedLength(line: string, start: number, end: number, code: number): number {
  if (line.charCodeAt(start) - 0x30 !== Math.floor(code / 100) || line.charCodeAt(start + 1) !== DOT) return 0;
  const subject = digitsEnd(line, start + 2, end);
  if (subject === start + 2 || line.charCodeAt(subject) !== DOT) return 0;
  const detail = digitsEnd(line, subject + 1, end);
  if (detail === subject + 1 || (detail < end && line.charCodeAt(detail) !== SPACE)) return 0;
  return detail - start;
}

/** Behind at most three digits from `at` on. */
function digitsEnd(line: string, at: number, end: number): number {
  let i = at;
  while (i < end && i < at + 3 && line.charCodeAt(i) >= 0x30 && line.charCodeAt(i) <= 0x39) i++;
  return i;
}

/** Text of a reply for people. Most is plain ASCII and comes back as it is. */
function readable(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    const c = latin1.charCodeAt(i);
    if (c < 0x20 || c > 0x7e) return printable(decode(latin1), latin1.length * 8);
  }
  return latin1;
}

function decode(latin1: string): string {
  const octets = new Uint8Array(latin1.length);
  for (let i = 0; i < latin1.length; i++) octets[i] = latin1.charCodeAt(i);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return latin1;
  }
}
