import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DAY_MS, MINUTE_MS } from "../base/time.ts";
import { NO_PACE } from "../mail/next-hop-terms.ts";
import { CountedWindow, PaceKept } from "./pace.ts";

/** The most that began in any span of this length, wherever it is laid. */
function mostWithin(times: readonly number[], lengthMs: number): number {
  return times.reduce(
    (most, from) => Math.max(most, times.filter((at) => at >= from && at < from + lengthMs).length),
    0,
  );
}

test("no span of the window's length has more than the limit, and nobody waits much longer than for that", () => {
  const gaps = fc.array(
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 }), fc.double({ min: 0, max: 40_000, noNaN: true })),
    {
      minLength: 1,
      maxLength: 200,
    },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), gaps, (limit, script) => {
      const window = new CountedWindow(MINUTE_MS);
      window.limit = limit;
      const times: number[] = [];
      let wanted = 1_000_000;
      for (const gap of script) {
        wanted += gap;
        const now = Math.max(wanted, times.at(-1) ?? 0);
        const at = window.nextAt(now);
        // The one `limit` places before it began so long ago, or less than a slice short of it.
        const blocking = times.at(-limit) ?? -Infinity;
        assert.ok(at <= Math.max(now, blocking + MINUTE_MS + MINUTE_MS / 64), "it waits too long");
        window.begin(at);
        times.push(at);
      }
      assert.ok(mostWithin(times, MINUTE_MS) <= limit);
    }),
    { numRuns: 300 },
  );
});

test("a burst is let through at once, and the next one exactly a minute after it", () => {
  const window = new CountedWindow(MINUTE_MS);
  window.limit = 30;
  for (let n = 0; n < 30; n++) {
    assert.equal(window.nextAt(500), 500);
    window.begin(500);
  }
  assert.equal(window.nextAt(500), 60_500);
  assert.equal(window.nextAt(60_500), 60_500);
});

test("a lower limit counts what began before it", () => {
  const window = new CountedWindow(MINUTE_MS);
  for (let n = 0; n < 10; n++) window.begin(n * 5_000);
  window.limit = 3;
  assert.equal(window.nextAt(50_000), 7 * 5_000 + MINUTE_MS);
});

test("PaceKept goes by the bound that holds up longest and says which", () => {
  const kept = new PaceKept();
  kept.pace = { ...NO_PACE, perSecond: 2, perMinute: 5, perDay: 7 };
  const times: number[] = [];
  const held: (string | null)[] = [];
  for (let now = 0; times.length < 8; now = kept.nextAt(now)) {
    held.push(kept.heldUpBy(now));
    kept.begin(now);
    times.push(now);
    if (times.length === 2) assert.equal(kept.heldUpBy(now), "2 a second");
    if (times.length === 5) assert.equal(kept.heldUpBy(now), "5 a minute");
    if (times.length === 7) assert.equal(kept.heldUpBy(now), "7 a day");
  }
  assert.deepEqual(times, [0, 0, 1_000, 1_000, 2_000, 60_000, 60_000, DAY_MS + MINUTE_MS]);
  assert.ok(held.every((words) => words === null));
});
