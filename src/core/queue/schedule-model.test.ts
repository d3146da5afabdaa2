/** The schedule against a model that is too simple to be wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../../adapters/memory/random.ts";
import type { Slot } from "./item-table.ts";
import type { QueueId } from "./message.ts";
import { NO_PACE } from "../mail/next-hop-terms.ts";
import { Schedule } from "./schedule.ts";

const WINDOW = 6;
/** This one has a pace: so many a minute. */
const PACED = "hop3";
const PER_MINUTE = 2;
const MINUTE_MS = 60_000;
const SLICE_MS = MINUTE_MS / 64;

const ATTEMPTS_MAX = 8;

function id(n: number): QueueId {
  return n as QueueId;
}

function drain(schedule: Schedule, now: number): Slot[] {
  const slots: Slot[] = [];
  for (let slot = schedule.start(now); slot >= 0; slot = schedule.start(now)) slots.push(slot);
  return slots;
}

class ModelItem {
  readonly id: number;
  readonly key: string;
  state: "ready" | "active" | "deferred" | "held" = "deferred";
  wanted: "nothing" | "hold" | "remove" = "nothing";
  /** 0 is at once. */
  dueAt: number;
  /** Attempts that ended. */
  attempts = 0;
  /** How its next hop stood when its attempt was started. */
  standing: "proven" | "unknown" | "doubtful" = "unknown";
  /** Order in the line. */
  turn = 0;

  constructor(id: number, key: string, dueAt: number) {
    this.id = id;
    this.key = key;
    this.dueAt = dueAt;
  }
}

class Model {
  items: ModelItem[] = [];
  pausedUntil = new Map<string, number>();
  readonly proven = new Set<string>();
  readonly failing = new Set<string>();
  /** When attempts to the one with a pace began. */
  readonly began: number[] = [];
  turn = 0;

  /** When an attempt may begin as far as the pace goes. What began in one slice counts until the last of it is a minute old. */
  turnOf(key: string, now: number): number {
    if (key !== PACED) return now;
    const slice = (at: number): number => Math.floor(at / SLICE_MS);
    const ends = this.began.map((at) => Math.max(...this.began.filter((one) => slice(one) === slice(at))) + MINUTE_MS);
    const counted = ends.filter((end) => end > now).sort((a, b) => b - a);
    return counted[PER_MINUTE - 1] ?? now;
  }

  startable(now: number, windowOf: (key: string) => number): ModelItem[] {
    for (const [key, until] of this.pausedUntil) if (until <= now) this.pausedUntil.delete(key);
    for (const item of this.items
      .filter(({ state, dueAt }) => state === "deferred" && dueAt <= now)
      .sort((a, b) => a.dueAt - b.dueAt)) {
      this.ready(item);
    }
    const active = this.items.filter(({ state }) => state === "active");
    if (active.length >= ATTEMPTS_MAX) return [];
    return this.items.filter(
      (item) =>
        item.state === "ready" &&
        !this.pausedUntil.has(item.key) &&
        this.turnOf(item.key, now) <= now &&
        active.filter(({ key }) => key === item.key).length < windowOf(item.key) &&
        this.hasRoom(this.standingOf(item.key)),
    );
  }

  /** As the first in line makes it. */
  standingOf(key: string): ModelItem["standing"] {
    const line = this.items.filter((item) => item.key === key && item.state === "ready");
    const [first] = line.sort((a, b) => a.turn - b.turn);
    if (this.proven.has(key)) return "proven";
    return this.failing.has(key) || (first?.attempts ?? 0) > 0 ? "doubtful" : "unknown";
  }

  hasRoom(standing: ModelItem["standing"]): boolean {
    const count = (...of: string[]): number =>
      this.items.filter((item) => item.state === "active" && of.includes(item.standing)).length;
    if (standing === "proven") return true;
    if (count("unknown", "doubtful") >= (3 / 4) * ATTEMPTS_MAX) return false;
    return standing === "unknown" || count("doubtful") < ATTEMPTS_MAX / 2;
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
  { maxLength: 120, size: "max" },
);

test("the schedule does what a naive model does, and never forgets to wake", () => {
  fc.assert(
    fc.property(steps, (script) => {
      new Run().play(script);
    }),
    { numRuns: 1_000 },
  );
});

/** How many attempts a next hop stands at once, as far as is known. */
class Window {
  width = 5;
  isNew = true;
  successes = 0;

  worked(): void {
    if (this.width === WINDOW) return;
    this.successes++;
    if (!this.isNew && this.successes < 8 * this.width) return;
    this.successes = 0;
    this.width++;
  }

