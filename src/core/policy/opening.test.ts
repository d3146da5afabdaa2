import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import { address, domain } from "../../../tests/policy/scene.ts";
import { finish } from "../base/steps.ts";
import type { IpAddress } from "../mail/ip.ts";
import { networkOf, parseCidr } from "../mail/network.ts";
import { countAddresses } from "./address-count.ts";
import { applyChange } from "./change.ts";
import { emptyPolicy, type CompiledPolicy } from "./compile.ts";
import { NetworkSet } from "./network-set.ts";
import { wideOpening } from "./opening.ts";
import type { Attributes, EntryValue, ListName, PolicyChange } from "./policy.ts";

function network(text: string): EntryValue {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return { kind: "network", network: parsed.value };
}

function after(policy: CompiledPolicy, change: PolicyChange): CompiledPolicy {
  const changed = applyChange(policy, change, { at: 0, by: "" });
  assert.ok(changed.ok, JSON.stringify(changed));
  return changed.value.policy;
}

function add(policy: CompiledPolicy, list: ListName, text: string, expiresAt: number | null = null): CompiledPolicy {
  return after(policy, { kind: "add-entry", entry: { list, value: network(text), text: "", expiresAt } });
}

function set(policy: CompiledPolicy, attributes: Partial<Attributes>): CompiledPolicy {
  return after(policy, { kind: "set-attributes", attributes });
}

const EMPTY = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 100 });
const LIST = set(EMPTY, { ALWRLY: "*LIST" });
const ALL4 = 1n << 32n;
const ALL6 = 1n << 128n;

function letsIn(before: CompiledPolicy, next: CompiledPolicy, now = 0): bigint | null {
  return finish(wideOpening(before, next, now))?.letsIn ?? null;
}

suite("wideOpening()", () => {
  test("ALWRLY(*ALL) lets in everybody that may not relay already and is not rejected", () => {
    assert.equal(letsIn(LIST, set(LIST, { ALWRLY: "*ALL" })), ALL4 + ALL6);
    const some = add(add(LIST, "*ACCEPT", "10.0.0.0/8"), "*REJECT", "11.0.0.0/8");
    assert.equal(letsIn(some, set(some, { ALWRLY: "*ALL" })), ALL4 + ALL6 - (1n << 25n));
    const open = set(some, { ALWRLY: "*ALL" });
    assert.equal(letsIn(open, set(open, { ALWRLY: "*NONE" })), null);
    assert.equal(letsIn(open, add(open, "*ACCEPT", "0.0.0.0/0")), null, "it is open already");
  });

  test("a network wider than /8 or IPv6 /16 on a list that is asked; what overlaps counts once", () => {
    assert.equal(letsIn(LIST, add(LIST, "*ACCEPT", "10.0.0.0/8")), null);
    assert.equal(letsIn(LIST, add(LIST, "*ACCEPT", "10.0.0.0/7")), 1n << 25n);
    assert.equal(letsIn(LIST, add(LIST, "*ACCEPT", "2001::/16")), null);
    assert.equal(letsIn(LIST, add(LIST, "*ACCEPT", "2000::/15")), 1n << 113n);
    const some = add(add(LIST, "*ACCEPT", "10.0.0.0/8"), "*REJECT", "11.0.0.0/16");
    assert.equal(letsIn(some, add(some, "*ACCEPT", "10.0.0.0/7")), (1n << 24n) - (1n << 16n));
    assert.equal(letsIn(LIST, add(LIST, "*NEAR", "0.0.0.0/0")), null, "*LIST does not ask it");
    assert.equal(letsIn(EMPTY, add(EMPTY, "*ACCEPT", "0.0.0.0/0")), null, "*NONE asks nothing");
  });

  test("turning on a list that has such a network", () => {
    const near = add(EMPTY, "*NEAR", "0.0.0.0/0");
    assert.equal(letsIn(near, set(near, { ALWRLY: "*NEAR" })), ALL4);
    assert.equal(letsIn(near, set(near, { ALWRLY: "*BOTH" })), ALL4);
    assert.equal(letsIn(near, set(near, { ALWRLY: "*LIST" })), null);
    const before = set(near, { ALWRLY: "*NEAR" });
    assert.equal(letsIn(before, set(before, { ALWRLY: "*BOTH" })), null, "it was on already");
  });

  test("a wide network that is changed to be one, or made to count again", () => {
    const narrow = add(LIST, "*ACCEPT", "10.0.0.0/8");
    const widened = after(narrow, { kind: "change-entry", id: 1, value: network("8.0.0.0/5") });
    assert.equal(letsIn(narrow, widened), (1n << 27n) - (1n << 24n));
    const ended = add(LIST, "*ACCEPT", "8.0.0.0/5", 10);
    const lasting = after(ended, { kind: "change-entry", id: 1, expiresAt: null });
    assert.equal(letsIn(ended, lasting, 10), 1n << 27n);
    assert.equal(letsIn(ended, lasting, 9), null);
  });

  test("taking away the last *REJECT network of a family", () => {
    const one = add(LIST, "*REJECT", "10.0.0.0/24");
    const two = add(one, "*REJECT", "2001:db8::/64");
    assert.equal(letsIn(one, after(one, { kind: "remove-entry", id: 1 })), 256n);
    assert.equal(letsIn(two, after(two, { kind: "remove-entry", id: 2 })), 1n << 64n);
    const three = add(two, "*REJECT", "10.0.0.0/25");
    assert.equal(letsIn(three, after(three, { kind: "remove-entry", id: 1 })), null, "another of the family is left");
    assert.equal(letsIn(one, after(one, { kind: "change-entry", id: 1, expiresAt: 0 })), 256n);
    const ended = add(LIST, "*REJECT", "10.0.0.0/24", 0);
    assert.equal(letsIn(ended, after(ended, { kind: "remove-entry", id: 1 })), null, "it did not count any more");
  });

  test("replace is judged by what it makes", () => {
    const { attributes } = LIST;
    const entries = [{ list: "*ACCEPT", value: network("0.0.0.0/0"), text: "", expiresAt: null } as const];
    assert.equal(letsIn(LIST, after(LIST, { kind: "replace", attributes, entries })), ALL4);
  });
});

