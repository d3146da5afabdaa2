import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DotStuffing, endOfData } from "./dot-stuffing.ts";

function stuff(chunks: readonly string[]): string {
  const stuffing = new DotStuffing();
  const out: Uint8Array[] = [];
  for (const chunk of chunks) stuffing.push(Buffer.from(chunk, "latin1"), out);
  return Buffer.concat(out).toString("latin1");
}

test("DotStuffing doubles the dot that begins a line", () => {
  const cases: [string[], string][] = [
    [["a\r\n.b\r\n"], "a\r\n..b\r\n"],
    [[".\r\n"], "..\r\n"],
    [["..\r\n"], "...\r\n"],
    [["a.b\r\n"], "a.b\r\n"],
    [["a\r\n", ".b"], "a\r\n..b"],
    [["a\r", "\n", ".", "b"], "a\r\n..b"],
    [["a\n.b"], "a\n..b"], // never the end of data to anybody
    [["", ".a", "", "\r\n", "", "."], "..a\r\n.."],
    [["a\r.b"], "a\r.b"],
  ];
  for (const [chunks, expected] of cases) assert.equal(stuff(chunks), expected, JSON.stringify(chunks));
});

test("DotStuffing does the same however the content is cut, and is undone by taking the dots away", () => {
  const content = fc.array(fc.constantFrom(".", "..", "\r\n", "\r\n.", "a", "\n", "x.y"), { maxLength: 120 });
  fc.assert(
    fc.property(content, fc.array(fc.nat(9), { maxLength: 60 }), (pieces, cuts) => {
      const text = pieces.join("");
      const chunks: string[] = [];
      let at = 0;
      for (const cut of cuts) chunks.push(text.slice(at, (at += cut)));
      const stuffed = stuff([...chunks, text.slice(at)]);
      assert.equal(stuffed, stuff([text]));
      assert.equal(stuffed.replace(/(^|\n)\./g, "$1"), text);
      assert.doesNotMatch(stuffed, /(^|\n)\.(\r|\n)/);
    }),
  );
});

test("endOfData() gives the last line its end, once", () => {
  assert.equal(endOfData(null, null), ".\r\n");
  assert.equal(endOfData(0x0d, 0x0a), ".\r\n");
  assert.equal(endOfData(0x61, 0x0a), "\r\n.\r\n");
  assert.equal(endOfData(0x61, 0x62), "\r\n.\r\n");
  assert.equal(endOfData(null, 0x0a), "\r\n.\r\n");
});
