import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { BareLfRepair } from "./bare-lf.ts";
import { ContentFraming, LineFraming, SKIPPED_OCTETS_MAX } from "./framing.ts";

const octets = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString("latin1");

function pieces(all: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const sorted = [...cuts].map((cut) => cut % (all.length + 1)).sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...sorted, all.length]) {
    // A copy at an odd offset of a larger buffer, as a socket's pool would give.
    const buffer = new Uint8Array(cut - from + 3);
    buffer.set(all.subarray(from, cut), 3);
    parts.push(buffer.subarray(3));
    from = cut;
  }
  return parts;
}

/** Everything that LineFraming reads: lines as they are, faults in angle brackets. */
function readLines(parts: readonly Uint8Array[], max = 2_048, bareLf = false): string[] {
  const framing = new LineFraming();
  const read: string[] = [];
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      at = framing.read(part, at, max, bareLf);
      if (at < 0) break;
      read.push(framing.fault === null ? framing.line : `<${framing.fault}>`);
      if (framing.fault === "endless") return read;
    }
  }
  return read;
}

test("LineFraming.read() takes CRLF for the end of a line and nothing else", () => {
  const cases: [wire: string, lines: string[]][] = [
    ["NOOP\r\nQUIT\r\n", ["NOOP", "QUIT"]],
    ["NOOP", []],
    ["\r\n", [""]],
    ["NOOP\nMAIL FROM:<>\r\nRSET\r\n", ["<bare-lf>", "RSET"]],
    ["NOOP\nMAIL FROM:<>\n\r\nRSET\r\n", ["<bare-lf>", "<bare-lf>", "RSET"]],
    ["MAIL\rRCPT\r\nRSET\r\n", ["<bare-cr>", "RSET"]],
    ["NOOP\r\r\nRSET\r\n", ["<bare-cr>", "RSET"]],
    ["NO\0OP\r\nRSET\r\n", ["<nul>", "RSET"]],
    ["\0\r\nRSET\r\n", ["<nul>", "RSET"]],
    ["j\xc3\xb6rg\r\n", ["jörg"]],
    ["\xef\xbb\xbfNOOP\r\n", ["\ufeffNOOP"]],
    ["j\xf6rg\r\n\xc1\x80\r\n", ["<not-utf8>", "<not-utf8>"]],
    [`${"x".repeat(2_046)}\r\n`, ["x".repeat(2_046)]],
    [`${"x".repeat(2_047)}\r\nRSET\r\n`, ["<too-long>", "RSET"]],
    [`${"x".repeat(60_000)}\r\nRSET\r\n`, ["<too-long>", "RSET"]],
    [`${"x".repeat(70_000)}\r\nRSET\r\n`, ["<endless>"]],
    [`${"\0".repeat(70_000)}\r\nRSET\r\n`, ["<endless>"]],
    [`x\n${"x".repeat(70_000)}\r\nRSET\r\n`, ["<bare-lf>", "<endless>"]],
  ];
  for (const [wire, lines] of cases) {
    const all = octets(wire);
    assert.deepEqual(readLines([all]), lines, JSON.stringify(wire.slice(0, 60)));
    assert.deepEqual(readLines(Array.from(all, (c) => new Uint8Array([c]))), lines, JSON.stringify(wire.slice(0, 60)));
  }
});

test("LineFraming.read() takes LF alone too where the listener allows it", () => {
  assert.deepEqual(readLines([octets("EHLO a\nNOOP\r\n\nA\rB\n")], 2_048, true), ["EHLO a", "NOOP", "", "<bare-cr>"]);
});

test("LineFraming.read() reads the same however the octets arrive", () => {
  const letters = fc.array(fc.constantFrom("\r", "\n", "\r\n", "\r\n", "\0", "A", "xyz", "\xc3\xb6", "\xff"), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(letters, fc.array(fc.nat()), fc.boolean(), (parts, cuts, bareLf) => {
      const all = octets(parts.join(""));
      assert.deepEqual(readLines(pieces(all, cuts), 12, bareLf), readLines([all], 12, bareLf));
    }),
  );
});

test("LineFraming holds no more than a line of what it is sent", () => {
  const framing = new LineFraming();
  const block = new Uint8Array(1_024).fill(0x78);
  let taken = 0;
  for (; framing.read(block, 0, 2_048, false) < 0; taken += 1_024);
  assert.equal(framing.fault, "endless");
  assert.ok(taken <= SKIPPED_OCTETS_MAX + 2_048);
});

interface DataRead {
  readonly content: string;
  readonly rest: string;
  readonly ended: boolean;
  readonly flags: string;
}

function flagsOf(framing: ContentFraming): string {
  return [
    framing.dotLines ? "dots" : "",
    framing.bareCr ? "cr" : "",
    framing.bareLf ? "lf" : "",
    framing.lineTooLong ? "long" : "",
  ].join("");
}

