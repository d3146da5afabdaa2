/**
 * The whole relay beside others, on this machine, in one run: `npm run bench`.
 *
 *   --scenarios A,B,C     A: one message a connection; B: many a session; A100: A with 100 KB; L: time from end of data to 250;
 *                         C: a stranger is refused, with 10, 10,000 and 100,000 networks on the list; C1M: with 1,000,000;
 *                         CB: many refusals a session; TLS: A with STARTTLS, sessions resumed; AUTH: the same with AUTH PLAIN;
 *                         DKIM: A, each message signed by RSA;
 *                         IDLE, IDLETLS: 2,000 sessions that only stay
 *   --peers a,b           relaykeeper, postfix, naive, ceiling (tests/bench/whole/ceiling.ts: as fast as it can be)
 *   --rounds 3            every peer and scenario once a round, in turn; figures are medians over the rounds
 *   --seconds 4           of each measurement
 *   --warm 4              seconds of the same load before it
 *   --sessions 50         at once
 *   --calls               counts system calls for each message too, by perf
 *   --cpus 0              processors that the measured relay may use, as taskset writes them
 *
 * Prints tables, and appends a line of JSON for every measurement to bench-results/whole-relay.jsonl.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { missing } from "../peers/programs.ts";
import { cpuMethod, machineBusySeconds } from "./whole/party.ts";
import { scenarios } from "./whole/catalogue.ts";
import { peers, type Peer } from "./whole/peers.ts";
import { measure, type Figures, type Scenario, type Setting } from "./whole/scenarios.ts";

const { values } = parseArgs({
  options: {
    scenarios: { type: "string", default: "A,B,L,C" },
    peers: { type: "string", default: "relaykeeper,postfix,naive" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    sessions: { type: "string", default: "50" },
    warm: { type: "string", default: "4" },
    calls: { type: "boolean", default: false },
    cpus: { type: "string" },
  },
});

function chosenScenarios(): Scenario[] {
  const names = values.scenarios.split(",").flatMap((name) => (name === "C" ? ["C10", "C10k", "C100k"] : [name]));
  return names.map((name) => {
    const scenario = scenarios.find((candidate) => candidate.name === name);
    if (!scenario) throw new Error(`no scenario ${name}; there are ${scenarios.map((one) => one.name).join(", ")}`);
    return scenario;
  });
}

function chosenPeers(): Peer[] {
  return values.peers.split(",").flatMap((name) => {
    const peer = peers.find((candidate) => candidate.name === name);
    if (!peer) throw new Error(`no peer ${name}; there are ${peers.map((one) => one.name).join(", ")}`);
    const reason = peer.missing();
    if (reason !== false) process.stderr.write(`without ${name}: ${reason}\n`);
    return reason === false ? [peer] : [];
  });
}

/** Waits, a while, until the rest of the machine is quiet. */
async function quiet(): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const before = machineBusySeconds();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (machineBusySeconds() - before < 0.15) return;
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

function format(number: number, digits: number): string {
  return Number.isNaN(number) ? "" : number.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** What a table says of a peer: how it is worked out of a run, and its digits after the point. */
const COLUMNS: readonly (readonly [string, (figures: Figures) => number, number])[] = [
  ["CPU s per 1000", ({ cpuPerThousand }) => cpuPerThousand, 3],
  ["peak PSS MB", ({ peakMegabytes }) => peakMegabytes, 0],
  ["p50 ms", ({ p50 }) => p50, 2],
  ["p99 ms", ({ p99 }) => p99, 2],
  ["p99.9 ms", ({ p999 }) => p999, 2],
  ["system calls", ({ systemCalls }) => systemCalls, 1],
  ["idle MB", ({ idleMegabytes }) => idleMegabytes, 0],
  ["start s", ({ startSeconds }) => startSeconds, 2],
  ["foreign", ({ foreign }) => foreign, 2],
];

/** One table a scenario, a row a peer; columns that say nothing are left out. */
function table(scenario: Scenario, rows: ReadonlyMap<Peer, readonly Figures[]>): string {
  const lines = [...rows].map(([peer, runs]) => {
    const rates = runs.map(({ rate }) => rate);
    return [
      peer.name,
      format(median(rates), 0),
      Number.isNaN(median(rates)) ? "" : `${format(Math.min(...rates), 0)}-${format(Math.max(...rates), 0)}`,
      ...COLUMNS.map(([, pick, digits]) => format(median(runs.map(pick)), digits)),
      runs.every(({ exact }) => exact) ? "yes" : "NO",
    ];
  });
  const head = ["peer", "per second", "min-max", ...COLUMNS.map(([name]) => name), "exact"];
  const said = head.map((_, column) => lines.some((cells) => cells[column] !== ""));
  const row = (cells: readonly string[]) => `| ${cells.filter((_, column) => said[column]).join(" | ")} |`;
  const rule = row(head.map((_, index) => (index === 0 || index === head.length - 1 ? "---" : "---:")));
  return [`\n${scenario.name}: ${scenario.title}\n`, row(head), rule, ...lines.map(row)].join("\n");
}

function machine(): string {
  const [processor] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${processor?.model.trim()}, ${memory} GiB, Linux ${release()}, Node ${process.version}, CPU by ${cpuMethod}`;
}

const reason = missing("smtp-source", "smtp-sink");
if (reason !== false) throw new Error(reason);
const results = resolve(import.meta.dirname, "../../bench-results");
mkdirSync(results, { recursive: true });
const setting: Setting = {
  sessions: Number(values.sessions),
  seconds: Number(values.seconds),
  warmSeconds: Number(values.warm),
  countsCalls: values.calls,
  cpus: values.cpus ?? null,
};
process.stdout.write(`${machine()}\n${setting.sessions} sessions, ${values.rounds} rounds of ${setting.seconds} s\n`);
const measured = new Map(chosenScenarios().map((scenario) => [scenario, new Map<Peer, Figures[]>()]));
const running = chosenPeers();
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const [scenario, rows] of measured) {
    for (const peer of running) {
      if (scenario.needs.some((need) => !peer.offers.includes(need))) continue;
      await quiet();
      const figures = await measure(peer, scenario, setting);
      rows.set(peer, [...(rows.get(peer) ?? []), figures]);
      const line = {
        at: new Date().toISOString(),
        machine: machine(),
        round,
        scenario,
        peer: peer.name,
        setting,
        figures,
      };
      appendFileSync(join(results, "whole-relay.jsonl"), `${JSON.stringify(line)}\n`);
      const { rate, cpuPerThousand, exact, foreign } = figures;
      const text = `${format(rate, 0)}/s, ${format(cpuPerThousand, 3)} CPU s per 1000, foreign ${format(foreign, 2)}`;
      process.stderr.write(`${round} ${scenario.name} ${peer.name}: ${text}${exact ? "" : ", NOT EXACT"}\n`);
    }
  }
}
for (const [scenario, rows] of measured) process.stdout.write(`${table(scenario, rows)}\n`);
