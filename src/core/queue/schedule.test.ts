import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../adapters/memory/random.ts";
import { PROBE_MS_MAX, PROBE_MS_MIN } from "./backoff.ts";
import type { QueueId } from "./message.ts";
import type { Slot } from "./item-table.ts";
import { Schedule } from "./schedule.ts";

function create(attemptsMax = 5, window = 3): Schedule {
  return new Schedule(attemptsMax, { windowOf: () => window, paceOf: () => null, random: new SeededRandom(7) });
}

function id(n: number): QueueId {
  return n as QueueId;
}

function drain(schedule: Schedule, now: number): Slot[] {
  const slots: Slot[] = [];
  for (let slot = schedule.start(now); slot >= 0; slot = schedule.start(now)) slots.push(slot);
  return slots;
}

test("start() lets next hops take turns and keeps within the windows", () => {
  const schedule = create(5, 2);
  for (let n = 1; n <= 10; n++) schedule.add(id(n), n <= 8 ? "big" : "small", 0, 0, 0, 0);
  const first = drain(schedule, 0).map((slot) => schedule.keyOf(slot));
  assert.deepEqual(first.sort(), ["big", "big", "small", "small"]);
  assert.equal(schedule.count("active"), 4);
  assert.equal(schedule.count("ready"), 6);
});

test("a next hop in trouble is probed once at a time, later and later; the others do not notice", () => {
  const schedule = create(100, 10);
  for (let n = 0; n < 50; n++) schedule.add(id(n + 1), "down", 0, 0, 0, 0);
  let now = 0;
  const first = drain(schedule, now);
  assert.equal(first.length, 5, "a next hop that was not tried yet gets few attempts at first");
  for (const slot of first.slice(0, -1)) {
    assert.equal(schedule.troubled(slot, now), "crowded");
    schedule.defer(slot, now + 1e9, false);
  }
  const last = first.at(-1) ?? -1;
  assert.equal(schedule.troubled(last, now), "paused");
  schedule.requeue(last);
  const gaps: number[] = [];
  for (let probe = 0; probe < 10; probe++) {
    assert.deepEqual(drain(schedule, now), []);
    const wakeAt = schedule.wakeAt();
    gaps.push(wakeAt - now);
    now = wakeAt;
    schedule.add(id(1000 + probe), "up", 0, 0, now, now);
    const started = drain(schedule, now);
    assert.deepEqual(started.map((slot) => schedule.keyOf(slot)).sort(), ["down", "up"]);
    for (const slot of started) {
      if (schedule.keyOf(slot) === "up") schedule.settle(slot);
      else {
        assert.equal(schedule.troubled(slot, now), "paused");
        schedule.requeue(slot);
      }
    }
  }
  assert.ok((gaps[0] ?? 0) >= 0.9 * PROBE_MS_MIN && (gaps[0] ?? 0) <= 1.1 * PROBE_MS_MIN);
  assert.ok((gaps.at(-1) ?? 0) >= 0.9 * PROBE_MS_MAX && (gaps.at(-1) ?? 0) <= 1.1 * PROBE_MS_MAX);
  // It works again: the line moves.
  const [probe = -1] = drain(schedule, schedule.wakeAt());
  schedule.worked(probe, 0);
  schedule.settle(probe);
  assert.equal(drain(schedule, now + 1e7).length >= 1, true);
});

test("a hop that takes fewer connections than the window is not in trouble: the window finds its width", () => {
  const schedule = create(100, 20);
  for (let n = 0; n < 5_000; n++) schedule.add(id(n + 1), "narrow", 0, 0, 0, 0);
  let served = 0;
  let refused = 0;
  let now = 0;
  const active: Slot[] = [];
  while (served < 4_000) {
    for (const slot of drain(schedule, now)) {
      if (active.length < 6) active.push(slot);
      else {
        refused++;
        assert.equal(schedule.troubled(slot, now), "crowded");
        schedule.defer(slot, now + 60_000, false);
      }
    }
    const slot = active.shift() ?? -1;
    schedule.worked(slot, 0);
    schedule.settle(slot);
    served++;
    now += 10;
  }
  assert.ok(refused < 150, `${refused} refused`);
});

test("hold(), release(), retry() and remove() reach an item in every state", () => {
  const schedule = create();
  schedule.add(id(1), "a", 0, 0, 0, 0);
  schedule.add(id(1), "b", 0, 0, 500, 0);
  schedule.add(id(2), "a", 0, 0, 0, 0);
  const [one = -1, two = -1] = drain(schedule, 0);
  assert.equal(schedule.hold(id(1)), true);
  assert.deepEqual(
    schedule
      .itemsOf(id(1), 0)
      .map(({ state }) => state)
      .sort(),
    ["active", "held"],
  );
  schedule.defer(one, 100);
  assert.deepEqual(
    schedule.itemsOf(id(1), 0).map(({ state }) => state),
    ["held", "held"],
  );
  assert.deepEqual(drain(schedule, 10_000), []);
  schedule.release(id(1));
  assert.equal(drain(schedule, 10_000).length, 2);
  schedule.remove(id(2));
  assert.deepEqual(schedule.itemsOf(id(2), 0), []);
  schedule.requeue(two);
  assert.equal(schedule.has(id(2)), false);
  assert.equal(schedule.hold(id(3)), false);
});

test("retryHops() makes what waits for these next hops ready, whatever they wait for, and nothing else", () => {
  const schedule = create();
  schedule.add(id(1), "mx:a", 0, 0, 500, 0);
  schedule.add(id(2), "mx:a", 0, 0, 0, 0);
  schedule.add(id(3), "mx:b", 0, 0, 500, 0);
  schedule.add(id(4), "mx:a", 0, 0, 500, 0);
  schedule.hold(id(4));
  const [tried = -1] = drain(schedule, 0);
  assert.equal(schedule.troubled(tried, 0), "paused");
  schedule.requeue(tried);
  assert.deepEqual(drain(schedule, 1), []);
  assert.equal(
    schedule.retryHops((key) => key === "mx:a", 1),
    2,
  );
  // The next hop was in trouble: it is probed, and what waits behind the probe goes on with it.
  const [probe = -1] = drain(schedule, 1);
  assert.equal(schedule.idOf(probe), 2);
  schedule.worked(probe, 1);
  schedule.settle(probe);
  assert.deepEqual(
    drain(schedule, 1).map((slot) => schedule.idOf(slot)),
    [1],
  );
  assert.equal(
    schedule.retryHops((key) => key === "mx:c", 1),
    0,
  );
  assert.deepEqual(
    [3, 4].map((n) => schedule.itemsOf(id(n), 1)[0]?.state),
    ["deferred", "held"],
  );
});
