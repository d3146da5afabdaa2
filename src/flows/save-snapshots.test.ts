import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemoryPolicyLog } from "../adapters/memory/policy-log.ts";
import { MemoryPolicySnapshots } from "../adapters/memory/policy-snapshots.ts";
import { DEFAULT_ATTRIBUTES, type NewEntry, type PolicyChange } from "../core/policy/policy.ts";
import { networkOf } from "../core/mail/network.ts";
import { PolicyKeeper } from "./administer.ts";
import { SNAPSHOT_DELAY_MS, SnapshotSaver } from "./save-snapshots.ts";

interface House {
  readonly keeper: PolicyKeeper;
  readonly saver: SnapshotSaver;
  readonly clock: ManualClock;
  readonly faults: unknown[];
  /** Versions that were read from the log. */
  readonly read: number[];
}

interface Place {
  readonly log: MemoryPolicyLog;
  readonly snapshots: MemoryPolicySnapshots;
}

async function open({ log, snapshots }: Place): Promise<House> {
  const clock = new ManualClock();
  const faults: unknown[] = [];
  const read: number[] = [];
  const keeper = await PolicyKeeper.open({
    log: {
      heads: (from) => log.heads(from),
      append: (record) => log.append(record),
      read: async (from, limit) => {
        const records = await log.read(from, limit);
        read.push(...records.map(({ version }) => version));
        return records;
      },
    },
    snapshots,
    clock,
    limits: { policyEntries: 100_000 },
    localDomains: [],
    use: () => null,
    record: () => undefined,
  });
  const saver = new SnapshotSaver({ policy: keeper, snapshots, clock, onFault: (fault) => faults.push(fault) });
  saver.start();
  return { keeper, saver, clock, faults, read };
}

function entry(host: number): NewEntry {
  const network = networkOf({ family: 4, bits: 0x0a000000 + host }, 32);
  return { list: "*ACCEPT", value: { kind: "network", network }, text: "", expiresAt: null };
}

async function change({ keeper }: House, step: PolicyChange): Promise<void> {
  const changed = await keeper.change({ change: step, command: "typed", by: "ops", confirmed: true });
  assert.ok(changed.ok);
}

function many(count: number, from = 0): PolicyChange {
  const entries = Array.from({ length: count }, (_, i) => entry(from + i));
  return { kind: "replace", attributes: { ...DEFAULT_ATTRIBUTES, ALWRLY: "*LIST" }, entries };
}

suite("SnapshotSaver", () => {
  test("one change of many entries is saved a while after it, and the next start reads no more of the log", async () => {
    const fresh = { log: new MemoryPolicyLog(), snapshots: new MemoryPolicySnapshots() };
    const house = await open(fresh);
    await change(house, many(1_500));
    assert.equal(fresh.snapshots.version, null);
    await house.clock.run(SNAPSHOT_DELAY_MS);
    assert.equal(fresh.snapshots.version, 1);
    await change(house, { kind: "add-entry", entry: entry(5_000) });
    await change(house, { kind: "remove-entry", id: 3 });
    const again = await open(fresh);
    assert.deepEqual(again.read, [2, 3]);
    assert.deepEqual(again.keeper.entries(), house.keeper.entries());
    assert.equal(again.keeper.version(), 3);
    assert.equal(again.keeper.changesSinceSnapshot, 2);
    assert.ok((await again.keeper.undo("ops", false))?.ok, "the newest change is known");
    assert.equal(again.keeper.entries().length, 1_501);
  });

  test("a thousand changes are saved, fewer only at the end, a small policy never", async () => {
    const fresh = { log: new MemoryPolicyLog(), snapshots: new MemoryPolicySnapshots() };
    const house = await open(fresh);
    for (let i = 0; i < 999; i++) await change(house, { kind: "add-entry", entry: entry(i) });
    await house.clock.run(SNAPSHOT_DELAY_MS);
    assert.equal(fresh.snapshots.version, null);
    await change(house, { kind: "add-entry", entry: entry(999) });
    await house.clock.run(SNAPSHOT_DELAY_MS);
    assert.equal(fresh.snapshots.version, 1_000);
    await change(house, { kind: "add-entry", entry: entry(1_000) });
    await house.saver.stop();
    assert.equal(fresh.snapshots.version, 1_001);
    const small = { log: new MemoryPolicyLog(), snapshots: new MemoryPolicySnapshots() };
    const hut = await open(small);
    await change(hut, many(10));
    await hut.saver.stop();
    assert.equal(small.snapshots.version, null);
  });

  test("what replaced everything is undone after a restart by what the log says", async () => {
    const fresh = { log: new MemoryPolicyLog(), snapshots: new MemoryPolicySnapshots() };
    const house = await open(fresh);
    await change(house, many(20));
    await change(house, many(1_200, 100));
    await house.saver.stop();
    const again = await open(fresh);
    assert.deepEqual(again.read, []);
    assert.ok((await again.keeper.undo("ops", true))?.ok);
    assert.deepEqual(
      again.keeper.entries().map(({ value }) => value),
      Array.from({ length: 20 }, (_, i) => entry(i).value),
    );
  });

  test("a fault is told, and the log alone is enough", async () => {
    const fresh = { log: new MemoryPolicyLog(), snapshots: new MemoryPolicySnapshots() };
    const house = await open(fresh);
    fresh.snapshots.save = () => Promise.reject(new Error("no room"));
    await change(house, many(1_000));
    await house.saver.stop();
    assert.match(String(house.faults), /no room/);
    const again = await open(fresh);
    assert.deepEqual(again.read, [1]);
    assert.deepEqual(again.keeper.entries(), house.keeper.entries());
  });
});
