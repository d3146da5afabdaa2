/**
 * The start with a long queue: deferred messages over 10,000 domains, put into the store through its adapter; then the real
 * program, and the time from its beginning to its greeting, to the first delivery of a message that waited, to that of one that
 * comes in meanwhile, and until all are in the schedule; memory beside that of a start with an empty queue.
 *
 *     node tests/bench/queue-start.bench.ts [--count 1000000] [--due 1000]
 *
 * `--due` is how many are due already, the others in the next day.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { openStore } from "../../src/adapters/store-sqlite/store.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/base/time.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { AcceptedMessage, QueueId } from "../../src/core/queue/message.ts";
import { Dialogue } from "../peers/dialogue.ts";
import { eventually, freePort } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    due: { type: "string", default: "1000" },
  },
});
const count = Number(values.count);
const due = Number(values.due);
const DOMAINS = 10_000;
const AT_ONCE = 5_000;
const octets = Buffer.from(`Subject: waiting\r\n\r\n${"A line of some length.\r\n".repeat(20)}`);

function message(number: number, acceptedAt: number): AcceptedMessage {
  const domain = `d${number % DOMAINS}.example` as Domain;
  return {
    id: (acceptedAt * 1_024 + number) as QueueId,
    acceptedAt,
    origin: { client: IPV4_LOOPBACK, helo: "client.example", user: null, protocol: "ESMTP" },
    envelope: {
      reversePath: { localPart: "sender", host: { kind: "domain", domain: "client.example" as Domain } },
      recipients: [{ forwardPath: { localPart: `recipient${number}`, host: { kind: "domain", domain } } }],
      body: "8BITMIME",
      smtpUtf8: false,
    },
    content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
  };
}

async function fill(dataDirectory: string): Promise<void> {
  const opened = await openStore({
    dataDirectory,
    limits: DEFAULT_LIMITS,
    clock: new WallClock(),
    report: console.error,
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const { spool } = opened.value;
  const random = new SeededRandom(1);
  const now = Date.now();
  const answer = reply(451, "4.4.1", "Connection refused: nobody listens at this port just now");
  const one = async (number: number): Promise<void> => {
    const put = await spool.put(message(number, now - 6 * HOUR_MS));
    if (!put.ok) throw new Error(put.error);
    const retryAt = number % Math.ceil(count / due) === 0 ? now : now + HOUR_MS + (random.uint32() % DAY_MS);
    const outcome = {
      kind: "deferred",
      recipient: 0,
      at: now - HOUR_MS,
      nextHop: "smarthost",
      server: "",
      tls: "",
    } as const;
    await spool.settle(message(number, now - 6 * HOUR_MS).id, [{ ...outcome, reply: answer, retryAt }], "keep");
  };
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => from + i);
    await Promise.all(numbers.map(one));
  }
  await opened.value.close();
}

function pssMegabytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
  return Math.round(Number(kilobytes) / 1_000);
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Starts the program on the directory and measures until every message is in the schedule. */
async function measure(directory: string): Promise<object> {
  await using sink = await Sink.start();
  await using local = await Sink.start();
  const port = await freePort();
  const options = {
    directory,
    listeners: [{ address: `127.0.0.1:${port}` }],
    localDomains: ["local.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${local.port}` },
    // Room for one more.
    moreConfig: `[limits]\nqueued_messages = ${2 * DEFAULT_LIMITS.queuedMessages}`,
    policy: ["CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)"],
  } as const;
  const starting = Relay.start(options);
  try {
    return await watch(starting, port, { sink, local });
  } finally {
    await starting.then((relay) => relay.stop());
  }
}

interface Queue {
  readonly queued: number;
  readonly deferred: number;
  readonly ready: number;
  readonly active: number;
}

/** From the beginning of the program, which is now, until every message is in its schedule. */
async function watch(starting: Promise<Relay>, port: number, to: { sink: Sink; local: Sink }): Promise<object> {
  const begun = performance.now();
  const since = (): number => Math.round(performance.now() - begun);
  const first = to.sink.count(1).then(since);
  first.catch(() => undefined);
  const greetedMs = await eventually(async () => {
    using dialogue = await Dialogue.connect({ port });
    if ((await dialogue.answer()).code !== 220) throw new Error("no greeting");
    return since();
  }, 60_000);
  const freshBegun = performance.now();
  using dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  dialogue.write("MAIL FROM:<a@client.example>\r\nRCPT TO:<fresh@local.example>\r\nDATA\r\n");
  for (let i = 0; i < 3; i++) await dialogue.answer();
  await dialogue.say("Subject: fresh\r\n\r\nfresh\r\n.");
  const answered = performance.now() - freshBegun;
  await to.local.count(1);
  const delivered = performance.now() - freshBegun;
  const relay = await starting;
  const waiting = async (): Promise<Queue> =>
    (JSON.parse((await relay.command(["status", "--json"])).stdout) as { queue: Queue }).queue;
  let queue = await waiting();
  while (queue.deferred + queue.ready + queue.active < queue.queued) queue = await waiting();
  const scheduledMs = since();
  return {
    queued: queue.queued,
    greetedMs,
    firstDeliveryMs: queue.queued > 0 ? await first : null,
    freshAnsweredMs: Math.round(answered),
    freshDeliveredMs: Math.round(delivered),
    allInScheduleMs: scheduledMs,
    cpuSeconds: cpuSeconds(relay.pid),
    pssMegabytes: pssMegabytes(relay.pid),
  };
}

const empty = mkdtempSync(join(tmpdir(), "relaykeeper-empty-"));
console.log("empty queue:", JSON.stringify(await measure(empty)));
rmSync(empty, { recursive: true });
const directory = mkdtempSync(join(tmpdir(), "relaykeeper-queue-"));
const data = join(directory, "data");
const begun = performance.now();
await fill(data);
const megabytes = statSync(join(data, "relaykeeper.db")).size / 1e6;
console.log(
  `${count} messages stored in ${Math.round((performance.now() - begun) / 1_000)} s, ${Math.round(megabytes)} MB`,
);
console.log(`queue of ${count}:`, JSON.stringify(await measure(directory)));
rmSync(directory, { recursive: true });
