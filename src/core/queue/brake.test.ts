import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../adapters/memory/random.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../base/time.ts";
import { Brake, REST_MS_MAX } from "./brake.ts";

/** A next hop that takes `allowed` a minute and asks for less above it; what it took in each minute, asked as the brake lets us. */
function play(
  brake: Brake,
  allowed: (minute: number) => number,
  minutes: number,
): { taken: number[]; refused: number } {
  const random = new SeededRandom(3);
  const taken: number[] = new Array<number>(minutes).fill(0);
  let refused = 0;
  let holds = true;
  for (let now = 0; now < minutes * MINUTE_MS;) {
    const at = holds ? brake.nextAt(now) : now + 20;
    now = Math.max(at, now);
    const minute = Math.floor(now / MINUTE_MS);
    if (minute >= minutes) break;
    brake.begin(now);
    const before = taken[minute] ?? 0;
    if (before >= allowed(minute)) {
      refused++;
      brake.pull(now, 0, random);
      holds = true;
    } else {
      taken[minute] = before + 1;
      holds = brake.went(now);
    }
  }
  return { taken, refused };
}

test("a brake finds the rate that a next hop takes, and hears seldom that it is too much", () => {
  const { taken, refused } = play(new Brake(3_000), () => 600, 120);
  const late = taken.slice(20);
  const mean = late.reduce((sum, count) => sum + count, 0) / late.length;
  assert.ok(mean > 300, `${mean.toFixed(0)} a minute of 600`);
  assert.ok(refused < 20, `${refused} refused in two hours`);
});

test("it lets go when the next hop takes everything again", () => {
  const brake = new Brake(600);
  const { taken } = play(brake, (minute) => (minute < 10 ? 10 : 1e9), 90);
  assert.ok((taken.at(-1) ?? 0) > 1_200, `${taken.at(-1)} in the last minute`);
});

test("what was under way when it asked for less counts once; each further time it rests longer", () => {
  const random = new SeededRandom(1);
  const brake = new Brake(800);
  brake.pull(0, 0, random);
  for (let n = 1; n < 20; n++) brake.pull(n, 0, random);
  assert.equal(brake.perMinute, 400);
  const rests: number[] = [];
  let now = 0;
  for (let times = 0; times < 12; times++) {
    const next = brake.nextAt(now);
    rests.push(next - now);
    now = next;
    brake.begin(now);
    brake.pull(now, 0, random);
  }
  assert.ok((rests[0] ?? 0) >= 9 * SECOND_MS && (rests[0] ?? 0) <= 12 * SECOND_MS);
  assert.equal(rests.at(-1), REST_MS_MAX);
  assert.equal(brake.perMinute, 1);
});

test("a pause that the next hop asks for is kept, an hour at most", () => {
  const brake = new Brake(60);
  brake.pull(0, 90 * SECOND_MS, new SeededRandom(1));
  assert.equal(brake.nextAt(1), 90 * SECOND_MS);
  assert.equal(brake.heldUpBy(1), "the next hop asked for a pause");
  brake.pull(1, 365 * 24 * HOUR_MS, new SeededRandom(1));
  assert.equal(brake.nextAt(2), 1 + REST_MS_MAX);
  brake.endRest();
  assert.equal(brake.nextAt(2), 2);
});
