import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { domain } from "../../../tests/policy/scene.ts";
import { finish } from "../base/steps.ts";
import { ipv4 } from "../mail/ip.ts";
import { networkOf, parseCidr } from "../mail/network.ts";
import { analyse, analyseEntry } from "./analyse.ts";
import { applyChange } from "./change.ts";
import { emptyPolicy, type CompiledPolicy } from "./compile.ts";
import type { Finding } from "./finding.ts";
import { DEFAULT_ATTRIBUTES, type AllowRelay, type EntryValue, type ListName, type NewEntry } from "./policy.ts";

function value(text: string): EntryValue {
  const parsed = parseCidr(text);
  if (parsed.ok) return { kind: "network", network: parsed.value };
  return { kind: "domain", domain: domain(text.replace(/^\./, "")), subdomains: text.startsWith(".") };
}

function policyOf(ALWRLY: AllowRelay, ...entries: [list: ListName, value: string, end?: number][]): CompiledPolicy {
  const start = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 1_000_000 });
  const added = entries.map(([list, text, end = null]) => ({ list, value: value(text), text: "", expiresAt: end }));
  return replaced(start, ALWRLY, added);
}

function replaced(policy: CompiledPolicy, ALWRLY: AllowRelay, entries: readonly NewEntry[]): CompiledPolicy {
  const attributes = { ...DEFAULT_ATTRIBUTES, ALWRLY };
  const changed = applyChange(policy, { kind: "replace", attributes, entries }, { at: 0, by: "" });
  assert.ok(changed.ok);
  return changed.value.policy;
}

function short(finding: Finding): string {
  const other = "other" in finding ? ` E${finding.other.id}` : "";
  const addresses = finding.kind === "wide" ? ` ${finding.addresses}` : "";
  return `E${finding.entry.id} ${finding.kind}${other}${addresses}`;
}

function found(policy: CompiledPolicy, now = 0): string[] {
  return finish(analyse(policy, now)).map(short).sort();
}

suite("analyse()", () => {
  test("finds nothing where there is nothing to find", () => {
    assert.deepEqual(
      found(policyOf("*BOTH", ["*ACCEPT", "10.0.0.0/8"], ["*REJECT", "11.0.0.0/8"], ["*NEAR", "near.example"])),
      [],
    );
  });

  test("tells what is covered by a wider entry of its list that lasts as long", () => {
    const policy = policyOf(
      "*BOTH",
      ["*ACCEPT", "10.0.0.0/8"],
      ["*ACCEPT", "10.1.0.0/16"],
      ["*ACCEPT", "10.1.2.0/24", 50],
      ["*ACCEPT", "12.0.0.0/8", 50],
      ["*ACCEPT", "12.1.0.0/16"],
      ["*NEAR", ".near.example"],
      ["*NEAR", "a.near.example"],
      ["*NEAR", ".b.near.example"],
      ["*NEAR", "near.example"],
    );
    assert.deepEqual(found(policy), ["E2 redundant E1", "E3 redundant E2", "E7 redundant E6", "E8 redundant E6"]);
    assert.deepEqual(
      found(policy, 50).filter((text) => text.endsWith("expired")),
      ["E3 expired", "E4 expired"],
    );
  });

  test("tells where *REJECT covers all, or some, of what may relay", () => {
    const policy = policyOf(
      "*BOTH",
      ["*ACCEPT", "10.1.0.0/16"],
      ["*NEAR", "11.0.0.0/8"],
      ["*REJECT", "10.0.0.0/8"],
      ["*REJECT", "11.1.0.0/16"],
      ["*ACCEPT", "12.0.0.0/8"],
      ["*REJECT", "12.0.0.0/8"],
      ["*REJECT", "13.0.0.0/8"],
    );
    assert.deepEqual(found(policy), ["E1 shadowed E3", "E2 contradicts E4", "E5 shadowed E6"]);
    const reject = policy.entry(3);
    assert.ok(reject);
    assert.deepEqual(analyseEntry(policy, reject, 0).map(short), ["E3 contradicts E1"]);
  });

  test("tells what the present attributes do not ask, and what is wide", () => {
    const entries = [
      ["*ACCEPT", "10.0.0.0/8"],
      ["*NEAR", "11.0.0.0/8"],
      ["*NEAR", "near.example"],
      ["*NEAR", "inside.example"],
    ] as [ListName, string][];
    const unreachable = (allow: AllowRelay): string[] => found(policyOf(allow, ...entries));
    assert.deepEqual(
      unreachable("*LIST"),
      ["E2", "E3", "E4"].map((id) => `${id} unreachable`),
    );
    assert.deepEqual(
      unreachable("*NEAR"),
      ["E1", "E4"].map((id) => `${id} unreachable`),
    );
    assert.deepEqual(unreachable("*NONE").length, 4);
    assert.deepEqual(found(policyOf("*LIST", ["*ACCEPT", "0.0.0.0/0"], ["*ACCEPT", "2001::/15"])), [
      `E1 wide ${1n << 32n}`,
      `E2 wide ${1n << 113n}`,
    ]);
  });

  test("takes time in proportion to the entries", () => {
    const many = (count: number): CompiledPolicy => {
      const entries: NewEntry[] = [];
      for (let i = 0; i < count; i++) {
        const network = networkOf(ipv4(0x0a000000 + (i << 4)), i % 3 === 0 ? 28 : 32);
        entries.push({
          list: i % 2 === 0 ? "*ACCEPT" : "*REJECT",
          value: { kind: "network", network },
          text: "",
          expiresAt: null,
        });
      }
      return replaced(emptyPolicy({ localDomains: [], entriesMax: count }), "*LIST", entries);
    };
    const micros = (policy: CompiledPolicy): number => {
      let best = Infinity;
      for (let run = 0; run < 3; run++) {
        const begun = process.cpuUsage().user;
        finish(analyse(policy, 0));
        best = Math.min(best, process.cpuUsage().user - begun);
      }
      return best;
    };
    // Four times the entries would take sixteen times as long, were every entry compared with every other.
    const small = micros(many(5_000));
    assert.ok(micros(many(20_000)) < 12 * small + 50_000);
  });
});
