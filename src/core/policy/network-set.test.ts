import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { address, bitsOf, randomAddress, randomNetwork } from "../../../tests/policy/scene.ts";
import { Chance } from "../../../tests/policy/random.ts";
import { finish } from "../base/steps.ts";
import type { IpAddress } from "../mail/ip.ts";
import { contains, formatNetwork, networkOf, parseCidr, type Network } from "../mail/network.ts";
import { NetworkSet } from "./network-set.ts";
import { NetworkSetBuilder } from "./network-set-builder.ts";

const FOREVER = { endOf: () => Infinity };

function network(text: string): Network {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function setFrom(
  rows: readonly { readonly network: Network; readonly id: number; readonly expires: boolean }[],
): NetworkSet {
  const builder = new NetworkSetBuilder();
  for (const { network: each, id, expires } of rows) builder.add(each, id, expires);
  const set = finish(builder.build());
  assert.ok(set instanceof NetworkSet);
  return set;
}

function setOf(...texts: string[]): NetworkSet {
  return setFrom(texts.map((text, i) => ({ network: network(text), id: i + 1, expires: false })));
}

/** A set as a list that is looked through. */
class Linear {
  readonly rows = new Map<string, { network: Network; id: number; end: number | null }>();

  match(client: IpAddress, now: number): number {
    let best: { network: Network; id: number } | null = null;
    for (const row of this.rows.values()) {
      if ((row.end !== null && row.end <= now) || !contains(row.network, client)) continue;
      if (best === null || row.network.prefixBits > best.network.prefixBits) best = row;
    }
    return best?.id ?? 0;
  }
}

suite("NetworkSet", () => {
  test("match() names the narrowest network, of the client's own family", () => {
    const set = setOf("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::/0", "2001:db8::/32");
    const cases: [client: string, id: number][] = [
      ["10.1.2.3", 3],
      ["10.1.2.4", 2],
      ["10.2.0.1", 1],
      ["11.0.0.1", 0],
      ["9.255.255.255", 0],
      ["::ffff:10.1.2.3", 3],
      ["2001:db8::1", 5],
      ["2001:db9::1", 4],
      ["::10.1.2.3", 4],
    ];
    for (const [client, id] of cases) assert.equal(set.match(address(client), 0, FOREVER), id, client);
  });

  test("match() finds the ends of both families, and addresses above 128.0.0.0", () => {
    const texts = [
      "0.0.0.0/32",
      "255.255.255.255/32",
      "128.0.0.0/1",
      "::/128",
      `${"ffff:".repeat(7)}ffff/128`,
      "8000::/1",
    ];
    const set = setOf(...texts);
    for (const [i, text] of texts.entries()) {
      assert.equal(set.match(network(text).base, 0, FOREVER), i + 1, text);
    }
    assert.equal(set.match(address("127.255.255.255"), 0, FOREVER), 0);
    assert.equal(set.match(address("200.0.0.1"), 0, FOREVER), 3);
  });

  test("match() passes by what has ended, to the next wider one", () => {
    const rows = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"].map((text, i) => ({
      network: network(text),
      id: i + 1,
      expires: i > 0,
    }));
    const ends = { endOf: (id: number) => (id === 1 ? Infinity : id * 10) };
    const set = setFrom(rows);
    assert.deepEqual(
      [19, 20, 29, 30].map((now) => set.match(address("10.1.2.3"), now, ends)),
      [3, 3, 3, 1],
    );
    assert.deepEqual(set.allContaining(address("10.1.2.3")), [3, 2, 1]);
  });

  test("covering() and within() tell what is around a network and what is in it", () => {
    const set = setOf("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.1.3.0/24", "10.2.0.0/16");
    const covering: number[] = [];
    set.covering(network("10.1.2.0/24"), (id) => covering.push(id) > 0);
    assert.deepEqual(covering, [2, 1]);
    const within: number[] = [];
    set.within(network("10.1.0.0/16"), (id) => within.push(id) > 0);
    assert.deepEqual(within, [3, 4, 5]);
  });

  test("with() and without() edit a copy: after edits of chance it agrees with a list, and old sets stay as they were", () => {
    for (const seed of [1, 2, 3]) editsAgree(new Chance(seed), 4_000, randomNetwork);
    // Many networks close together: leaves are cut, joined and dropped.
    const dense = (chance: Chance): Network => {
      const host = chance.below(6_000);
      if (chance.once(2)) return networkOf({ family: 4, bits: 0x0a000000 + host }, 22 + chance.below(11));
      return networkOf({ family: 6, words: [0x20010db8, 0, 0, host << 4] }, 118 + chance.below(11));
    };
    editsAgree(new Chance(4), 20_000, dense, 3);
    editsAgree(new Chance(5), 20_000, dense, 2);
  });

  test("NetworkSetBuilder makes the same set as adding one by one, and finds what is there twice", () => {
    const chance = new Chance(6);
    const rows = new Map<string, { network: Network; id: number; expires: boolean }>();
    for (let i = 1; i < 5_000; i++) {
      const made = chance.once(2)
        ? networkOf({ family: 4, bits: chance.uint32() }, 8 + chance.below(25))
        : networkOf({ family: 6, words: [0x20010db8, chance.below(4), chance.uint32(), 0] }, 32 + chance.below(65));
      rows.set(formatNetwork(made), { network: made, id: i, expires: false });
    }
    const all = [...rows.values()];
    const again = new NetworkSetBuilder();
    for (const row of [...all, { ...all[77]!, id: 9_999 }]) again.add(row.network, row.id, false);
    assert.deepEqual(finish(again.build()), { twice: 9_999 });
    const built = setFrom(all);
    const grown = all.reduce((set, row) => set.with(row.network, row.id, false), NetworkSet.EMPTY);
    assert.deepEqual([...built.ids()], [...grown.ids()]);
    assert.equal(built.size, rows.size);
    for (const { network: known } of all) {
      assert.equal(built.find(known), rows.get(formatNetwork(known))?.id);
      assert.equal(grown.match(known.base, 0, FOREVER), built.match(known.base, 0, FOREVER));
    }
  });
});

