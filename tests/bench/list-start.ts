/**
 * The program with short and long lists: from the start of `relaykeeper serve` to its first banner, and its memory while it rests:
 * `node tests/bench/list-start.ts [count …]`. The list is in the data directory already, as after a clean stop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { makeNetworks } from "./whole/entries.ts";
import { peers } from "./whole/peers.ts";

const counts = process.argv.slice(2).map(Number);
const ROUNDS = 3;
/** Until what the start left behind is collected. */
const REST_MS = 3_000;

const peer = peers.find(({ name }) => name === "relaykeeper");
if (!peer) throw new Error("no relaykeeper");
for (const count of counts.length > 0 ? counts : [10, 100_000, 1_000_000]) {
  const starts: number[] = [];
  const megabytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await using running = await peer.start({ sinkPort: 9, networks: makeNetworks(count) });
    await sleep(REST_MS);
    starts.push(running.startSeconds);
    megabytes.push(running.party.memoryOctets() / 1_048_576);
  }
  const [start, memory] = [starts, megabytes].map((figures) => figures.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]);
  process.stdout.write(
    `${String(count).padStart(9)} entries: banner after ${start?.toFixed(2)} s, PSS ${memory?.toFixed(0)} MB\n`,
  );
}
