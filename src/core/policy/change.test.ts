import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import { address, domain, randomScene } from "../../../tests/policy/scene.ts";
import { parseCidr } from "../mail/network.ts";
import { applyChange, inverseChange } from "./change.ts";
import { emptyPolicy, OTHER_ENTRIES_MAX, type CompiledPolicy } from "./compile.ts";
import { describeChange } from "./change-words.ts";
import { DEFAULT_ATTRIBUTES, type EntryValue, type ListName, type NewEntry, type PolicyChange } from "./policy.ts";

const START = emptyPolicy({ localDomains: [], entriesMax: 5 });
const STAMP = { at: 1_000, by: "ops" };

function network(text: string): EntryValue {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return { kind: "network", network: parsed.value };
}

function entry(list: ListName, value: EntryValue, more: Partial<NewEntry> = {}): NewEntry {
  return { list, value, text: "", expiresAt: null, ...more };
}

function after(policy: CompiledPolicy, ...changes: PolicyChange[]): CompiledPolicy {
  return changes.reduce((before, change) => {
    const changed = applyChange(before, change, STAMP);
    assert.ok(changed.ok, JSON.stringify(changed));
    return changed.value.policy;
  }, policy);
}

function fault(policy: CompiledPolicy, change: PolicyChange): string {
  const changed = applyChange(policy, change, STAMP);
  assert.ok(!changed.ok);
  return changed.error.kind;
}

const TEN = entry("*ACCEPT", network("10.0.0.0/8"), { text: "ERP" });
const add = (added: NewEntry): PolicyChange => ({ kind: "add-entry", entry: added });

