/**
 * The store alone: W writers, each putting one message after another and settling it some time later, as a relay does.
 *
 *     node tests/bench/spool.bench.ts [--size 4096] [--count 20000] [--writers 50] [--directory DIR] [--keep]
 *
 * `--keep` settles nothing: the queue grows. Prints one line of figures and one JSON value.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { AcceptedMessage } from "../../src/core/queue/message.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import type { Outcome } from "../../src/core/queue/outcome.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { openStore } from "../../src/adapters/store-sqlite/store.ts";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "4096" },
    count: { type: "string", default: "20000" },
    writers: { type: "string", default: "50" },
    directory: { type: "string", default: tmpdir() },
    keep: { type: "boolean", default: false },
  },
});
const size = Number(values.size);
const count = Number(values.count);
const writers = Number(values.writers);

const directory = mkdtempSync(join(values.directory, "spool-bench-"));
const clock = new WallClock();
const opened = await openStore({ dataDirectory: directory, limits: DEFAULT_LIMITS, clock, report: console.error });
if (!opened.ok) throw new Error(JSON.stringify(opened.error));
const store = opened.value;
const { spool, highestQueueId } = store;
const nextId = createQueueIds(clock, highestQueueId);
const octets = Buffer.alloc(size, "abcdefgh");

function message(): AcceptedMessage {
  return {
    id: nextId(),
    acceptedAt: clock.now(),
    origin: { client: IPV4_LOOPBACK, helo: "client.example", user: null, protocol: "ESMTP" },
    envelope: {
      reversePath: { localPart: "sender", host: { kind: "domain", domain: "client.example" as Domain } },
      recipients: [
        { forwardPath: { localPart: "recipient", host: { kind: "domain", domain: "sink.example" as Domain } } },
      ],
      body: "8BITMIME",
      smtpUtf8: false,
    },
    content: { kind: "memory", chunks: [octets], sizeOctets: size, dotLines: false },
  };
}

const delivered: Outcome = {
  kind: "delivered",
  recipient: 0,
  at: clock.now(),
  nextHop: "smarthost:127.0.0.1:25",
  server: "sink.example [127.0.0.1]",
  reply: { code: 250, enhanced: "2.0.0", text: ["Ok"] },
  tls: "",
};

const latencies: number[] = [];
let left = count;

async function writer(): Promise<void> {
  let settling: Promise<void> = Promise.resolve();
  while (left-- > 0) {
    const { id, ...rest } = message();
    const from = performance.now();
    const answer = await spool.put({ id, ...rest });
    latencies.push(performance.now() - from);
    if (!answer.ok) throw new Error(`put answered ${answer.error}`);
    if (values.keep) continue;
    await settling;
    settling = spool.settle(id, [delivered], "remove");
  }
  await settling;
}

/** CPU of this thread and of the whole process, in microseconds. */
function cpu(): { main: number; all: number } {
  const thread = process.threadCpuUsage();
  const all = process.cpuUsage();
  return { main: thread.user + thread.system, all: all.user + all.system };
}

async function run(messages: number): Promise<void> {
  left = messages;
  latencies.length = 0;
  await Promise.all(Array.from({ length: writers }, writer));
}

await run(Math.min(2_000, count));
const before = cpu();
const from = performance.now();
await run(count);
const seconds = (performance.now() - from) / 1_000;
const after = cpu();
latencies.sort((a, b) => a - b);
const at = (share: number): number => Number((latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2));
const figures = {
  size,
  writers,
  settled: !values.keep,
  recordsPerSecond: Math.round(count / seconds),
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  mainMicroseconds: Number(((after.main - before.main) / count).toFixed(1)),
  storeThreadMicroseconds: Number(((after.all - after.main - before.all + before.main) / count).toFixed(1)),
};
console.log(
  `${figures.recordsPerSecond} messages/s of ${size} octets, p50 ${figures.p50Ms} ms, p99 ${figures.p99Ms} ms, ` +
    `CPU a message ${figures.mainMicroseconds} µs main + ${figures.storeThreadMicroseconds} µs other threads`,
);
console.log(JSON.stringify(figures));
await store.close();
rmSync(directory, { recursive: true });
