/**
 * `npm run soak:fuzz [minutes] [seed] [target]`: cases for every target by turns, a minute each at most, for so long. A finding is printed
 * as a line for `corpus/TARGET/found.txt`. Ends with 1 where there were any.
 */
import { parseArgs } from "node:util";
import { fuzz } from "./run.ts";
import { asLine } from "./target.ts";
import { TARGETS } from "./targets.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const minutes = Number(positionals[0] ?? 10);
const firstSeed = Number(positionals[1] ?? Math.floor(Date.now() / 1_000));
const targets = TARGETS.filter(({ name }) => positionals[2] === undefined || positionals[2] === name);
const TURN_MS = 60_000;
const turnMs = Math.min(TURN_MS, (minutes * 60_000) / Math.max(1, targets.length));

const endsAt = performance.now() + minutes * 60_000;
const counts = new Map<string, number>();
let found = 0;
for (let seed = firstSeed; performance.now() < endsAt; seed++) {
  for (const target of targets) {
    const { cases, finding } = await fuzz(target, { seed, casesMax: Infinity, forMs: turnMs });
    counts.set(target.name, (counts.get(target.name) ?? 0) + cases);
    if (finding === null) continue;
    found++;
    console.log(`${target.name}, seed ${seed}: ${finding.fault}\n${asLine(finding.input)}\n`);
  }
}
for (const [name, count] of counts) console.log(`${name}: ${count} cases`);
console.log(`${found} findings, seeds from ${firstSeed} on`);
// Timers of the relay that sessions are tried on would keep the process.
process.exit(found > 0 ? 1 : 0);