  troubled(width: number): void {
    this.successes = 0;
    this.isNew = false;
    this.width = Math.min(this.width, width);
  }
}

/** One script, played to the schedule and to the model side by side. */
class Run {
  readonly schedule = new Schedule(ATTEMPTS_MAX, {
    windowOf: () => WINDOW,
    paceOf: (key) => (key === PACED ? { ...NO_PACE, perMinute: PER_MINUTE } : null),
    random: new SeededRandom(7),
  });
  readonly model = new Model();
  readonly active: { slot: Slot; item: ModelItem }[] = [];
  readonly windows = new Map<string, Window>();
  now = 0;
  dues = 0;

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
        const dueAt = this.due(step.inMs);
        schedule.add(id(step.id), key, 0, 0, dueAt, this.now);
        const item = new ModelItem(step.id, key, dueAt);
        model.items.push(item);
        if (dueAt <= this.now) model.ready(item);
        return;
      }
      case "pass":
        this.now += step.ms;
        return;
      case "end":
        return this.end(step.nth, step.how, this.due(step.inMs));
      case "hold":
      case "release":
      case "retry":
      case "remove":
        return this.operate(step.do, step.id);
    }
  }

  windowOf(key: string): Window {
    const window = this.windows.get(key) ?? new Window();
    this.windows.set(key, window);
    return window;
  }

  /** No two at the same instant: in which order they come then is nobody's business. */
  due(inMs: number): number {
    this.dues++;
    return this.now + inMs + this.dues / 1_024;
  }

  end(nth: number, how: "settle" | "defer" | "trouble", dueAt: number): void {
    const { schedule, model } = this;
    const [ended] = this.active.splice(nth % Math.max(1, this.active.length), 1);
    if (!ended) return;
    const { slot, item } = ended;
    const others = this.active.filter((one) => one.item.key === item.key).length;
    if (how === "trouble") {
      const what = schedule.troubled(slot, this.now);
      if (what === "paused") {
        model.pausedUntil.set(item.key, schedule.pausedUntil(slot));
        model.failing.add(item.key);
        model.proven.delete(item.key);
      }
      this.windowOf(item.key).troubled(what === "paused" ? 1 : others);
      schedule.requeue(slot);
      item.dueAt = 0;
      model.end(item, () => model.ready(item));
      return;
    }
    schedule.worked(slot, this.now);
    model.pausedUntil.delete(item.key);
    model.failing.delete(item.key);
    model.proven.add(item.key);
    this.windowOf(item.key).worked();
    if (how === "settle") {
      schedule.settle(slot);
      model.items = model.items.filter((one) => one !== item);
    } else {
      schedule.defer(slot, dueAt);
      item.attempts++;
      item.dueAt = dueAt;
      model.end(item, () => (item.state = "deferred"));
    }
  }

  operate(what: "hold" | "release" | "retry" | "remove", n: number): void {
    const { schedule, model } = this;
    const items = model.items.filter((item) => item.id === n && item.wanted !== "remove");
    if (what === "retry") schedule.retry(id(n), this.now);
    else schedule[what](id(n));
    for (const item of items.reverse()) {
      if (what === "hold") {
        if (item.state === "active") item.wanted = "hold";
        else {
          if (item.state === "ready") item.dueAt = 0;
          item.state = "held";
        }
      } else if (what === "release") {
        if (item.state === "active") item.wanted = "nothing";
        else if (item.state === "held" && item.dueAt === 0) model.ready(item);
        else if (item.state === "held") item.state = "deferred";
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
    const { model } = this;
    for (;;) {
      const startable = model.startable(this.now, (key) => this.windowOf(key).width);
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
      item.standing = model.standingOf(key);
      item.state = "active";
      if (key === PACED) model.began.push(this.now);
      this.active.push({ slot, item });
    }
  }

  compare(): void {
    const { schedule, model } = this;
    const seenAs = ({ state, key }: ModelItem): string =>
      state === "ready" && (model.pausedUntil.has(key) || model.turnOf(key, this.now) > this.now) ? "deferred" : state;
    for (const state of ["ready", "active", "deferred", "held"] as const) {
      assert.equal(schedule.count(state), model.items.filter((item) => seenAs(item) === state).length, state);
    }
    const times = model.items.filter(({ state }) => state === "deferred").map(({ dueAt }) => dueAt);
    times.push(...model.pausedUntil.values());
    const turn = model.turnOf(PACED, this.now);
    if (turn > this.now) times.push(turn);
    assert.equal(schedule.wakeAt(), Math.min(Infinity, ...times), "wakeAt");
  }

  /** However it stands: once everything is released and all goes well, everything is delivered. */
  finish(): void {
    const { schedule, model } = this;
    for (const { id: n } of model.items) schedule.release(id(n));
    for (let rounds = 0; schedule.messages > 0; rounds++) {
      assert.ok(rounds < 10_000, "something is never delivered");
      for (const { slot } of this.active.splice(0)) {
        schedule.worked(slot, this.now);
        schedule.settle(slot);
      }
      const slots = drain(schedule, this.now);
      if (slots.length === 0 && schedule.wakeAt() < Infinity) this.now = Math.max(this.now, schedule.wakeAt());
      for (const slot of slots) {
        schedule.worked(slot, this.now);
        schedule.settle(slot);
      }
    }
  }
}
