/**
 * Whether the relay became dearer: `npm run bench:guard`. CPU is compared as a multiple of what the peer `ceiling` takes in the same
 * run, so that the figures of one machine hold on another; system calls for each message are nearly the same everywhere. What is
 * expected stands in guard.json; `--write` puts there what was measured. Ends with 1 where a figure is above it by more than its
 * margin.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scenarios } from "./whole/catalogue.ts";
import { peers } from "./whole/peers.ts";
import { measure, type Figures, type Scenario } from "./whole/scenarios.ts";

interface Expected {
  readonly cpuOfCeiling: number;
  readonly systemCalls: number;
}

const CPU_MARGIN = 1.3;
const CALLS_MARGIN = 1.2;
const ROUNDS = 3;
const file = join(import.meta.dirname, "guard.json");
const setting = { sessions: 50, seconds: 2, warmSeconds: 2, countsCalls: true, cpus: null };

/** The cheapest of some rounds: what else the machine does only adds. */
async function cheapest(name: string, scenario: Scenario): Promise<Figures> {
  const peer = peers.find((candidate) => candidate.name === name);
  if (!peer) throw new Error(`no peer ${name}`);
  const runs: Figures[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await measure(peer, scenario, setting));
  return runs.reduce((best, run) => (run.cpuPerThousand < best.cpuPerThousand ? run : best));
}

function judge(name: string, found: number, expected: number | undefined, margin: number): boolean {
  const isDearer = expected !== undefined && found > expected * margin;
  const limit =
    expected === undefined ? "none expected" : `expected ${expected}, at most ${(expected * margin).toFixed(2)}`;
  process.stdout.write(`${name}: ${found.toFixed(2)} (${limit})${isDearer ? "  DEARER" : ""}\n`);
  return !isDearer;
}

const expected = JSON.parse(readFileSync(file, "utf8")) as Record<string, Expected | undefined>;
const measured: Record<string, Expected> = {};
let good = true;
for (const name of ["A", "B", "CB"]) {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`no scenario ${name}`);
  const ours = await cheapest("relaykeeper", scenario);
  const ceiling = await cheapest("ceiling", scenario);
  const cpuOfCeiling = ours.cpuPerThousand / ceiling.cpuPerThousand;
  const { systemCalls } = ours;
  measured[name] = { cpuOfCeiling: Number(cpuOfCeiling.toFixed(2)), systemCalls: Number(systemCalls.toFixed(1)) };
  good = judge(`${name} CPU, times the ceiling's`, cpuOfCeiling, expected[name]?.cpuOfCeiling, CPU_MARGIN) && good;
  good = judge(`${name} system calls a message`, systemCalls, expected[name]?.systemCalls, CALLS_MARGIN) && good;
}
if (process.argv.includes("--write")) writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
else if (!good) process.exitCode = 1;
