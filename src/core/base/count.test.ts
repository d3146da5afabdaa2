import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, formatCount } from "./count.ts";

test("formatCount() groups by thousands, and says large numbers as powers of two", () => {
  const cases: [bigint | number, string][] = [
    [0, "0"],
    [999, "999"],
    [65_536, "65,536"],
    [1n << 32n, "4,294,967,296"],
    [10n ** 12n, "1,000,000,000,000"],
    [1n << 96n, "2^96"],
    [(1n << 128n) + (1n << 32n), "over 2^128"],
  ];
  for (const [count, text] of cases) assert.equal(formatCount(count), text);
});

test("counted() takes the plural for all but one", () => {
  assert.equal(counted(1n, "address", "addresses"), "1 address");
  assert.equal(counted(0, "message"), "0 messages");
  assert.equal(counted(2_000, "entry", "entries"), "2,000 entries");
});