suite("countAddresses()", () => {
  test("agrees with looking at each address of a small room, whatever nests in whatever", () => {
    const chance = new Chance(3);
    const base = address("2001:db8::");
    assert.ok(base.family === 6);
    const host = (n: number): IpAddress => ({ family: 6, words: [base.words[0], base.words[1], 0, n] });
    for (let round = 0; round < 300; round++) {
      const ends = { endOf: (id: number): number => (id % 3 === 0 ? id % 10 : Infinity) };
      const layers = [1, 2, 4].map((flag) => {
        let set = NetworkSet.EMPTY;
        for (let id = chance.below(7); id > 0; id--) {
          set = set.with(networkOf(host(chance.below(64)), 122 + chance.below(7)), id, id % 3 === 0);
        }
        return { set, ends, flag };
      });
      const table = chance.below(256);
      const now = chance.below(10);
      const counts = (flags: number): boolean => ((table >>> flags) & 1) === 1;
      const { addresses, until } = finish(countAddresses(layers, now, (flags) => flags !== 0 && counts(flags)));
      let expected = 0;
      for (let n = 0; n < 64; n++) {
        const flags = layers.reduce((sum, { set, flag }) => sum + (set.match(host(n), now, ends) === 0 ? 0 : flag), 0);
        if (flags !== 0 && counts(flags)) expected++;
      }
      assert.equal(addresses, BigInt(expected));
      const later = layers.flatMap(({ set }) => [...set.ids()].map((id) => ends.endOf(id))).filter((end) => end > now);
      assert.equal(until, Math.min(Infinity, ...later));
    }
  });

  test("flags of all addresses are those around every network", () => {
    const set = NetworkSet.EMPTY.with(networkOf(address("10.0.0.0"), 8), 1, false);
    const layers = [{ set, ends: { endOf: () => Infinity }, flag: 1 }];
    const { addresses } = finish(countAddresses(layers, 0, (flags) => flags === 2, 2));
    assert.equal(addresses, (1n << 32n) - (1n << 24n) + (1n << 128n));
  });
});
