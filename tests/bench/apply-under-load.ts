/**
 * A session while a long policy file is applied: `node tests/bench/apply-under-load.ts [entries]`. It asks NOOP every 2 ms; printed are the seconds
 * of the whole `policy apply` and the milliseconds until each answer.
 */
import net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlClient } from "../../src/adapters/control/client.ts";
import { quantile } from "./policy-sample.ts";
import { makeNetworks } from "./whole/entries.ts";
import { peers } from "./whole/peers.ts";

const [entries = 200_000] = process.argv.slice(2).map(Number);
const EVERY_MS = 2;

const peer = peers.find(({ name }) => name === "relaykeeper");
if (!peer) throw new Error("no relaykeeper");
await using running = await peer.start({ sinkPort: 9, networks: ["127.0.0.1/32"] });
const socket = net.connect({ port: running.port, host: "127.0.0.1", noDelay: true });
const heard = async (): Promise<void> => await new Promise((resolve) => socket.once("data", () => resolve()));
await heard();

async function ask(stop: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!stop()) {
    const begun = performance.now();
    const answer = heard();
    socket.write("NOOP\r\n");
    await answer;
    times.push(performance.now() - begun);
    await sleep(EVERY_MS);
  }
  return times.sort((a, b) => a - b);
}

let done = false;
const asking = ask(() => done);
const commands = makeNetworks(entries).map((network) => `ADDSMTPLE TYPE(*ACCEPT) INTNETADR('${network}')\n`);
const client = new ControlClient(join(running.directory, "data", "control.sock"), "bench");
const begun = performance.now();
const applied = await client.postText("/v1/policy/apply", `CHGSMTPA ALWRLY(*LIST)\n${commands.join("")}`);
const seconds = (performance.now() - begun) / 1_000;
done = true;
const times = await asking;
socket.destroy();
if (!applied.ok || !applied.value.ok) throw new Error(JSON.stringify(applied).slice(0, 500));
const [p50, p99, max] = [0.5, 0.99, 1].map((part) => quantile(times, part).toFixed(1));
process.stdout.write(
  `${entries} entries applied in ${seconds.toFixed(1)} s; ${times.length} NOOPs meanwhile: p50 ${p50}, p99 ${p99}, longest ${max} ms\n`,
);
