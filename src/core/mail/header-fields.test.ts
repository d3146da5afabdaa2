import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { HeaderReader, latin1 } from "./header-fields.ts";

function read(text: string, cuts: readonly number[] = []): { fields: readonly string[] | null; body: string | null } {
  const octets = Buffer.from(text, "latin1");
  const reader = new HeaderReader(1_000);
  const at = [0, ...cuts, octets.length];
  let body: string | null = null;
  for (const [i, to] of at.slice(1).entries()) {
    const chunk = octets.subarray(at[i], to);
    if (body !== null) body += latin1(chunk);
    else {
      const bodyAt = reader.push(chunk);
      assert.notEqual(bodyAt, "too-long");
      if (bodyAt !== -1) body = latin1(chunk.subarray(Number(bodyAt)));
    }
  }
  const fields = reader.fields()?.map(({ name, value }) => `${name}:${value.replaceAll(/\s+/g, " ").trim()}`);
  return { fields: fields ?? null, body };
}

describe("header fields", () => {
  const table: readonly (readonly [string, string, readonly string[] | null, string | null])[] = [
    ["the example of RFC 6376 §3.4.5", "A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\n", ["a:X", "b:Y Z"], " C \r\n"],
    ["no body", "A: x\r\n", ["a:x"], null],
    ["no end of the line", "A: x", ["a:x"], null],
    ["an empty header", "\r\nbody", [], "body"],
    ["an empty value", "A:\r\nB: \t \r\n\r\n", ["a:", "b:"], ""],
    ["a folded field alone", " A: x\r\n\r\n", null, ""],
    ["a line that is no field", "From me\r\nA: x\r\n\r\n", null, ""],
    ["a bare LF", "A: x\nB: y\r\n\r\n", null, ""],
    ["a bare CR", "A: x\rB: y\r\n\r\n", null, ""],
    ["octets above 127", "A: \xe4\xff\r\n\r\n", ["a:\xe4\xff"], ""],
  ];
  for (const [name, text, fields, body] of table) {
    test(name, () => assert.deepEqual(read(text), { fields, body }));
  }

  test("it does not matter where the pieces are cut", () => {
    const text = "A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\n\r\n";
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        const sorted = cuts.sort((a, b) => a - b);
        assert.deepEqual(read(text, sorted), { fields: ["a:X", "b:Y Z"], body: " C \r\n\r\n" });
      }),
      { numRuns: 500, seed: 6376 },
    );
  });

  test("a header longer than is looked at is said to be, in one piece or in many", () => {
    const long = Buffer.from(`A: ${"x".repeat(1_100)}\r\n\r\n`);
    assert.equal(new HeaderReader(1_000).push(long), "too-long");
    const reader = new HeaderReader(1_000);
    assert.equal(reader.push(long.subarray(0, 900)), -1);
    assert.equal(reader.push(long.subarray(900, 1_050)), "too-long");
    assert.equal(new HeaderReader(1_000).push(Buffer.from(`A: x\r\n\r\n${"y".repeat(5_000)}`)), 8);
  });
});
