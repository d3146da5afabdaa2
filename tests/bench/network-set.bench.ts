/**
 * A match in sets of 10 to 1,000,000 networks, IPv4 and IPv6, for strangers and for clients that are in the set; memory; edits:
 * `node --expose-gc tests/bench/network-set.bench.ts [count …]`. Budget: 150 ns, 64 MB, 1 ms.
 */
import { finish } from "../../src/core/base/steps.ts";
import { NetworkSet } from "../../src/core/policy/network-set.ts";
import { NetworkSetBuilder } from "../../src/core/policy/network-set-builder.ts";
import { membersOf, nanosPerCall, quantile, sampleNetwork, sampleNetworks, stranger } from "./policy-sample.ts";

const counts = process.argv.slice(2).map(Number);
const FOREVER = { endOf: () => Infinity };

for (const count of counts.length > 0 ? counts : [10, 10_000, 100_000, 1_000_000]) measure(count);

/** A set, and some of its networks: so many clients are at work, while strangers come from everywhere. */
function build(count: number): { readonly set: NetworkSet; readonly some: ReturnType<typeof sampleNetworks> } {
  const networks = sampleNetworks(count);
  const begun = performance.now();
  const builder = new NetworkSetBuilder();
  for (const [i, network] of networks.entries()) builder.add(network, i + 1, false);
  const set = finish(builder.build());
  if (!(set instanceof NetworkSet)) throw new Error("no network is there twice");
  process.stdout.write(
    `${String(count).padStart(9)} networks, built in ${(performance.now() - begun).toFixed(0)} ms\n`,
  );
  return { set, some: networks.slice(0, 4_096) };
}

function measure(count: number): void {
  globalThis.gc?.();
  const before = process.memoryUsage();
  const { set, some } = build(count);
  const member = membersOf(some);
  const strangers = nanosPerCall(stranger, (client) => set.match(client, 0, FOREVER), 200_000);
  const members = nanosPerCall(member, (client) => set.match(client, 0, FOREVER), 200_000);
  const edits = editTimes(set);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const megabytes = (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / 1e6;
  process.stdout.write(
    `  strangers ${strangers.toFixed(0)} ns, members ${members.toFixed(0)} ns; ${megabytes.toFixed(1)} MB; ` +
      `edit p50 ${quantile(edits, 0.5).toFixed(0)} µs, p99 ${quantile(edits, 0.99).toFixed(0)} µs\n`,
  );
  if (set.size !== count) throw new Error("edits change no other set");
}

/** Microseconds of edits, sorted: networks are added and removed again. */
function editTimes(start: NetworkSet): number[] {
  const times: number[] = [];
  let set = start;
  for (let i = 0; i < 2_000; i++) {
    const network = sampleNetwork();
    if (set.find(network) !== null) continue;
    const begun = performance.now();
    set = set.with(network, 4_000_000 + i, false);
    const middle = performance.now();
    if (i % 2 === 0) set = set.without(network);
    times.push((middle - begun) * 1_000);
    if (i % 2 === 0) times.push((performance.now() - middle) * 1_000);
  }
  return times.sort((a, b) => a - b);
}
