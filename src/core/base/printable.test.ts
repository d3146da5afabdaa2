import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { printable, printableJson } from "./printable.ts";

test("printable() escapes what could move a terminal or turn a line", () => {
  const cases: [string, string][] = [
    ["user@example.net", "user@example.net"],
    ["Grüße, 世界", "Grüße, 世界"],
    ["kit\u001b[31m", "kit\\x1B[31m"],
    ["a\r\nb\tc", "a\\x0D\\x0Ab\\x09c"],
    ["\u009b2J", "\\x9B2J"],
    ["abc\u202etxt.exe", "abc\\u{202E}txt.exe"],
    ["a\\x1B", "a\\\\x1B"],
    ["zero\u200bwidth", "zero\\u{200B}width"],
    ["\ud800", "\\u{D800}"],
    ["\u{1f4e7}", "\u{1f4e7}"],
  ];
  for (const [text, expected] of cases) assert.equal(printable(text), expected);
});

test("printable() cuts at the limit and says so", () => {
  assert.equal(printable("abcdef", 6), "abcdef");
  assert.equal(printable("abcdefg", 6), "abcde…");
  assert.equal(printable("abcd\u001b", 6), "abcd…");
});

test("printable() never lets a control character through and keeps its limit", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.integer({ min: 1, max: 80 }), (text, max) => {
      const shown = printable(text, max);
      assert.ok(shown.length <= max);

      assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/);
    }),
  );
});

test("printableJson() is JSON of the same value, and shows nothing that printable() would not", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: "binary", maxLength: 60 }), (value, text) => {
      const shown = printableJson({ value, text });
      assert.deepEqual(JSON.parse(shown), JSON.parse(JSON.stringify({ value, text })));
      assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/);
    }),
  );
  assert.equal(printableJson("a\u202eb\u{e0041}"), '"a\\u202eb\\udb40\\udc41"');
});
