import assert from "node:assert/strict";
import { DotStuffing, endOfData } from "../../../src/core/mail/dot-stuffing.ts";
import { BareLfRepair } from "../../../src/core/smtp/bare-lf.ts";
import { ContentFraming, LineFraming } from "../../../src/core/smtp/framing.ts";
import { latin1, octetByOctet, pieces, type PlantedBug, type Target } from "../target.ts";

/** Small, so that cases reach it. */
const LINE_OCTETS_MAX = 100;
const WORDS = ["\r\n", "\r\n.\r\n", "\n.\n", "\r.\r", "\r\n..", ".", "\r", "\n", "\0", "NOOP", "ü", "x".repeat(98)];

// --- command lines ----------------------------------------------------------------------------------------------------

/** Lines as they stand, faults as `!`: which of several faults a line has first is not said twice. */
function linesOf(framing: LineFraming, parts: Iterable<Uint8Array>): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const next = framing.read(part, at, LINE_OCTETS_MAX, false);
      if (next < 0) break;
      assert.ok(next > at, "every line takes an octet");
      lines.push(framing.fault === null ? framing.line : "!");
      at = next;
    }
  }
  return lines;
}

/** The same from the words of RFC 5321 §2.3.8, with all input at hand: an LF alone is a fault at once, with the rest up to CRLF. */
function expectedLines(input: Uint8Array): string[] {
  const lines: string[] = [];
  let spoilt = false;
  for (const [, text = "", end] of latin1(input).matchAll(/((?:(?!\r\n|\n)[^])*)(\r\n|\n)/g)) {
    if (end === "\n") lines.push("!");
    else if (!spoilt) lines.push(/[\r\0]/.test(text) || text.length + 2 > LINE_OCTETS_MAX ? "!" : decoded(text));
    spoilt = end === "\n";
  }
  return lines;
}

function decoded(text: string): string {
  const octets = Buffer.from(text, "latin1");
  const decoded = octets.toString("utf8");
  return Buffer.from(decoded, "utf8").equals(octets) ? decoded : "!";
}

function lineTarget(make: () => LineFraming): Target {
  return {
    name: "lines",
    corpus: "framing",
    words: WORDS,
    check(input, chance) {
      const whole = linesOf(make(), [Uint8Array.from(input)]);
      assert.deepEqual(whole, expectedLines(input));
      assert.deepEqual(linesOf(make(), pieces(input, chance)), whole);
    },
    work: (input) => void linesOf(make(), octetByOctet(input)),
  };
}

// --- content ----------------------------------------------------------------------------------------------------------

interface ReadContent {
  /** Octets of the input that belong to it, its end included; -1 where the end is still to come. */
  end: number;
  content: string;
  bareCr: boolean;
  bareLf: boolean;
  dotLines: boolean;
  lineTooLong: boolean;
}

function readData(framing: ContentFraming, parts: Iterable<Uint8Array>): ReadContent {
  let read = 0;
  let end = -1;
  for (const part of parts) {
    const next = framing.readData(part, 0);
    end = next < 0 ? -1 : read + next;
    read += part.length;
    if (end >= 0) break;
  }
  return contentOf(framing, end);
}

function contentOf(framing: ContentFraming, end: number): ReadContent {
  const { bareCr, bareLf, dotLines, lineTooLong, sizeOctets } = framing;
  const octets = Buffer.concat(framing.take());
  assert.equal(octets.length, sizeOctets);
  // Content with a CR alone is refused: nobody reads it.
  return { end, content: bareCr ? "" : octets.toString("latin1"), bareCr, bareLf, dotLines, lineTooLong };
}

/** The same from the words of RFC 5321 §4.5.2, with all input at hand. */
function expectedData(input: Uint8Array): ReadContent {
  const text = latin1(input);
  const at = `\r\n${text}`.indexOf("\r\n.\r\n");
  const end = at < 0 ? -1 : at + 3;
  const raw = at < 0 ? text : text.slice(0, at);
  const bareCr = /\r(?!\n)/.test(raw);
  const content = raw.replaceAll(/(^|(?<=\r\n))\./g, "");
  const dotLines = /(^|\r\n)\.\./.test(raw);
  const lineTooLong = raw
    .split("\r\n")
    .some((line, i, all) => line.length + (i < all.length - 1 ? 2 : 0) > LINE_OCTETS_MAX);
  return { end, content: bareCr ? "" : content, bareCr, bareLf: /(?<!\r)\n/.test(raw), dotLines, lineTooLong };
}

function dataTarget(make: () => ContentFraming): Target {
  return {
    name: "data",
    corpus: "framing",
    words: WORDS,
    check(input, chance) {
      const whole = readData(make(), [Uint8Array.from(input)]);
      // What the last octets will be is known when more comes.
      if (whole.end >= 0) assert.deepEqual(whole, expectedData(input));
      assert.deepEqual(readData(make(), pieces(input, chance)), whole);
      const kept = make();
      kept.keep = false;
      for (const piece of pieces(input, chance)) if (kept.readData(piece, 0) >= 0) break;
      assert.equal(kept.take().length, 0, "what is not kept is not held");
    },
    work: (input) => void readData(make(), octetByOctet(input)),
  };
}

