/** What the flows pay for evidence, in nanoseconds, without what the journal does with it: `node tests/bench/record.bench.ts`. */
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { ipv4, parseIpAddress, type IpAddress } from "../../src/core/mail/ip.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { Decision } from "../../src/core/policy/decision.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { Journal } from "../../src/flows/ports.ts";
import { Recorder } from "../../src/flows/record.ts";

const EVENTS = 1_000_000;

let decisionId = 0;
const journal: Journal = {
  record: () => undefined,
  flush: async () => undefined,
  query: async () => [],
  findDecision: async () => null,
  nextDecisionId: () => ++decisionId,
};
const clock = new ManualClock();
const now = clock.now();

function decision(verdict: Decision["verdict"], rule: Decision["rule"]): Decision {
  return { verdict, rule, entry: null, policyVersion: 1, reply: reply(550, "5.7.1", "relay denied"), path: [] };
}

const REFUSED = decision("refuse", "NO-MATCH");
const RELAYED = decision("relay", "ACCEPT");
const CLIENT = ipv4(0xc0000201);
const six = parseIpAddress("2001:db8::1");
if (!six.ok) throw new Error("an address");
const recipients = Array.from({ length: 1_000 }, (_, i) => `user${i}@d${i % 50}.example`);

function decide(recorder: Recorder, made: Decision, client: IpAddress, recipient: string): void {
  const id = recorder.decisionIdFor(client, recipient, now);
  recorder.decision({
    at: now,
    id,
    decision: made,
    client,
    helo: "client.example",
    user: null,
    reversePath: "sender@example.com",
    recipient,
    listener: "0.0.0.0:25",
  });
}

const scenes: readonly [name: string, event: (recorder: Recorder, i: number) => void][] = [
  ["a decision that lets mail through", (r, i) => decide(r, RELAYED, CLIENT, recipients[i % 1_000] ?? "")],
  ["a refusal, one client and domain", (r) => decide(r, REFUSED, CLIENT, "user@example.net")],
  ["a refusal, one IPv6 client and domain", (r) => decide(r, REFUSED, six.value, "user@example.net")],
  ["a refusal, 50,000 clients", (r, i) => decide(r, REFUSED, ipv4(i % 50_000), recipients[i % 1_000] ?? "")],
  ["a refusal, every client another", (r, i) => decide(r, REFUSED, ipv4(i * 256), recipients[i % 1_000] ?? "")],
  [
    "an accepted message",
    (r) => {
      const queueId = 1 as QueueId;
      r.accepted({ at: now, queueId, client: CLIENT, user: null, reversePath: "", recipients, sizeOctets: 1, tls: "" });
    },
  ],
];

for (const [name, event] of scenes) {
  const limits = { ...DEFAULT_LIMITS, journalPassRowsPerMinute: Infinity };
  const recorder = new Recorder({ journal, clock, keepsPasses: () => true, limits });
  for (let i = 0; i < EVENTS / 10; i++) event(recorder, i);
  const before = process.threadCpuUsage();
  for (let i = 0; i < EVENTS; i++) event(recorder, i);
  const { user, system } = process.threadCpuUsage(before);
  console.log(`${name}: ${(((user + system) * 1_000) / EVENTS).toFixed(0)} ns`);
}