suite("applyChange()", () => {
  test("counts versions, numbers entries, keeps who and when", () => {
    const policy = after(START, { kind: "set-attributes", attributes: { ALWRLY: "*LIST" } }, add(TEN));
    assert.equal(policy.version, 2);
    assert.equal(policy.attributes.ALWRLY, "*LIST");
    assert.deepEqual(policy.entry(1), { id: 1, ...TEN, addedBy: "ops", addedAt: 1_000 });
    assert.equal(START.entry(1), null, "the version before stays as it was");
    const again = after(policy, { kind: "remove-entry", id: 1 }, add(TEN));
    assert.equal(again.entry(1), null);
    assert.equal(again.entry(2)?.text, "ERP", "numbers are never given again");
  });

  test("refuses what is there, what is not, what is no value of the list, and too much", () => {
    const policy = after(START, add(TEN));
    const other: EntryValue = { kind: "domain", domain: domain("near.example"), subdomains: false };
    const cases: [PolicyChange, string][] = [
      [add(TEN), "duplicate-entry"],
      [add(entry("*ACCEPT", other)), "value-not-for-list"],
      [add(entry("*NEAR", { kind: "address", address: address("10.0.0.1") })), "value-not-for-list"],
      [{ kind: "remove-entry", id: 2 }, "entry-not-found"],
      [{ kind: "change-entry", id: 2, text: "x" }, "entry-not-found"],
      [{ kind: "change-entry", id: 1, value: other }, "value-not-for-list"],
      [{ kind: "change-entry", id: 1, text: "ERP" }, "nothing-to-change"],
      [{ kind: "set-attributes", attributes: { ALWRLY: "*NONE" } }, "nothing-to-change"],
      [{ kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries: [TEN, TEN] }, "duplicate-entry"],
      [{ kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries: [TEN] }, "nothing-to-change"],
    ];
    for (const [change, expected] of cases) assert.equal(fault(policy, change), expected, JSON.stringify(change));
    const full = after(policy, ...[1, 2, 3, 4].map((i) => add(entry("*REJECT", network(`10.0.0.${i}`)))));
    assert.equal(fault(full, add(entry("*REJECT", network("10.0.0.9")))), "too-many-entries");
    const six = [1, 2, 3, 4, 5, 6].map((i) => entry("*ACCEPT", network(`10.0.0.${i}`)));
    assert.equal(fault(START, { kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries: six }), "too-many-entries");
    assert.ok(OTHER_ENTRIES_MAX >= 1_000);
  });

  test("the same value is another entry on another list; of a host there is one", () => {
    const credentials = (user: string): EntryValue => ({
      kind: "host-credentials",
      host: "smtp.example",
      user,
      sealedPassword: "sealed",
      method: "auto",
      account: "",
    });
    const policy = after(START, add(TEN), add({ ...TEN, list: "*REJECT" }), add(entry("*HOSTAUTH", credentials("a"))));
    assert.equal(fault(policy, add(entry("*HOSTAUTH", credentials("b")))), "duplicate-entry");
    assert.equal(policy.find("*REJECT", TEN.value), 2);
    assert.equal(policy.find("*NEAR", TEN.value), null);
  });

  test("change-entry keeps number, adder and time, and may not take another's place", () => {
    const policy = after(START, add(TEN), add(entry("*ACCEPT", network("11.0.0.0/8"))));
    const changed = after(policy, { kind: "change-entry", id: 1, value: network("10.1.0.0/16"), expiresAt: 5 });
    assert.deepEqual(changed.entry(1), { ...policy.entry(1), value: network("10.1.0.0/16"), expiresAt: 5 });
    assert.equal(changed.find("*ACCEPT", network("10.0.0.0/8")), null);
    assert.equal(changed.find("*ACCEPT", network("10.1.0.0/16")), 1);
    assert.equal(fault(policy, { kind: "change-entry", id: 1, value: network("11.0.0.0/8") }), "duplicate-entry");
  });

  test("replace keeps the numbers of entries that stay", () => {
    const policy = after(START, add(TEN), add(entry("*ACCEPT", network("11.0.0.0/8"))));
    const wanted = [entry("*NEAR", network("12.0.0.0/8")), { ...TEN, text: "new text" }];
    const attributes = { ...DEFAULT_ATTRIBUTES, ALWRLY: "*LIST" } as const;
    const replaced = after(policy, { kind: "replace", attributes, entries: wanted });
    assert.deepEqual(
      [...replaced.entries()].map(({ id, text }) => [id, text]),
      [
        [1, "new text"],
        [3, ""],
      ],
    );
    assert.equal(replaced.attributes.ALWRLY, "*LIST");
  });

  test("entries() has lists in order, names before networks, networks by address", () => {
    const values = ["10.1.0.0/16", "2001:db8::/32", "9.0.0.0/8", "10.0.0.0/8"].map(network);
    const near: EntryValue = { kind: "domain", domain: domain("b.example"), subdomains: false };
    const big = emptyPolicy({ localDomains: [], entriesMax: 50 });
    const policy = after(
      big,
      ...values.map((value) => add(entry("*NEAR", value))),
      add(entry("*NEAR", near)),
      add(TEN),
    );
    assert.deepEqual(
      [...policy.entries()].map(({ id }) => id),
      [6, 5, 3, 4, 1, 2],
    );
  });
});

suite("inverseChange()", () => {
  test("takes every kind of change back", () => {
    const chance = new Chance(5);
    for (let i = 0; i < 300; i++) {
      const { policy: before } = randomScene(chance);
      const { policy: other } = randomScene(chance);
      const id = [...before.table.ids()][0] ?? 0;
      const taken = other.entries().next();
      const changes: PolicyChange[] = [
        { kind: "set-attributes", attributes: other.attributes },
        { kind: "remove-entry", id },
        { kind: "change-entry", id, text: "another", expiresAt: 77 },
        { kind: "replace", attributes: other.attributes, entries: [...other.entries()] },
        ...(taken.done === true ? [] : [add(taken.value)]),
      ];
      for (const change of changes) {
        const changed = applyChange(before, change, STAMP);
        if (!changed.ok) continue;
        const undone = after(changed.value.policy, inverseChange(before, change, changed.value.policy));
        assert.deepEqual(content(undone), content(before), change.kind);
        assert.equal(undone.version, before.version + 2);
        assert.notEqual(describeChange(change, changed.value), "");
      }
    }
  });
});

/** Attributes and entries without what undo cannot bring back. */
function content(policy: CompiledPolicy): unknown {
  const entries = Array.from(policy.entries(), ({ list, value, text, expiresAt }) => ({
    list,
    value,
    text,
    expiresAt,
  }));
  const keyed = entries.map((item) => JSON.stringify(item)).sort();
  return { attributes: policy.attributes, entries: keyed };
}
