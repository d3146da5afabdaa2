import assert from "node:assert/strict";
import { test } from "node:test";
import { formatInstant } from "../base/time.ts";
import { parseExpiry, parseMoment, parseTime } from "./time-value.ts";

const NOW = Date.UTC(2026, 10, 24, 4, 20, 35, 678);

test("parseTime() reads dates and times, UTC where no zone is said", () => {
  const cases: [string, string | null][] = [
    ["2027-01-31", "2027-01-31T00:00:00Z"],
    ["2027-01-31T18:00", "2027-01-31T18:00:00Z"],
    ["2027-01-31 18:00", "2027-01-31T18:00:00Z"],
    ["2027-01-31T18:00:59Z", "2027-01-31T18:00:59Z"],
    ["2027-01-31T18:00+01:00", "2027-01-31T17:00:00Z"],
    ["2027-01-31T18:00-05:30", "2027-01-31T23:30:00Z"],
    ["2028-02-29", "2028-02-29T00:00:00Z"],
    ["2027-02-29", null],
    ["2027-13-01", null],
    ["2027-00-10", null],
    ["2027-01-31T24:00", null],
    ["2027-01-31T18:60", null],
    ["2027-1-31", null],
    ["31.01.2027", null],
    ["0001-01-01", null],
    ["", null],
  ];
  for (const [text, expected] of cases) {
    const instant = parseTime(text);
    assert.equal(instant === null ? null : formatInstant(instant), expected, text);
  }
});

test("parseExpiry() and parseMoment() count durations from now", () => {
  assert.equal(formatInstant(parseExpiry("*30D", NOW) ?? 0), "2026-12-24T04:20:35Z");
  assert.equal((parseExpiry("*12H", NOW) ?? 0) % 1_000, 0);
  assert.equal(parseExpiry("*4W", NOW), parseExpiry("*28D", NOW));
  assert.equal(parseExpiry("*0D", NOW), null);
  assert.equal(parseExpiry("*NEVER", NOW), null);
  assert.equal(parseMoment("*2H", NOW), NOW - 7_200_000);
});
