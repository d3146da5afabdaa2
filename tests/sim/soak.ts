/**
 * Simulations one after the other, on one core: `npm run soak -- --minutes 60`, or `npm run soak -- --first 1 --seeds 1000000`.
 * Without a first seed it begins where no run has been. Each seed that breaks a law is printed with what it broke; such seeds go
 * into `kept-seeds.ts`. Ends with 1 where there were any.
 */
import { parseArgs } from "node:util";
import { runSeeds } from "./run.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string" }, first: { type: "string" }, seeds: { type: "string" } },
});
const minutes = Number(values.minutes ?? (values.seeds === undefined ? 10 : Infinity));
const seedsMax = Number(values.seeds ?? Infinity);
const firstSeed = Number(values.first ?? Math.floor(Date.now() / 1_000));
const beginning = performance.now();
const endsAt = beginning + minutes * 60_000;
const PROGRESS_SEEDS = 10_000;

function* seeds(): Iterable<number> {
  for (let seed = firstSeed; seed < firstSeed + seedsMax && performance.now() < endsAt; seed++) yield seed;
}

function rate(count: number): string {
  return `${count} seeds from ${firstSeed} on, ${Math.round((count * 1_000) / (performance.now() - beginning))}/s`;
}

let count = 0;
let broken = 0;
process.on("unhandledRejection", (fault) => {
  console.log("a promise that nobody looked after:", fault);
  broken++;
});
await runSeeds(seeds(), ({ seed, violations }) => {
  count++;
  if (violations.length > 0) {
    broken++;
    console.log(`seed ${seed}\n  ${violations.join("\n  ")}`);
  }
  if (count % PROGRESS_SEEDS === 0) console.log(rate(count));
  return "go on";
});
console.log(`${rate(count)}, ${broken} broken`);
process.exitCode = broken > 0 ? 1 : 0;
