import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import { address, domain, randomNetwork } from "../../../tests/policy/scene.ts";
import { finish } from "../base/steps.ts";
import { EntryTable } from "./entry-table.ts";
import type { Entry, EntryValue } from "./policy.ts";

function randomEntry(chance: Chance, id: number): Entry {
  const values: EntryValue[] = [
    { kind: "network", network: randomNetwork(chance) },
    { kind: "domain", domain: domain(`d${chance.below(9)}.example`), subdomains: chance.once(2) },
    { kind: "interface-domain", domain: domain("own.example"), address: chance.once(2) ? address("192.0.2.1") : null },
    { kind: "address", address: address("2001:db8::1") },
    { kind: "host-credentials", host: "smtp.example", user: "u", sealedPassword: "x", method: "auto", account: "" },
  ];
  return {
    id,
    list: chance.pick(["*ACCEPT", "*REJECT", "*NEAR", "*HOSTAUTH"]),
    value: chance.pick(values),
    text: chance.once(2) ? "" : `text ${chance.below(1_000)}`,
    addedBy: chance.pick(["ops", "qsecofr"]),
    addedAt: 1_800_000_000_000 + chance.below(100_000),
    expiresAt: chance.once(3) ? 1_900_000_000_000 + chance.below(5) : null,
  };
}

suite("EntryTable", () => {
  test("keeps entries as they were put in, through edits of chance; old tables stay", () => {
    const chance = new Chance(1);
    let table = EntryTable.EMPTY;
    const map = new Map<number, Entry>();
    const kept: [EntryTable, Map<number, Entry>][] = [];
    for (let i = 0; i < 6_000; i++) {
      const id = 1 + chance.below(1_500);
      if (chance.once(3)) {
        table = table.without(id);
        map.delete(id);
      } else {
        const entry = randomEntry(chance, id);
        table = table.with(entry);
        map.set(id, entry);
      }
      if (i % 1_000 === 0) kept.push([table, new Map(map)]);
    }
    for (const [then, entries] of [...kept, [table, map] as const]) {
      assert.equal(then.size, entries.size);
      assert.deepEqual(
        [...then.ids()],
        [...entries.keys()].sort((a, b) => a - b),
      );
      for (const entry of then.entries()) {
        assert.deepEqual(entry, entries.get(entry.id));
        assert.deepEqual(then.get(entry.id), entry);
        assert.equal(then.endOf(entry.id), entry.expiresAt ?? Infinity);
      }
    }
    assert.equal(table.get(9_999), null);
    assert.equal(table.endOf(9_999), Infinity);
  });

  test("of() makes the same table as adding one by one, with holes between the ids", () => {
    const chance = new Chance(2);
    const entries: Entry[] = [];
    for (let id = 1; id < 20_000; id += 1 + chance.below(chance.once(9) ? 900 : 3))
      entries.push(randomEntry(chance, id));
    const built = finish(EntryTable.of(entries));
    assert.equal(built.size, entries.length);
    assert.deepEqual([...built.entries()], entries);
  });

  test("does not grow when one entry is changed again and again", () => {
    let table = EntryTable.EMPTY;
    for (let i = 0; i < 20_000; i++) {
      const value: EntryValue = { kind: "domain", domain: domain("d.example"), subdomains: false };
      const stamp = { addedBy: `by ${i}`, addedAt: i, expiresAt: i };
      table = table.with({ id: 1, list: "*NEAR", value, text: `text ${i}`, ...stamp });
    }
    assert.equal(table.get(1)?.text, "text 19999");
    assert.equal(table.get(1)?.expiresAt, 19_999);
  });

  test("get() gives the same object twice", () => {
    const table = EntryTable.EMPTY.with(randomEntry(new Chance(3), 7));
    assert.equal(table.get(7), table.get(7));
  });
});
