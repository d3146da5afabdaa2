/**
 * A whole decision about a recipient, from parsed addresses, by policies of 10 to 1,000,000 entries; memory of the policy; an edit of it:
 * `node --expose-gc tests/bench/decide.bench.ts [count …]`. Budget: 150 ns among a million, 64 MB, 1 ms.
 */
import { parseDomain, type Domain } from "../../src/core/mail/domain.ts";
import { ipv4, type IpAddress } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import { networkOf, type Network } from "../../src/core/mail/network.ts";
import { applyChange } from "../../src/core/policy/change.ts";
import { emptyPolicy, type CompiledPolicy } from "../../src/core/policy/compile.ts";
import { decideConnection, decideRelay } from "../../src/core/policy/decide.ts";
import type { ClientFacts } from "../../src/core/policy/decision.ts";
import { DEFAULT_ATTRIBUTES, type NewEntry, type PolicyChange } from "../../src/core/policy/policy.ts";
import { membersOf, nanosPerCall, quantile, sampleNetwork, sampleNetworks, stranger } from "./policy-sample.ts";

const counts = process.argv.slice(2).map(Number);
const STAMP = { at: 0, by: "bench" };

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

const FAR: Mailbox = { localPart: "user", host: { kind: "domain", domain: domain("far.example") } };

for (const count of counts.length > 0 ? counts : [10, 10_000, 100_000, 1_000_000]) measure(count);

function measure(count: number): void {
  globalThis.gc?.();
  const before = process.memoryUsage();
  const { policy, some } = load(count);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const megabytes = (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / 1e6;
  const facts = (address: IpAddress): ClientFacts => ({
    address,
    localAddress: null,
    user: null,
    tls: false,
    now: 0,
    listedBy: null,
  });
  const strange = (): ClientFacts => facts(stranger());
  const members = membersOf(some);
  const member = (): ClientFacts => facts(members());
  const relay = (client: ClientFacts): unknown => decideRelay(policy, client, FAR, null, 1).verdict;
  const connect = nanosPerCall(strange, (client) => decideConnection(policy, client, 1).verdict, 200_000);
  const refused = nanosPerCall(strange, relay, 200_000);
  const relayed = nanosPerCall(member, relay, 200_000);
  const edits = editTimes(policy, sampleNetwork);
  const wide = editTimes(policy, () => networkOf(ipv4(0), 0));
  process.stdout.write(
    `${String(count).padStart(9)} entries: connect ${connect.toFixed(0)} ns, refused ${refused.toFixed(0)} ns, ` +
      `relayed ${relayed.toFixed(0)} ns; ${megabytes.toFixed(1)} MB; ` +
      `edit p50 ${quantile(edits, 0.5).toFixed(0)} µs, p99 ${quantile(edits, 0.99).toFixed(0)} µs, ` +
      `of 0.0.0.0/0 p50 ${quantile(wide, 0.5).toFixed(0)} µs\n`,
  );
}

/** A policy of `count` networks on *ACCEPT, and some of them: so many clients are at work, while strangers come from everywhere. */
function load(count: number): { readonly policy: CompiledPolicy; readonly some: ReturnType<typeof sampleNetworks> } {
  const networks = sampleNetworks(count);
  const entries = networks.map((network): NewEntry => ({
    list: "*ACCEPT",
    value: { kind: "network", network },
    text: "",
    expiresAt: null,
  }));
  const start = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 2 * count + 10_000 });
  const attributes = { ...DEFAULT_ATTRIBUTES, ALWRLY: "*LIST" } as const;
  const changed = applyChange(start, { kind: "replace", attributes, entries }, STAMP);
  if (!changed.ok) throw new Error(changed.error.kind);
  return { policy: changed.value.policy, some: networks.slice(0, 4_096) };
}

/** Microseconds of edits, sorted: entries are added and removed again. */
function editTimes(start: CompiledPolicy, make: () => Network): number[] {
  const times: number[] = [];
  let policy = start;
  const edit = (change: PolicyChange): void => {
    const begun = performance.now();
    const changed = applyChange(policy, change, STAMP);
    times.push((performance.now() - begun) * 1_000);
    if (changed.ok) ({ policy } = changed.value);
  };
  for (let i = 0; i < 1_000; i++) {
    const value = { kind: "network", network: make() } as const;
    edit({ kind: "add-entry", entry: { list: "*ACCEPT", value, text: `entry ${i}`, expiresAt: null } });
    edit({ kind: "remove-entry", id: policy.nextId - 1 });
  }
  return times.sort((a, b) => a - b);
}