function readData(parts: readonly Uint8Array[], repair: BareLfRepair | null = null, lineMax = 1_000): DataRead {
  const framing = new ContentFraming(lineMax);
  const kept: Uint8Array[] = [];
  for (const [i, part] of parts.entries()) {
    let next = -1;
    if (repair === null) next = framing.readData(part, 0);
    else {
      const taken = repair.repairData(part, 0);
      const ended = framing.readData(repair.octets, 0);
      assert.ok(ended < 0 || ended === repair.octets.length);
      if (ended >= 0) next = taken;
      else assert.equal(taken, part.length);
    }
    kept.push(...framing.take());
    if (next < 0) continue;
    const rest = text([part.subarray(next), ...parts.slice(i + 1)]);
    assert.equal(text(kept).length, framing.sizeOctets);
    return { content: text(kept), rest, ended: true, flags: flagsOf(framing) };
  }
  return { content: text(kept), rest: "", ended: false, flags: flagsOf(framing) };
}

/** The obvious way, over a string, written apart from the scanner. */
function modelData(wire: string): DataRead {
  const framed = `\r\n${wire}`;
  const end = framed.indexOf("\r\n.\r\n");
  const body = end < 0 ? framed : framed.slice(0, end + 2);
  const lines = body.slice(2).split("\r\n");
  const unstuffed = lines.map((line) => (line.startsWith(".") ? line.slice(1) : line));
  const within = lines.join("  ");
  const flags = [
    unstuffed.some((line) => line.startsWith(".")) ? "dots" : "",
    within.includes("\r") ? "cr" : "",
    within.includes("\n") ? "lf" : "",
    lines.some((line, i) => line.length + (i < lines.length - 1 ? 2 : 0) > 1_000) ? "long" : "",
  ].join("");
  return { content: unstuffed.join("\r\n"), rest: end < 0 ? "" : framed.slice(end + 5), ended: end >= 0, flags };
}

test("ContentFraming.readData() ends at CRLF, dot, CRLF and nowhere else", () => {
  const cases: [wire: string, content: string | null, flags: string, rest?: string][] = [
    [".\r\n", "", ""],
    ["a\r\n.\r\nQUIT\r\n", "a\r\n", "", "QUIT\r\n"],
    ["..\r\n...b\r\n.c\r\n.\r\n", ".\r\n..b\r\nc\r\n", "dots"],
    [".c\r\n.\r\n", "c\r\n", ""],
    ["a\r\n\0.\r\n.\0\r\n\x85.\x85\r\n.\r\n", "a\r\n\0.\r\n\0\r\n\x85.\x85\r\n", ""],
    // Every smuggling variant stays content until the true end, and is noticed.
    ...["\n.\n", "\n.\r\n", "\r\n.\n", "\n.\r", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\r\n.\r"].map(
      (trick): [string, null, string] => [`a${trick}MAIL FROM:<x@y.example>\r\n.\r\n`, null, "bare"],
    ),
    ["a\r.\r\n.\r\n", "a\r.\r\n", "cr"],
    [`${"x".repeat(998)}\r\n.\r\n`, `${"x".repeat(998)}\r\n`, ""],
    [`${"x".repeat(999)}\r\n.\r\n`, `${"x".repeat(999)}\r\n`, "long"],
  ];
  for (const [wire, content, flags, rest = ""] of cases) {
    for (const parts of [[octets(wire)], Array.from(octets(wire), (c) => new Uint8Array([c]))]) {
      const read = readData(parts);
      assert.ok(read.ended, JSON.stringify(wire));
      assert.equal(read.rest, rest);
      if (content !== null) assert.equal(read.content, content);
      if (flags === "bare") assert.match(read.flags, /cr|lf/, JSON.stringify(wire));
      else assert.equal(read.flags, flags, JSON.stringify(wire));
    }
  }
});

test("ContentFraming.readData() ends at \\r\\r\\n.\\r\\n, which holds a true end, and notices the CR", () => {
  const read = readData([octets("a\r\r\n.\r\nMAIL")]);
  assert.deepEqual([read.ended, read.flags, read.rest], [true, "cr", "MAIL"]);
});

const wireArbitrary = fc
  .array(
    fc.constantFrom("\r", "\n", "\r\n", "\r\n", "\r\n.\r\n", ".", ".", "a", "b".repeat(70), "c".repeat(700), "\0"),
    {
      maxLength: 40,
    },
  )
  .map((parts) => parts.join(""));

