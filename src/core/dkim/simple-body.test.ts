import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SimpleBody } from "./simple-body.ts";

function canonical(chunks: readonly Buffer[]): string {
  const out: Buffer[] = [];
  const body = new SimpleBody((octets) => out.push(Buffer.from(octets)));
  for (const chunk of chunks) body.push(chunk);
  body.end();
  return Buffer.concat(out).toString("latin1");
}

describe("simple body (RFC 6376 §3.4.3)", () => {
  const table: readonly (readonly [string, string, string])[] = [
    ["the example of §3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n"],
    ["no body", "", "\r\n"],
    ["empty lines alone", "\r\n\r\n", "\r\n"],
    ["a last line without its end", "a", "a\r\n"],
    ["a CR at the end", "a\r\n\r", "a\r\n\r\r\n"],
    ["CR CR LF", "a\r\r\n", "a\r\r\n"],
  ];
  for (const [name, body, expected] of table) {
    test(name, () => assert.equal(canonical([Buffer.from(body, "latin1")]), expected));
  }

  test("is what the rule of the RFC gives, wherever the pieces are cut", () => {
    const text = fc.string({ unit: fc.constantFrom(" ", "\r", "\n", "\r\n", "a"), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(40), { maxLength: 6 }), (body, cuts) => {
        const octets = Buffer.from(body, "latin1");
        const at = [0, ...cuts.sort((a, b) => a - b), octets.length];
        const chunks = at.slice(1).map((to, i) => octets.subarray(at[i], to));
        assert.equal(canonical(chunks), `${body.replace(/(\r\n)+$/, "")}\r\n`);
      }),
      { numRuns: 2_000, seed: 6376 },
    );
  });

  test("many empty lines cost no memory and lose nothing", () => {
    const chunk = Buffer.from(`${"\r\n".repeat(30_001)}x`);
    assert.equal(canonical([chunk]), `${chunk.toString()}\r\n`);
  });
});
