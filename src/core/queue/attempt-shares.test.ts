import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../adapters/memory/random.ts";
import type { Slot } from "./item-table.ts";
import type { QueueId } from "./message.ts";
import { Schedule } from "./schedule.ts";

function started(schedule: Schedule): Slot[] {
  const slots: Slot[] = [];
  for (let slot = schedule.start(0); slot >= 0; slot = schedule.start(0)) slots.push(slot);
  return slots;
}

/** 100 attempts at once, and a next hop that serves us. */
function scene(): Schedule {
  const schedule = new Schedule(100, { windowOf: () => 40, paceOf: () => null, random: new SeededRandom(7) });
  schedule.add(1 as QueueId, "proven", 0, 0, 0, 0);
  const [slot = -1] = started(schedule);
  schedule.worked(slot, 0);
  schedule.settle(slot);
  return schedule;
}

// Attempts before, of each of 10,000 next hops that never answer; how many are tried at once.
const floods: readonly [name: string, attempts: number, atOnce: number][] = [
  ["10,000 next hops that were tried in vain before", 3, 50],
  ["10,000 next hops that nobody tried before", 0, 75],
];

for (const [name, attempts, atOnce] of floods) {
  test(`${name} leave room for one that serves us`, () => {
    const schedule = scene();
    for (let n = 0; n < 10_000; n++) schedule.add((n + 10) as QueueId, `dead${n}`, 0, attempts, 0, 0);
    assert.equal(started(schedule).length, atOnce);
    schedule.add(2 as QueueId, "proven", 0, 0, 0, 0);
    assert.deepEqual(
      started(schedule).map((slot) => schedule.keyOf(slot)),
      ["proven"],
    );
  });
}

test("next hops that were tried in vain leave room for one that nobody tried before", () => {
  const schedule = scene();
  for (let n = 0; n < 10_000; n++) schedule.add((n + 10) as QueueId, `dead${n}`, 0, 1, 0, 0);
  const slots = started(schedule);
  schedule.add(2 as QueueId, "new", 0, 0, 0, 0);
  assert.deepEqual(
    started(schedule).map((slot) => schedule.keyOf(slot)),
    ["new"],
  );
  // One of those that stood aside goes on where another ended.
  schedule.troubled(slots[0] ?? -1, 0);
  schedule.requeue(slots[0] ?? -1);
  assert.equal(started(schedule).length, 1);
});
