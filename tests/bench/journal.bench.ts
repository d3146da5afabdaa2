/**
 * What evidence and counting cost a message, on the main thread and on the journal's, at a steady rate: one decision, one count,
 * one accepted message and one outcome each.
 *
 *     node tests/bench/journal.bench.ts [--rate 4500] [--seconds 6] [--kinds decision,count,accepted,outcome]
 *
 * The empty run (`--kinds ""`) is what the loop itself costs; it is taken off.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openJournal } from "../../src/adapters/journal-sqlite/journal.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { MemoryUseStore } from "../../src/adapters/memory/use-store.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { ipv4 } from "../../src/core/mail/ip.ts";
import { networkOf } from "../../src/core/mail/network.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { Decision } from "../../src/core/policy/decision.ts";
import type { Entry } from "../../src/core/policy/policy.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import { Recorder } from "../../src/flows/record.ts";
import { UseAccount } from "../../src/flows/use-account.ts";

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "4500" },
    seconds: { type: "string", default: "6" },
    kinds: { type: "string", default: "decision,count,accepted,outcome" },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);

const directory = mkdtempSync(join(tmpdir(), "journal-bench-"));
const clock = new WallClock();
const onFault = (fault: unknown): void => console.error(fault);
const journal = await openJournal({ file: join(directory, "journal.db"), limits: DEFAULT_LIMITS, clock, onFault });
const limits = { ...DEFAULT_LIMITS, journalPassRowsPerMinute: Infinity };
const recorder = new Recorder({ journal, clock, keepsPasses: () => true, limits });
const store = new MemoryUseStore();
const account = await UseAccount.open({ store, clock, entriesMax: 1_000, exists: () => true, onFault });
recorder.start();
account.start();

const entry: Entry = {
  id: 17,
  list: "*ACCEPT",
  value: { kind: "network", network: networkOf(ipv4(0x0a000000), 8) },
  text: "ERP",
  addedBy: "operator",
  addedAt: clock.now(),
  expiresAt: null,
};

function decisionFor(recipient: string): Decision {
  return {
    verdict: "relay",
    rule: "ACCEPT",
    entry,
    policyVersion: 42,
    reply: reply(250, "2.1.5", `<${recipient}> ok`),
    path: ["*REJECT: no entry matches", "example.net is not local", "ALWRLY is *LIST", "*ACCEPT: E17 10.0.0.0/8"],
  };
}

function message(i: number, kinds: ReadonlySet<string>): void {
  const at = clock.now();
  const client = ipv4(0x0a000000 + (i % 5_000));
  const recipient = `user${i % 1_000}@example.net`;
  const reversePath = "sender@example.com";
  const queueId = (1_000_000_000_000 + i) as QueueId;
  if (kinds.has("decision")) {
    const id = recorder.decisionIdFor(client, recipient, at);
    const facts = { helo: "client.example", user: null, reversePath, recipient, listener: "0.0.0.0:25" };
    recorder.decision({ at, id, decision: decisionFor(recipient), client, ...facts });
  }
  if (kinds.has("count")) account.count(entry.id, client, at);
  if (kinds.has("accepted")) {
    recorder.accepted({
      at,
      queueId,
      client,
      user: null,
      reversePath,
      recipients: [recipient],
      sizeOctets: 4_096,
      tls: "",
    });
  }
  if (kinds.has("outcome")) {
    const said = reply(250, "2.0.0", "Ok: queued as 4BCD1234");
    const where = { nextHop: "mx.example.net:25", server: "mx.example.net [192.0.2.1]", tls: "" };
    const outcome = { kind: "delivered", recipient: 0, at, reply: said, ...where } as const;
    recorder.outcome({ at, queueId, reversePath, recipient, outcome });
  }
}

interface Cost {
  readonly main: number;
  readonly others: number;
  readonly longestMs: number;
}

/** Microseconds of CPU a message at the given rate, and the longest turn of the loop that was ours. */
async function run(kinds: ReadonlySet<string>, forSeconds: number): Promise<Cost> {
  const threadBefore = process.threadCpuUsage();
  const allBefore = process.cpuUsage();
  const from = performance.now();
  let longestMs = 0;
  let count = 0;
  while (count < rate * forSeconds) {
    const turn = performance.now();
    const due = Math.min(rate * forSeconds, ((turn - from) / 1_000) * rate);
    while (count < due) message(count++, kinds);
    longestMs = Math.max(longestMs, performance.now() - turn);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await journal.flush();
  const thread = process.threadCpuUsage(threadBefore);
  const all = process.cpuUsage(allBefore);
  const main = thread.user + thread.system;
  return { main: main / count, others: (all.user + all.system - main) / count, longestMs };
}

const kinds = new Set(values.kinds.split(",").filter((kind) => kind !== ""));
await run(kinds, 1);
const empty = await run(new Set(), seconds / 2);
const full = await run(kinds, seconds);
console.log(
  `${[...kinds].join(", ")} at ${rate} messages/s: ${(full.main - empty.main).toFixed(1)} µs main thread + ` +
    `${(full.others - empty.others).toFixed(1)} µs other threads a message, longest turn ${full.longestMs.toFixed(1)} ms`,
);
recorder.stop();
await account.stop();
await journal.close();
rmSync(directory, { recursive: true });