/** BDAT: only the count ends a chunk; and what comes out goes on the wire of DATA and comes back as it was. */
function chunkTarget(makeStuffing: () => DotStuffing): Target {
  return {
    name: "chunks",
    corpus: "framing",
    words: WORDS,
    check(input, chance) {
      const framing = new ContentFraming(LINE_OCTETS_MAX);
      for (const piece of pieces(input, chance)) framing.readChunk(piece, 0, piece.length);
      framing.endChunks(false);
      const taken = framing.take();
      const content = Buffer.concat(taken);
      const text = latin1(input);
      assert.equal(content.subarray(0, input.length).compare(input), 0);
      assert.equal(framing.bareLf, /(?<!\r)\n/.test(text));
      assert.equal(framing.bareCr, /\r(?!\n)/.test(text));
      assert.equal(framing.dotLines, /(^|\r\n)\./.test(text));
      const wire = stuffed(makeStuffing(), pieces(content, chance), content);
      const ends = /(^|\n)\.\r?\n/.exec(wire);
      assert.equal((ends?.index ?? 0) + (ends?.[0].length ?? 0), wire.length, "nothing ends the data before its end");
      const back = readData(new ContentFraming(LINE_OCTETS_MAX), [Buffer.from(wire, "latin1")]);
      assert.equal(back.end, wire.length);
      if (!framing.bareCr && !framing.bareLf) assert.equal(back.content, content.toString("latin1"));
    },
  };
}

function stuffed(stuffing: DotStuffing, parts: Iterable<Uint8Array>, content: Buffer): string {
  const out: Uint8Array[] = [];
  for (const part of parts) stuffing.push(part, out);
  return Buffer.concat(out).toString("latin1") + endOfData(content.at(-2) ?? null, content.at(-1) ?? null);
}

// --- ALWBARELF --------------------------------------------------------------------------------------------------------

function repairTarget(make: () => BareLfRepair): Target {
  return {
    name: "line-feeds",
    corpus: "framing",
    words: WORDS,
    check(input, chance) {
      const { end, text } = repaired(make(), [Uint8Array.from(input)]);
      assert.equal(end, expectedData(input).end, "only CRLF, dot, CRLF as received ends the data");
      assert.ok(!/(?<!\r)\n/.test(text), "no LF is alone");
      const read = readData(new ContentFraming(LINE_OCTETS_MAX), [Buffer.from(text, "latin1")]);
      assert.equal(read.end, end < 0 ? -1 : text.length, "and what is made of it ends with it");
      if (end >= 0) assert.deepEqual(repaired(make(), pieces(input, chance)), { end, text });
    },
    work: (input) => void repaired(make(), octetByOctet(input)),
  };
}

function repaired(repair: BareLfRepair, parts: Iterable<Uint8Array>): { end: number; text: string } {
  const made: string[] = [];
  let read = 0;
  let tail = "\r\n";
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const next = repair.repairData(part, at);
      made.push(latin1(repair.octets));
      tail = (tail + latin1(repair.octets)).slice(-5);
      if (tail === "\r\n.\r\n") return { end: read + next, text: made.join("") };
      at = next;
    }
    read += part.length;
  }
  return { end: -1, text: made.join("") };
}

export const framingTargets: readonly Target[] = [
  lineTarget(() => new LineFraming()),
  dataTarget(() => new ContentFraming(LINE_OCTETS_MAX)),
  chunkTarget(() => new DotStuffing()),
  repairTarget(() => new BareLfRepair()),
];

// --- mistakes ---------------------------------------------------------------------------------------------------------

/** Takes CR as the end of a segment for the end of a line: a dot behind it becomes an end. */
class ForgetfulFraming extends ContentFraming {
  override readData(octets: Uint8Array, from: number): number {
    return super.readData(octets.at(-1) === 0x0d ? octets.subarray(0, -1) : octets, from);
  }
}

/** Ends a line at an LF alone, as most programs did before 2023. */
class LenientFraming extends LineFraming {
  override read(octets: Uint8Array, from: number, lineOctetsMax: number): number {
    return super.read(octets, from, lineOctetsMax, true);
  }
}

/** Does not know that the chunk before ended a line. */
class StatelessStuffing extends DotStuffing {
  override push(chunk: Uint8Array, out: Uint8Array[]): void {
    new DotStuffing().push(Buffer.concat([Buffer.from("x"), chunk]), out);
    out[out.length - 1] = chunk;
  }
}

/** Looks at all that came again with each piece. */
class RereadingFraming extends LineFraming {
  #seen = 0;
  override read(octets: Uint8Array, from: number, lineOctetsMax: number, bareLf: boolean): number {
    let sum = 0;
    for (let again = 0; again < this.#seen; again += 16) sum += again;
    this.#seen += octets.length - from;
    return sum < 0 ? -1 : super.read(octets, from, lineOctetsMax, bareLf);
  }
}

/** Repairs every line end for itself: LF, dot, LF becomes an end. */
class NaiveRepair extends BareLfRepair {
  override repairData(octets: Uint8Array, from: number): number {
    const next = super.repairData(octets, from);
    this.octets = Buffer.from(latin1(octets.subarray(from, next)).replaceAll(/(?<!\r)\n/g, "\r\n"), "latin1");
    return next;
  }
}

export const framingBugs: readonly PlantedBug[] = [
  { what: "LF ends a command line", target: lineTarget(() => new LenientFraming()) },
  { what: "lines are read again and again", target: lineTarget(() => new RereadingFraming()) },
  { what: "a CR at the end of a segment is lost", target: dataTarget(() => new ForgetfulFraming(LINE_OCTETS_MAX)) },
  { what: "a dot at the start of a chunk is not stuffed", target: chunkTarget(() => new StatelessStuffing()) },
  { what: "a bare LF is repaired without looking at dots", target: repairTarget(() => new NaiveRepair()) },
];
