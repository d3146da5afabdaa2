/** The seven laws under everything that can happen, from seeds. `npm run soak` goes on for as long as one likes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { MUTATIONS } from "./mutations.ts";
import { runSeeds, seedsFrom } from "./run.ts";
import type { Verdict } from "./simulation.ts";

/** A seed costs about 14 ms of one core that has nothing else to do. `SIM_SEEDS=100` asks for fewer, `npm run soak` for many more. */
const SEEDS = Number(process.env["SIM_SEEDS"] ?? 2_000);
/** A fault that is built in is found within so many seeds. */
const SEEDS_TO_FIND = 200;

async function brokenAmong(seeds: Iterable<number>): Promise<{ broken: Verdict[]; all: Verdict[] }> {
  const all: Verdict[] = [];
  await runSeeds(seeds, (verdict) => {
    all.push(verdict);
    return "go on";
  });
  return { all, broken: all.filter(({ violations }) => violations.length > 0) };
}

test("whatever happens, the laws hold", async () => {
  const { all, broken } = await brokenAmong(seedsFrom(1, SEEDS));
  assert.deepEqual(broken, []);
  assert.equal(all.length, SEEDS);
  // What is promised is not promised about nothing.
  for (const figure of ["answered", "delivered", "twice", "reported", "expired", "captured", "removed", "crashes"]) {
    assert.ok(
      all.some(({ figures }) => (figures[figure] ?? 0) > 0),
      figure,
    );
  }
});

test("seeds that broke a law once do so no more", async () => {
  const { broken } = await brokenAmong(KEPT_SEEDS);
  assert.deepEqual(broken, []);
});

test("the same seed is the same story", async () => {
  const first = await brokenAmong([7, 8, 9]);
  const again = await brokenAmong([9, 7, 11, 8]);
  for (const verdict of first.all) {
    assert.deepEqual(
      again.all.find(({ seed }) => seed === verdict.seed),
      verdict,
    );
  }
});

for (const mutation of MUTATIONS) {
  test(`a fault that is built in is found: ${mutation}`, async () => {
    let found: Verdict | null = null;
    await runSeeds(
      seedsFrom(1, SEEDS_TO_FIND),
      (verdict) => {
        if (verdict.violations.length > 0) found = verdict;
        return found === null ? "go on" : "stop";
      },
      mutation,
    );
    assert.notEqual(found, null);
  });
}

for (const [mutation, law] of [
  ["spool answers before the commit", /is lost/],
  ["outcome is written before the next hop's 250", /is lost/],
  ["a report is forgotten", /is lost/],
  ["outcome is not written", /tried again after its end/],
] as const) {
  test(`what a fault costs is seen in the end, not only how it comes about: ${mutation}`, async () => {
    let isSeen = false;
    await runSeeds(
      seedsFrom(1, 2 * SEEDS_TO_FIND),
      ({ violations }) => {
        isSeen ||= violations.some((violation) => law.test(violation));
        return isSeen ? "stop" : "go on";
      },
      mutation,
    );
    assert.ok(isSeen);
  });
}
