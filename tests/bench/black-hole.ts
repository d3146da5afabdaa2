/**
 * What mail of others waits while a next hop is a black hole: from the 250 for a message until its next hop has it, beside 10,000 queued
 * messages for a next hop that takes connections and says nothing, and for one whose packets vanish. As root, in a network namespace of its
 * own: `npm run bench:blackhole`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const QUEUED = 10_000;
const MEASURED = 1_000;
/** Between two messages that are measured. */
const GAP_MS = 8;
/** An address of documentation (RFC 5737), behind a wire with nobody at its other end. */
const VANISHING = "192.0.2.9:25";

if (process.env["RELAYKEEPER_NAMESPACE"] !== "yes") {
  const script = [
    "ip link set lo up",
    "ip link add hole type veth peer name bottom",
    "ip link set bottom up",
    "ip link set hole up",
    "ip address add 192.0.2.1/24 dev hole",
    // Without an answer to ARP the kernel would say that the host is unreachable.
    "ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev hole",
    'exec "$0" "$@"',
  ].join(" && ");
  const { status } = spawnSync("unshare", ["--net", "sh", "-c", script, process.execPath, import.meta.filename], {
    stdio: "inherit",
    env: { ...process.env, RELAYKEEPER_NAMESPACE: "yes" },
  });
  process.exit(status ?? 1);
}

async function send(dialogue: Dialogue, recipient: string): Promise<void> {
  dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  for (const code of [250, 250, 354]) assert.equal((await dialogue.answer()).code, code);
  assert.equal((await dialogue.say(`Subject: ${recipient}\r\n\r\ntext\r\n.`)).code, 250);
}

async function connect(port: number): Promise<Dialogue> {
  const dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  return dialogue;
}

async function fill(port: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(port)));
  let next = 0;
  const work = async (dialogue: Dialogue): Promise<void> => {
    while (next < QUEUED) await send(dialogue, `u${next++}@bad.example`);
  };
  await Promise.all(clients.map(work));
  for (const client of clients) client.write("QUIT\r\n");
}

/** Milliseconds from 250 to arrival, sorted. */
async function measure(port: number, sink: Sink): Promise<readonly number[]> {
  const dialogue = await connect(port);
  const times: number[] = [];
  for (let n = 0; n < MEASURED + 100; n++) {
    const recipient = `n${n}@far.example`;
    const arrival = sink.to(recipient).then(() => performance.now());
    await send(dialogue, recipient);
    const accepted = performance.now();
    const took = Math.max(0, (await arrival) - accepted);
    if (n >= 100) times.push(took);
    await new Promise((resolve) => setTimeout(resolve, GAP_MS));
  }
  return times.sort((a, b) => a - b);
}

async function run(name: string, local: string | null): Promise<void> {
  await using sink = await Sink.start();
  const relay = await Relay.start({
    localDomains: ["bad.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, ...(local === null ? {} : { local }) },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
  });
  try {
    if (local !== null) await fill(relay.port);
    const times = await measure(relay.port, sink);
    const at = (part: number): string => (times[Math.floor(part * times.length)] ?? NaN).toFixed(2).padStart(7);
    console.log(`${name.padEnd(42)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   most ${at(0.9999)} ms`);
    if (local !== null) assert.equal((await relay.queue()).length >= 1_000, true, "the others still wait");
  } finally {
    await relay.kill();
    await relay.stop().catch(() => undefined);
  }
}

const sockets = new Set<net.Socket>();
const silent = net.createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.resume();
});
silent.listen(0, "127.0.0.1");
await once(silent, "listening");
await run("nothing else", null);
await run("10,000 for one that takes TCP, says nothing", `127.0.0.1:${(silent.address() as AddressInfo).port}`);
await run("10,000 for one whose packets vanish", VANISHING);
for (const socket of sockets) socket.destroy();
silent.close();