/** Edits a set and a list alike and compares them; keeps some old sets with their lists and compares those at the end. */
function editsAgree(chance: Chance, edits: number, make: (chance: Chance) => Network, removeOnceIn = 3): void {
  let set = NetworkSet.EMPTY;
  const linear = new Linear();
  const ends = new Map<number, number>();
  const kept: { set: NetworkSet; rows: Linear["rows"]; ends: Map<number, number> }[] = [];
  const probe = (): IpAddress => (chance.once(3) || linear.rows.size === 0 ? randomAddress(chance) : make(chance).base);
  for (let id = 1; id <= edits; id++) {
    const text = linear.rows.size > 0 && chance.once(removeOnceIn) ? chance.pick([...firstKeys(linear, chance)]) : null;
    if (text !== null) {
      const row = linear.rows.get(text)!;
      linear.rows.delete(text);
      set = set.without(row.network);
    } else {
      const made = make(chance);
      const end = chance.once(4) ? chance.below(10) : null;
      linear.rows.set(formatNetwork(made), { network: made, id, end });
      ends.set(id, end ?? Infinity);
      set = set.with(made, id, end !== null);
    }
    if (id % 16 === 0)
      compare(set, linear, { endOf: (other) => ends.get(other) ?? Infinity }, probe(), chance.below(10));
    if (id % (edits / 4) === 0) kept.push({ set, rows: new Map(linear.rows), ends: new Map(ends) });
  }
  assert.equal(set.size, linear.rows.size);
  for (const old of kept) {
    const then = new Linear();
    for (const [text, row] of old.rows) then.rows.set(text, row);
    for (let i = 0; i < 200; i++) {
      compare(old.set, then, { endOf: (id) => old.ends.get(id) ?? Infinity }, probe(), chance.below(10));
    }
    const wide = Array.from(old.rows.values()).filter(
      ({ network: { base, prefixBits } }) => prefixBits < (base.family === 4 ? 8 : 16),
    );
    assert.deepEqual([...old.set.wide].sort(), wide.map(({ id }) => id).sort());
  }
}

/** A few of the keys, from a place of chance on. */
function* firstKeys(linear: Linear, chance: Chance): Generator<string> {
  let skip = chance.below(Math.min(linear.rows.size, 50));
  for (const key of linear.rows.keys()) {
    if (skip-- > 0) continue;
    yield key;
    return;
  }
}

function compare(
  set: NetworkSet,
  linear: Linear,
  ends: { endOf(id: number): number },
  client: IpAddress,
  now: number,
): void {
  assert.equal(set.match(client, now, ends), linear.match(client, now), `${bitsOf(client)} at ${now}`);
}
