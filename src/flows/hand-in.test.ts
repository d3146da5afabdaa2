import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withCrlf } from "./hand-in.ts";

const through = (text: string): string => Buffer.from(withCrlf(Buffer.from(text, "latin1"))).toString("latin1");

test("withCrlf() makes CRLF of every line end", () => {
  const cases: [string, string][] = [
    ["", "\r\n"],
    ["a", "a\r\n"],
    ["a\n", "a\r\n"],
    ["a\r\n", "a\r\n"],
    ["a\nb\n\n.\nc", "a\r\nb\r\n\r\n.\r\nc\r\n"],
    ["a\rb\r", "a\r\nb\r\n"],
    ["a\r\r\nb\n\r", "a\r\n\r\nb\r\n\r\n"],
    ["\n", "\r\n"],
  ];
  for (const [given, expected] of cases) assert.equal(through(given), expected, JSON.stringify(given));
});

test("withCrlf() leaves no bare CR or LF, and changes nothing twice", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n", ".") });
  fc.assert(
    fc.property(text, (given) => {
      const lines = through(given);
      assert.doesNotMatch(lines, /\r(?!\n)|(?<!\r)\n/);
      assert.ok(lines.endsWith("\r\n"));
      assert.equal(through(lines), lines);
    }),
  );
});
