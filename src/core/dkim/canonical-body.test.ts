import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RelaxedBody } from "./canonical-body.ts";

function canonical(chunks: readonly Buffer[]): string {
  const out: Buffer[] = [];
  const body = new RelaxedBody((octets) => out.push(Buffer.from(octets)));
  for (const chunk of chunks) body.push(chunk);
  body.end();
  return Buffer.concat(out).toString("latin1");
}

describe("relaxed body (RFC 6376 §3.4.4)", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["the example of §3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"],
    ["no body", "", ""],
    ["empty lines alone", "\r\n\r\n", ""],
    ["white space alone", " \t\r\n \r\n", ""],
    ["white space alone without an end", " \t", ""],
    ["a last line without its end", "a", "a\r\n"],
    ["white space at a line's begin is one space", "\t \ta\r\n", " a\r\n"],
    ["empty lines in the middle stay", "a\r\n \r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"],
    ["a bare CR and a bare LF are text", "a \rb \n c\r", "a \rb \n c\r\r\n"],
    ["CR CR LF", "a\r\r\n", "a\r\r\n"],
    ["octets above 127 and NUL", "\xe4\x00 \xff\r\n", "\xe4\x00 \xff\r\n"],
  ];
  for (const [name, body, expected] of table) {
    test(name, () => assert.equal(canonical([Buffer.from(body, "latin1")]), expected));
  }

  test("is what the rules of the RFC give one after the other, wherever the pieces are cut", () => {
    const text = fc.string({ unit: fc.constantFrom(" ", "\t", "\r", "\n", "\r\n", "a", "b"), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 6 }), (body, cuts) => {
        const octets = Buffer.from(body, "latin1");
        const at = [0, ...cuts.sort((a, b) => a - b), octets.length];
        const chunks = at.slice(1).map((to, i) => octets.subarray(at[i], to));
        assert.equal(canonical(chunks), byTheRules(body));
      }),
      { numRuns: 2_000, seed: 6376 },
    );
  });

  test("many empty lines and lines longer than a piece cost no memory and lose nothing", () => {
    const chunk = Buffer.from(`${"\r\n".repeat(30_000)}${"x".repeat(40_000)}`);
    assert.equal(canonical([chunk]), `${chunk.toString()}\r\n`);
  });
});

/** The words of the RFC, on the whole body. */
function byTheRules(body: string): string {
  const lines = body.replace(/[ \t]+(?=\r\n|$)/g, "").replace(/[ \t]+/g, " ");
  const trimmed = lines.replace(/(\r\n)+$/, "");
  return trimmed === "" ? "" : `${trimmed}\r\n`;
}
