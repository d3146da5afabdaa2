/**
 * Edits of a list while mail flows, through the control socket: `node tests/bench/edits-under-load.ts [entries] [seconds] [edits a second]`.
 * Sessions without edits and with them by turns, in one run: milliseconds from end of data to 250, and of an edit until it is answered.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { ControlClient } from "../../src/adapters/control/client.ts";
import { makeNetworks } from "./whole/entries.ts";
import { CountingSink, runClient } from "./whole/load.ts";
import { peers } from "./whole/peers.ts";
import { quantile } from "./policy-sample.ts";

const [entries = 1_000_000, seconds = 6, editsPerSecond = 50] = process.argv.slice(2).map(Number);
const ROUNDS = 3;
const SESSIONS = 50;
const FIRST_COUNT = 4_000;

const peer = peers.find(({ name }) => name === "relaykeeper");
if (!peer) throw new Error("no relaykeeper");
const sink = await CountingSink.start();
const networks = [...makeNetworks(entries), "127.0.0.1/32"];
const running = await peer.start({ sinkPort: sink.port, networks });
const client = new ControlClient(join(running.directory, "data", "control.sock"), "bench");

/** Adds an entry and removes it again, until `stop` is true; the milliseconds of each edit. */
async function edit(stop: () => boolean): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; !stop(); i++) {
    const name = `INTNETADR('192.0.2.${(i >> 1) % 256}')`;
    const command = i % 2 === 0 ? `ADDSMTPLE TYPE(*ACCEPT) ${name}` : `RMVSMTPLE TYPE(*ACCEPT) ${name}`;
    const begun = performance.now();
    const answer = await client.post("/v1/cl", { command });
    const took = performance.now() - begun;
    if (!answer.ok || !answer.value.ok) throw new Error(JSON.stringify(answer));
    times.push(took);
    await sleep(Math.max(0, 1_000 / editsPerSecond - took));
  }
  return times.sort((a, b) => a - b);
}

async function send(count: number): Promise<Awaited<ReturnType<typeof runClient>>> {
  const { port } = running;
  const rest = {
    sessions: SESSIONS,
    sizeOctets: 4_096,
    keepSessions: true,
    mode: "send",
    source: "127.0.0.1",
  } as const;
  return await runClient({ port, count, ...rest });
}

function line(what: string, { p50, p99, p999, done, seconds: took }: Awaited<ReturnType<typeof send>>): string {
  const figures = [p50, p99, p999].map((ms) => ms.toFixed(1).padStart(7)).join("");
  return `${what.padEnd(16)}${figures}   ${(done / took).toFixed(0)}/s\n`;
}

try {
  const warm = await send(FIRST_COUNT);
  const count = Math.round((warm.done / warm.seconds) * seconds);
  await send(count);
  process.stdout.write(`${entries} entries, ${SESSIONS} sessions    p50    p99  p99.9 ms\n`);
  for (let round = 0; round < ROUNDS; round++) {
    process.stdout.write(line("without edits", await send(count)));
    let done = false;
    const editing = edit(() => done);
    const sent = await send(count);
    done = true;
    const times = await editing;
    process.stdout.write(line("with edits", sent));
    const [p50, p99, max] = [0.5, 0.99, 1].map((part) => quantile(times, part).toFixed(1));
    process.stdout.write(`  ${times.length} edits: p50 ${p50}, p99 ${p99}, max ${max} ms\n`);
  }
  let quiet = false;
  const alone = edit(() => quiet);
  await sleep(1_000 * seconds);
  quiet = true;
  const times = await alone;
  const [p50, p99, max] = [0.5, 0.99, 1].map((part) => quantile(times, part).toFixed(1));
  process.stdout.write(`edits alone: ${times.length}, p50 ${p50}, p99 ${p99}, max ${max} ms\n`);
} finally {
  await running[Symbol.asyncDispose]();
  await sink.stop();
}
