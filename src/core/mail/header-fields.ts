/** A field of a header as it stands there, folded, in characters of one octet each; without its last CRLF. */
export interface HeaderField {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
  /** All of it, the name as it was written. */
  readonly text: string;
}

/** A header as it is read. */
export interface Header {
  readonly fields: readonly HeaderField[];
  /** So long are they. */
  readonly octets: number;
  /** All of the header are fields by RFC 5322 §2.2, without a CR or LF by itself: its readers agree on what is in it. */
  readonly isClean: boolean;
}

/**
 * Reads a header without the empty line that ends it. What is no field ends the fields, as most readers see it; a CR or LF by itself
 * is a blank in them. Linear, never throws.
 */
export function readHeader(head: string): Header {
  const fields: HeaderField[] = [];
  if (head === "") return { fields, octets: 0, isClean: true };
  let octets = 0;
  let isClean = true;
  for (const raw of (head.endsWith("\r\n") ? head.slice(0, -2) : head).split(/\r\n(?![ \t])/)) {
    const name = /^([\x21-\x39\x3b-\x7e]{1,200})[ \t]*:/.exec(raw)?.[1];
    if (name === undefined) return { fields, octets, isClean: false };
    const text = raw.replaceAll(/\r(?!\n)|(?<!\r)\n/g, " ");
    isClean &&= text === raw;
    fields.push({ name: name.toLowerCase(), value: text.slice(text.indexOf(":") + 1), text });
    octets = Math.min(head.length, octets + raw.length + 2);
  }
  return { fields, octets, isClean };
}

const LF = 0x0a;
const CR = 0x0d;

/** Takes the header off the front of content that comes in pieces. Holds at most `octetsMax` and the piece. */
export class HeaderReader {
  readonly #octetsMax: number;
  #octets = new Uint8Array(4_096);
  #length = 0;
  #lineAt = 0;
  #seen = 0;

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax;
  }

  /** Where in `chunk` the body begins; -1 while the header goes on. "too-long": the header has more octets than are looked at. */
  push(chunk: Uint8Array): number | "too-long" {
    const before = this.#length;
    this.#append(chunk);
    for (let lf = this.#next(); lf >= 0; lf = this.#next()) {
      this.#seen = lf + 1;
      if (lf === 0 || this.#octets[lf - 1] !== CR) continue;
      if (lf - 1 === this.#lineAt) {
        this.#length = this.#lineAt;
        return this.#length > this.#octetsMax ? "too-long" : lf + 1 - before;
      }
      this.#lineAt = lf + 1;
    }
    this.#seen = this.#length;
    return this.#length > this.#octetsMax ? "too-long" : -1;
  }

  /** What was read of the header, without the empty line that ends it. */
  octets(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  /** The fields in order; null where `Header.isClean` is false. */
  fields(): readonly HeaderField[] | null {
    const { fields, isClean } = readHeader(latin1(this.octets()));
    return isClean ? fields : null;
  }

  #next(): number {
    return this.#octets.subarray(0, this.#length).indexOf(LF, this.#seen);
  }

  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#octets.length));
      larger.set(this.#octets.subarray(0, this.#length));
      this.#octets = larger;
    }
    this.#octets.set(chunk, this.#length);
    this.#length = length;
  }
}

/** One character an octet. */
export function latin1(octets: Uint8Array): string {
  // Most headers are ASCII, of which UTF-8 makes one character an octet, and fast.
  try {
    const ascii = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
    if (ascii.length === octets.length) return ascii;
  } catch {
    // No UTF-8 either.
  }
  let text = "";
  for (let at = 0; at < octets.length; at += 8_192) text += String.fromCharCode(...octets.subarray(at, at + 8_192));
  return text;
}

export function latin1Octets(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}
