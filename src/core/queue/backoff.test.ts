import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../adapters/memory/random.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../base/time.ts";
import { attemptsUntil, longestRetryMs, nextRetry, probeDelayMs, RETRY_MS_MIN, retryPlan } from "./backoff.ts";

const DEFAULT = retryPlan({ attempts: 3, interval: 30 }, { attempts: 21, interval: 1 }, { attempts: 4, interval: 1 });
const NONE = retryPlan({ attempts: 0, interval: 0 }, { attempts: 0, interval: 0 }, { attempts: 0, interval: 0 });
const AGE = 5 * DAY_MS;
/** Chance in the middle: no jitter. */
const middle = { uint32: () => 0x7fffffff };

test("nextRetry() follows the plan", () => {
  const cases: [attempts: number, afterMs: number, expected: number | "expired"][] = [
    [1, 0, 30 * MINUTE_MS],
    [3, 60 * MINUTE_MS, 30 * MINUTE_MS],
    [4, 90 * MINUTE_MS, HOUR_MS],
    [24, 21.5 * HOUR_MS, HOUR_MS],
    [25, 22.5 * HOUR_MS, DAY_MS],
    [28, 94.5 * HOUR_MS, DAY_MS],
    [29, 118.5 * HOUR_MS, "expired"],
    [2, AGE, "expired"], // the plan has more, the time is over
    [26, AGE - HOUR_MS, HOUR_MS], // one last attempt at the end
  ];
  for (const [attempts, afterMs, expected] of cases) {
    const retry = nextRetry(DEFAULT, attempts, afterMs, 0, AGE, middle);
    if (expected === "expired") assert.equal(retry.kind, "expired", `attempt ${attempts}`);
    else assert.ok(retry.kind === "retry" && Math.abs(retry.at - afterMs - expected) <= 1, `attempt ${attempts}`);
  }
  assert.equal(nextRetry(NONE, 1, 0, 0, AGE, middle).kind, "expired");
});

test("nextRetry() stays between a minute and the longest interval, however the clock was set", () => {
  const instants = fc.integer({ min: -20 * DAY_MS, max: 20 * DAY_MS });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      instants,
      instants,
      fc.integer(),
      (attempts, now, acceptedAt, seed) => {
        const retry = nextRetry(DEFAULT, attempts, now, acceptedAt, AGE, new SeededRandom(seed));
        if (retry.kind === "expired") return;
        assert.ok(retry.at >= now + RETRY_MS_MIN);
        assert.ok(retry.at <= now + longestRetryMs(DEFAULT));
      },
    ),
  );
});

test("attemptsUntil() finds the place of a message after a restart", () => {
  const random = new SeededRandom(3);
  let now = 0;
  for (let attempts = 1; ; attempts++) {
    const counted = attemptsUntil(DEFAULT, now);
    assert.ok(Math.abs(counted - attempts) <= 1, `attempt ${attempts} was counted as ${counted}`);
    const retry = nextRetry(DEFAULT, attempts, now, 0, 10 * AGE, random);
    if (retry.kind === "expired") break;
    now = retry.at;
  }
  assert.equal(attemptsUntil(DEFAULT, -DAY_MS), 1);
});

test("probeDelayMs() doubles from a minute to an hour", () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 100].map((failures) => Math.round(probeDelayMs(failures, middle) / MINUTE_MS)),
    [1, 2, 4, 32, 60, 60],
  );
});
