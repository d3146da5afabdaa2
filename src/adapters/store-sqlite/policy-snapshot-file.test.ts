import assert from "node:assert/strict";
import { existsSync, linkSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import type { PolicyRecord } from "../../core/policy/policy.ts";
import type { Store } from "./store.ts";

function record(version: number, at = version): PolicyRecord {
  return { version, at, by: "ops", command: "typed", change: { kind: "remove-entry", id: version } };
}

async function storeWith(directory: string, versions: number, at?: number): Promise<Store> {
  const store = await openTestStore(directory);
  for (let version = 1; version <= versions; version++) await store.policyLog.append(record(version, at));
  return store;
}

const PARTS = [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), new Uint8Array(3_000_000).fill(7), Uint8Array.of(9)];

suite("PolicySnapshotFile", () => {
  test("load() gives back what save() was handed, in the next life too; a file of 0600", async () => {
    const directory = makeDirectory();
    const store = await storeWith(directory, 2);
    assert.equal(await store.policySnapshots.load(), null);
    await store.policySnapshots.save(1, [Uint8Array.of(1)]);
    await store.policySnapshots.save(2, PARTS);
    await store.policyLog.append(record(3));
    await store.close();
    const again = await openTestStore(directory);
    const octets = await again.policySnapshots.load();
    assert.ok(octets);
    assert.equal(octets.byteOffset % 8, 0);
    assert.ok(Buffer.concat(PARTS).equals(octets));
    assert.equal(Object.getPrototypeOf(octets), Uint8Array.prototype, "a slice of it is a copy");
    assert.equal(statSync(join(directory, "policy.snapshot")).mode & 0o777, 0o600);
    assert.equal(existsSync(join(directory, "policy.snapshot.new")), false);
    await again.close();
  });

  test("what is damaged, cut or no file of ours is no snapshot", async () => {
    const directory = makeDirectory();
    const file = join(directory, "policy.snapshot");
    const store = await storeWith(directory, 1);
    await store.policySnapshots.save(1, PARTS);
    const whole = readFileSync(file);
    for (const at of [0, 1_000_000, whole.length - 17, whole.length - 13, whole.length - 6, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x10;
      writeFileSync(file, damaged);
      assert.equal(await store.policySnapshots.load(), null, `octet ${at}`);
    }
    for (const length of [0, 10, whole.length - 1]) {
      writeFileSync(file, whole.subarray(0, length));
      assert.equal(await store.policySnapshots.load(), null, `${length} octets`);
    }
    writeFileSync(file, whole);
    assert.ok(await store.policySnapshots.load());
    renameSync(file, `${file}.elsewhere`);
    symlinkSync(`${file}.elsewhere`, file);
    assert.equal(await store.policySnapshots.load(), null, "a link is not followed");
    await store.close();
  });

  test("another history makes it none: a log that is shorter, or has another record of that version", async () => {
    const [directory, shorter, other] = [makeDirectory(), makeDirectory(), makeDirectory()];
    const store = await storeWith(directory, 2);
    await store.policySnapshots.save(2, PARTS);
    await store.close();
    for (const [place, versions, at] of [
      [shorter, 1, undefined],
      [other, 2, 77],
    ] as const) {
      linkSync(join(directory, "policy.snapshot"), join(place, "policy.snapshot"));
      const beside = await storeWith(place, versions, at);
      assert.equal(await beside.policySnapshots.load(), null);
      await beside.close();
    }
  });

  test("a save that fails leaves what was saved before", async () => {
    const store = await storeWith(makeDirectory(), 1);
    await store.policySnapshots.save(1, [Uint8Array.of(1)]);
    const failing = function* (): Generator<Uint8Array> {
      yield new Uint8Array(2_000_000);
      throw new Error("no more");
    };
    await assert.rejects(store.policySnapshots.save(1, failing()), /no more/);
    await assert.rejects(store.policySnapshots.save(2, PARTS), /no version 2/);
    assert.deepEqual(await store.policySnapshots.load(), Uint8Array.of(1));
    await store.close();
  });
});
