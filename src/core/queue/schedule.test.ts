import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../adapters/memory/random.ts";
import { PROBE_MS_MAX, PROBE_MS_MIN } from "./backoff.ts";
import type { QueueId } from "./message.ts";
import { Schedule, type Slot } from "./schedule.ts";

const WINDOW = 3;
const ATTEMPTS_MAX = 5;

function create(attemptsMax = ATTEMPTS_MAX, window = WINDOW): Schedule {
  return new Schedule(attemptsMax, { windowOf: () => window, random: new SeededRandom(7) });
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
  assert.equal(first.length, 10);
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
  schedule.worked(probe);
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
    schedule.worked(slot);
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
      .itemsOf(id(1))
      .map(({ state }) => state)
      .sort(),
    ["active", "held"],
  );
  schedule.defer(one, 100);
  assert.deepEqual(
    schedule.itemsOf(id(1)).map(({ state }) => state),
    ["held", "held"],
  );
  assert.deepEqual(drain(schedule, 10_000), []);
  schedule.release(id(1));
  assert.equal(drain(schedule, 10_000).length, 2);
  schedule.remove(id(2));
  assert.deepEqual(schedule.itemsOf(id(2)), []);
  schedule.requeue(two);
  assert.equal(schedule.has(id(2)), false);
  assert.equal(schedule.hold(id(3)), false);
});

// --- against a model that is too simple to be wrong -------------------------------------------------------------------

interface ModelItem {
  readonly id: number;
  readonly key: string;
  state: "ready" | "active" | "deferred" | "held";
  wanted: "nothing" | "hold" | "remove";
  dueAt: number;
  /** Order in the line. */
  turn: number;
}

class Model {
  items: ModelItem[] = [];
  pausedUntil = new Map<string, number>();
  turn = 0;

  startable(now: number, windowOf: (key: string) => number): ModelItem[] {
    for (const [key, until] of this.pausedUntil) if (until <= now) this.pausedUntil.delete(key);
    for (const item of this.items
      .filter(({ state, dueAt }) => state === "deferred" && dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt)) {
      this.ready(item);
    }
    if (this.items.filter(({ state }) => state === "active").length >= ATTEMPTS_MAX) return [];
    return this.items.filter(
      (item) =>
        item.state === "ready" &&
        !this.pausedUntil.has(item.key) &&
        this.items.filter(({ key, state }) => key === item.key && state === "active").length < windowOf(item.key),
    );
  }

  ready(item: ModelItem): void {
    item.state = "ready";
    item.turn = this.turn++;
  }

  end(item: ModelItem, then: () => void): void {
    if (item.wanted === "remove") this.items = this.items.filter((one) => one !== item);
    else if (item.wanted === "hold") {
      item.state = "held";
      item.wanted = "nothing";
    } else then();
  }
}

type Step =
  | { readonly do: "add"; readonly id: number; readonly hop: number; readonly inMs: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "end"; readonly nth: number; readonly how: "settle" | "defer" | "trouble"; readonly inMs: number }
  | { readonly do: "hold" | "release" | "retry" | "remove"; readonly id: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant("add" as const),
      id: fc.integer({ min: 1, max: 12 }),
      hop: fc.integer({ min: 0, max: 3 }),
      inMs: fc.integer({ min: -10, max: 500 }),
    }),
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 100_000 }) }),
    fc.record({
      do: fc.constant("end" as const),
      nth: fc.nat(10),
      how: fc.constantFrom("settle" as const, "defer" as const, "trouble" as const),
      inMs: fc.integer({ min: 0, max: 400 }),
    }),
    fc.record({
      do: fc.constantFrom("hold" as const, "release" as const, "retry" as const, "remove" as const),
      id: fc.integer({ min: 1, max: 12 }),
    }),
  ),
  { maxLength: 120 },
);

test("the schedule does what a naive model does, and never forgets to wake", () => {
  fc.assert(
    fc.property(steps, (script) => {
      new Run().play(script);
    }),
    { numRuns: 400 },
  );
});

/** One script, played to the schedule and to the model side by side. */
class Run {
  readonly schedule = create();
  readonly model = new Model();
  readonly active: { slot: Slot; item: ModelItem }[] = [];
  /** The width of a window is the schedule's own affair: the model is told. */
  readonly windows = new Map<string, number>();
  now = 0;

  play(script: readonly Step[]): void {
    for (const step of script) {
      this.step(step);
      this.startAll();
      this.compare();
    }
    this.finish();
  }