test("ContentFraming.readData() agrees with a model over strings, however the octets arrive", () => {
  fc.assert(
    fc.property(wireArbitrary, fc.array(fc.nat(), { maxLength: 8 }), (wire, cuts) => {
      const all = octets(wire);
      const whole = readData([all]);
      const model = modelData(wire);
      if (model.ended) {
        const bare = /cr|lf/.test(model.flags);
        assert.deepEqual([whole.ended, whole.rest], [true, model.rest]);
        if (bare) assert.match(whole.flags, /cr|lf/);
        else assert.deepEqual(whole, model);
      } else assert.equal(whole.ended, false);
      const parts = readData(pieces(all, cuts));
      assert.deepEqual([parts.ended, parts.rest, parts.flags], [whole.ended, whole.rest, whole.flags]);
      if (!/cr/.test(whole.flags)) assert.equal(parts.content, whole.content);
    }),
    { numRuns: 3_000 },
  );
});

test("ContentFraming keeps no more memory than content, twice at most, however it arrives", () => {
  const framing = new ContentFraming(1_000_000);
  const one = octets("x");
  for (let i = 0; i < 100_000; i++) framing.readData(one, 0);
  const pool = new Uint8Array(65_536).fill(0x79);
  framing.readData(pool.subarray(10, 2_010), 0);
  const kept = framing.take();
  const buffers = new Set(kept.map((chunk) => chunk.buffer));
  const held = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  assert.equal(framing.sizeOctets, 102_000);
  assert.ok(held <= 2 * framing.sizeOctets, String(held));
  assert.ok(kept.length < 20);
});

test("ContentFraming drops what is over the limit and still finds the end", () => {
  const framing = new ContentFraming(1_000);
  framing.keep = false;
  assert.equal(framing.readData(octets("a\r\n.\r\n"), 0), 6);
  assert.deepEqual([framing.take().length, framing.sizeOctets], [0, 3]);
});

test("ContentFraming.readChunk() takes dots for what they are", () => {
  const framing = new ContentFraming(1_000);
  const all = octets("a\r\n.\r\nMAIL FROM:<>\r\nb");
  framing.readChunk(all, 0, 5);
  framing.readChunk(all, 5, all.length);
  framing.endChunks(false);
  assert.deepEqual([text(framing.take()), flagsOf(framing)], ["a\r\n.\r\nMAIL FROM:<>\r\nb\r\n", "dots"]);
  framing.reset();
  framing.readChunk(octets("a\rb\nc\r"), 0, 6);
  framing.endChunks(false);
  assert.equal(flagsOf(framing), "crlf");
  framing.reset();
  framing.readChunk(octets("a"), 0, 1);
  framing.endChunks(true);
  assert.equal(text(framing.take()), "a");
});

test("BareLfRepair makes CRLF of LF alone, and never an end of data", () => {
  const cases: [wire: string, content: string, rest?: string][] = [
    ["a\nb\r\n.\r\n", "a\r\nb\r\n"],
    ["a\n.\nb\n.\r\nc\r\n.\nd\r\n.\r\nQUIT", "a\r\n.\r\nb\r\n.\r\nc\r\n.\r\nd\r\n", "QUIT"],
    ["a\n..b\r\n..c\n.d\r\n.\r\n", "a\r\n.b\r\n.c\r\nd\r\n"],
    [".\r\nQUIT", "", "QUIT"],
    [".\nx\r\n.\r\n", ".\r\nx\r\n"],
  ];
  for (const [wire, content, rest = ""] of cases) {
    for (const parts of [[octets(wire)], Array.from(octets(wire), (c) => new Uint8Array([c]))]) {
      const read = readData(parts, new BareLfRepair());
      assert.deepEqual(
        [read.content, read.rest, read.flags.replace("dots", "")],
        [content, rest, ""],
        JSON.stringify(wire),
      );
    }
  }
  const bareCr = readData([octets("a\rb\n.\n\r\n.\r\n")], new BareLfRepair());
  assert.match(bareCr.flags, /cr/);
});

test("BareLfRepair ends data exactly where it ends without it", () => {
  fc.assert(
    fc.property(wireArbitrary, fc.array(fc.nat(), { maxLength: 8 }), (wire, cuts) => {
      const model = modelData(wire);
      const read = readData(pieces(octets(wire), cuts), new BareLfRepair());
      assert.deepEqual([read.ended, read.rest], [model.ended, model.rest]);
      assert.doesNotMatch(read.flags, /lf/);
    }),
    { numRuns: 2_000 },
  );
});

test("BareLfRepair.repairChunk() leaves dots alone", () => {
  const repair = new BareLfRepair();
  repair.repairChunk(octets("a\n.\nb\r"), 0, 6);
  assert.equal(text([repair.octets]), "a\r\n.\r\nb\r");
  repair.repairChunk(octets("\nc"), 0, 2);
  assert.equal(text([repair.octets]), "\nc");
});
