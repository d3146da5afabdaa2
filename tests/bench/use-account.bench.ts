/** Counting a use, in nanoseconds, with few and many entries in use: `node tests/bench/use-account.bench.ts`. */
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { ipv4 } from "../../src/core/mail/ip.ts";
import { UseAccount } from "../../src/flows/use-account.ts";

const COUNTS = 2_000_000;
const client = ipv4(0xc0000201);

for (const entries of [10, 10_000, 1_000_000]) {
  const account = await UseAccount.open({
    store: { load: async () => new Map(), save: async () => undefined },
    clock: new ManualClock(),
    entriesMax: 2_000_000,
    exists: () => true,
    onFault: (fault) => console.error(fault),
  });
  // A stride that meets every entry in an order that no cache likes.
  const run = (): void => {
    for (let i = 0; i < COUNTS; i++) account.count(1 + ((i * 7_919) % entries), client, i);
  };
  run();
  await account.flush();
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  console.log(`${entries} entries: ${(((user + system) * 1_000) / COUNTS).toFixed(0)} ns a count`);
}