  step(step: Step): void {
    const { schedule, model } = this;
    switch (step.do) {
      case "add": {
        const key = `hop${step.hop}`;
        if (model.items.some((item) => item.id === step.id && (item.key === key || item.wanted === "remove"))) return;
        const dueAt = this.now + step.inMs;
        schedule.add(id(step.id), key, 0, 0, dueAt, this.now);
        const item: ModelItem = { id: step.id, key, state: "deferred", wanted: "nothing", dueAt, turn: 0 };
        model.items.push(item);
        if (dueAt <= this.now) model.ready(item);
        return;
      }
      case "pass":
        this.now += step.ms;
        return;
      case "end":
        return this.end(step.nth, step.how, this.now + step.inMs);
      case "hold":
      case "release":
      case "retry":
      case "remove":
        return this.operate(step.do, step.id);
    }
  }

  end(nth: number, how: "settle" | "defer" | "trouble", dueAt: number): void {
    const { schedule, model } = this;
    const [ended] = this.active.splice(nth % Math.max(1, this.active.length), 1);
    if (!ended) return;
    const { slot, item } = ended;
    const others = this.active.filter((one) => one.item.key === item.key).length;
    if (how === "trouble") {
      const what = schedule.troubled(slot, this.now);
      if (what === "paused") model.pausedUntil.set(item.key, schedule.pausedUntil(slot));
      this.windows.set(item.key, what === "paused" ? 1 : Math.min(this.windows.get(item.key) ?? WINDOW, others));
      schedule.requeue(slot);
      model.end(item, () => model.ready(item));
      return;
    }
    schedule.worked(slot);
    model.pausedUntil.delete(item.key);
    if (how === "settle") {
      schedule.settle(slot);
      model.items = model.items.filter((one) => one !== item);
    } else {
      schedule.defer(slot, dueAt);
      model.end(item, () => {
        item.state = "deferred";
        item.dueAt = dueAt;
      });
    }
  }

  operate(what: "hold" | "release" | "retry" | "remove", n: number): void {
    const { schedule, model } = this;
    const items = model.items.filter((item) => item.id === n && item.wanted !== "remove");
    schedule[what](id(n));
    for (const item of items.reverse()) {
      if (what === "hold") {
        if (item.state === "active") item.wanted = "hold";
        else item.state = "held";
      } else if (what === "release") {
        if (item.state === "active") item.wanted = "nothing";
        else if (item.state === "held") model.ready(item);
      } else if (what === "remove") {
        if (item.state === "active") item.wanted = "remove";
        else model.items = model.items.filter((one) => one !== item);
      } else {
        if (item.state === "deferred") model.ready(item);
        if (item.state !== "held") model.pausedUntil.delete(item.key);
      }
    }
  }

  startAll(): void {
    const windowOf = (key: string): number => this.windows.get(key) ?? WINDOW;
    for (;;) {
      const startable = this.model.startable(this.now, windowOf);
      const slot = this.schedule.start(this.now);
      if (slot < 0) {
        assert.deepEqual(startable, [], "something could have been started");
        return;
      }
      const key = this.schedule.keyOf(slot);
      const line = startable.filter((item) => item.key === key).sort((a, b) => a.turn - b.turn);
      const item = line[0];
      assert.ok(item, "what was started was not startable");
      assert.equal(this.schedule.idOf(slot), item.id, "the first in line goes first");
      item.state = "active";
      this.active.push({ slot, item });
    }
  }

  compare(): void {
    const { schedule, model } = this;
    for (const state of ["ready", "active", "deferred", "held"] as const) {
      assert.equal(schedule.count(state), model.items.filter((item) => item.state === state).length, state);
    }
    const times = model.items.filter(({ state }) => state === "deferred").map(({ dueAt }) => dueAt);
    times.push(...model.pausedUntil.values());
    assert.equal(schedule.wakeAt(), Math.min(Infinity, ...times), "wakeAt");
  }

  /** However it stands: once everything is released and all goes well, everything is delivered. */
  finish(): void {
    const { schedule, model } = this;
    for (const { id: n } of model.items) schedule.release(id(n));
    for (let rounds = 0; schedule.messages > 0; rounds++) {
      assert.ok(rounds < 10_000, "something is never delivered");
      for (const { slot } of this.active.splice(0)) {
        schedule.worked(slot);
        schedule.settle(slot);
      }
      const slots = drain(schedule, this.now);
      if (slots.length === 0 && schedule.wakeAt() < Infinity) this.now = Math.max(this.now, schedule.wakeAt());
      for (const slot of slots) {
        schedule.worked(slot);
        schedule.settle(slot);
      }
    }
  }
}
