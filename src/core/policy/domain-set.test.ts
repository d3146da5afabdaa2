import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import { domain } from "../../../tests/policy/scene.ts";
import { DomainSet } from "./domain-set.ts";

const FOREVER = { endOf: () => Infinity };

function setOf(...names: string[]): DomainSet {
  return names.reduce(
    (set, name, i) => set.with(domain(name.replace(/^\./, "")), name.startsWith("."), i + 1, false),
    DomainSet.EMPTY,
  );
}

suite("DomainSet", () => {
  test("match() takes exact names, and below a leading dot whole labels; the longest is named", () => {
    const set = setOf("partner.example", ".partner.example", ".sub.partner.example", "a.sub.partner.example");
    const cases: [name: string, id: number][] = [
      ["partner.example", 1],
      ["x.partner.example", 2],
      ["sub.partner.example", 2],
      ["x.sub.partner.example", 3],
      ["a.sub.partner.example", 4],
      ["b.a.sub.partner.example", 3],
      ["notpartner.example", 0],
      ["partner.example.far.example", 0],
      ["example", 0],
    ];
    for (const [name, id] of cases) assert.equal(set.match(domain(name), 0, FOREVER), id, name);
    assert.deepEqual(set.covering(domain("a.sub.partner.example"), false), [4, 3, 2]);
    assert.deepEqual(set.covering(domain("sub.partner.example"), true), [3, 2]);
  });

  test("match() passes by what has ended", () => {
    const set = DomainSet.EMPTY.with(domain("a.near.example"), false, 1, true).with(
      domain("near.example"),
      true,
      2,
      false,
    );
    const ends = { endOf: (id: number) => id * 10 };
    assert.equal(set.match(domain("a.near.example"), 9, ends), 1);
    assert.equal(set.match(domain("a.near.example"), 10, ends), 2);
  });

  test("edits of chance agree with a list, and old sets stay as they were", () => {
    const chance = new Chance(1);
    const names = Array.from({ length: 40 }, (_, i) => `n${i % 7}.m${i % 3}.${i % 2 === 0 ? "near" : "far"}.example`);
    names.push("near.example", "m1.near.example", "example");
    let set = DomainSet.EMPTY;
    const list = new Map<string, number>();
    const kept: [DomainSet, Map<string, number>][] = [];
    for (let id = 1; id < 4_000; id++) {
      const name = chance.pick(names);
      const below = chance.once(2);
      const key = `${below ? "." : ""}${name}`;
      if (list.has(key) && chance.once(2)) {
        list.delete(key);
        set = set.without(domain(name), below);
      } else {
        list.set(key, id);
        set = set.with(domain(name), below, id, false);
      }
      if (id % 500 === 0) kept.push([set, new Map(list)]);
    }
    for (const [then, entries] of kept) {
      assert.equal(then.size, entries.size);
      assert.deepEqual([...then.ids()].sort(), [...entries.values()].sort());
      for (const name of [...names, "x.near.example", "x.y.m1.near.example", "x.example"]) {
        const best = [...entries].filter(([key]) => (key.startsWith(".") ? name.endsWith(key) : key === name));
        best.sort(([a], [b]) => b.length - a.length);
        const exact = entries.get(name);
        assert.equal(then.match(domain(name), 0, FOREVER), exact ?? best[0]?.[1] ?? 0, name);
      }
    }
  });

  test("names with the same hash live together", () => {
    // Among some hundred thousand names two have the same hash of 32 bits, read from their end.
    const seen = new Map<number, string>();
    const pair: string[] = [];
    for (let i = 0; pair.length === 0 && i < 1_000_000; i++) {
      const name = `n${(Math.imul(i, 0x9e3779b1) >>> 0).toString(36)}.example`;
      let hash = 0x811c9dc5 | 0;
      for (let c = name.length - 1; c >= 0; c--) hash = Math.imul(hash ^ name.charCodeAt(c), 0x01000193);
      const other = seen.get(hash);
      if (other !== undefined) pair.push(name, other);
      seen.set(hash, name);
    }
    assert.equal(pair.length, 2);
    const [one = "", two = ""] = pair;
    const both = setOf(one, two, "more.example");
    assert.equal(both.match(domain(one), 0, FOREVER), 1);
    assert.equal(both.match(domain(two), 0, FOREVER), 2);
    const left = both.without(domain(one), false);
    assert.deepEqual([left.match(domain(one), 0, FOREVER), left.match(domain(two), 0, FOREVER)], [0, 2]);
  });
});
