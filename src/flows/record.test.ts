import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemoryJournal } from "../adapters/memory/journal.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { ipv4, type IpAddress } from "../core/mail/ip.ts";
import { reply } from "../core/mail/reply.ts";
import type { Decision } from "../core/policy/decision.ts";
import type { QueueId } from "../core/queue/message.ts";
import type { JournalRow } from "./ports.ts";
import { AGGREGATE_FLUSH_MS, Recorder } from "./record.ts";

type DecisionRow = Extract<JournalRow, { kind: "decision" }>;

const STRANGER = ipv4(0xc0000201);
const RECIPIENT = "user@example.net";

function decision(verdict: Decision["verdict"], rule: Decision["rule"], policyVersion = 1): Decision {
  return { verdict, rule, entry: null, policyVersion, reply: reply(550, "5.7.1", "relay denied"), path: ["ALWRLY"] };
}

const REFUSED = decision("refuse", "NO-MATCH");
const RELAYED = decision("relay", "ACCEPT");

/** A recorder over a journal in memory, and what a session does: ask for the number, decide, tell. */
class Bench {
  readonly journal = new MemoryJournal();
  readonly clock = new ManualClock();
  keepsPasses = true;
  readonly recorder: Recorder;

  constructor(limits: Partial<typeof DEFAULT_LIMITS> = {}) {
    this.recorder = new Recorder({
      journal: this.journal,
      clock: this.clock,
      keepsPasses: () => this.keepsPasses,
      limits: { ...DEFAULT_LIMITS, ...limits },
    });
  }

  decide(made: Decision, client: IpAddress = STRANGER, recipient = RECIPIENT, user: string | null = null): number {
    const at = this.clock.now();
    const id = this.recorder.decisionIdFor(client, recipient, at);
    const facts = { helo: "client.example", user, reversePath: "a@example.com", listener: "127.0.0.1:25" };
    this.recorder.decision({ at, id, decision: made, client, recipient, ...facts });
    return id;
  }

  /** The newest state of each row: one recorded again with a higher count takes the place of the earlier one. */
  rows(): readonly DecisionRow[] {
    this.recorder.writeCounts();
    const rows = new Map<string, DecisionRow>();
    for (const row of this.journal.rows) {
      if (row.kind !== "decision") continue;
      const { id, user } = row;
      const { rule, policyVersion, entry } = row.decision;
      rows.set([id, rule, policyVersion, entry?.id, user].join(), row);
    }
    return [...rows.values()];
  }

  total(): number {
    return this.rows().reduce((sum, row) => sum + row.count, 0);
  }
}

describe("Recorder", () => {
  it("gives the first refusals of a client their own rows and counts the others in one", () => {
    const bench = new Bench();
    const ids = Array.from({ length: 100 }, () => bench.decide(REFUSED));
    assert.deepEqual(
      bench.rows().map((row) => row.count),
      [1, 1, 1, 1, 1, 95],
    );
    assert.equal(new Set(ids).size, 6);
    for (const id of ids) assert.ok(bench.rows().some((row) => row.id === id));
  });

  it("tells clients and recipient domains apart", () => {
    const bench = new Bench();
    for (let i = 0; i < 20; i++) {
      bench.decide(REFUSED);
      bench.decide(REFUSED, ipv4(0xc0000202));
      bench.decide(REFUSED, STRANGER, "user@example.org");
    }
    const counted = bench.rows().filter((row) => row.count > 1);
    assert.deepEqual(
      counted.map((row) => [row.client, row.recipient, row.count]),
      [
        [STRANGER, RECIPIENT, 15],
        [ipv4(0xc0000202), RECIPIENT, 15],
        [STRANGER, "user@example.org", 15],
      ],
    );
  });

  it("counts apart what another rule, policy version or user decided, under the number that the client heard", () => {
    const bench = new Bench();
    for (let i = 0; i < 10; i++) bench.decide(REFUSED);
    const heard = bench.decide(decision("refuse", "ADDRESS"));
    bench.decide(decision("refuse", "NO-MATCH", 2));
    bench.decide(REFUSED, STRANGER, RECIPIENT, "someone");
    const shared = bench.rows().filter((row) => row.id === heard);
    assert.deepEqual(
      shared.map((row) => [row.decision.rule, row.decision.policyVersion, row.user, row.count]),
      [
        ["NO-MATCH", 1, null, 5],
        ["ADDRESS", 1, null, 1],
        ["NO-MATCH", 2, null, 1],
        ["NO-MATCH", 1, "someone", 1],
      ],
    );
  });

  it("begins anew with every minute", () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i++) bench.decide(REFUSED);
    bench.clock.advance(60_000);
    const id = bench.decide(REFUSED);
    assert.equal(bench.rows().find((row) => row.id === id)?.count, 1);
    assert.equal(bench.total(), 51);
  });

  it("writes counts by itself while it runs", () => {
    const bench = new Bench();
    bench.recorder.start();
    for (let i = 0; i < 50; i++) bench.decide(REFUSED);
    bench.clock.advance(AGGREGATE_FLUSH_MS);
    const last = bench.journal.rows.at(-1);
    assert.ok(last?.kind === "decision" && last.count === 45);
    bench.recorder.stop();
    assert.equal(bench.clock.waiting, 0);
  });

  it("gives a decision that lets mail through its own row and number in the midst of a flood", () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i++) bench.decide(REFUSED);
    bench.decide(RELAYED);
    const passed = bench.rows().filter((row) => row.decision.verdict === "relay");
    assert.equal(passed.length, 1);
    assert.equal(bench.rows().filter((row) => row.id === passed[0]?.id).length, 1);
  });

  it("counts a decision where it was asked for, though percent routing changed the recipient", () => {
    const bench = new Bench();
    const at = bench.clock.now();
    const facts = { helo: "", user: null, reversePath: "", listener: "" };
    for (let i = 0; i < 10; i++) {
      const id = bench.recorder.decisionIdFor(STRANGER, "user%example.net@example.com", at);
      const recipient = "user@example.net";
      bench.recorder.decision({ at, id, decision: REFUSED, client: STRANGER, recipient, ...facts });
    }
    assert.deepEqual(
      bench.rows().map((row) => row.count),
      [1, 1, 1, 1, 1, 5],
    );
  });

  it("keeps refusals, changes and operations under JOURNAL(*NO), and nothing that lets mail through", () => {
    const bench = new Bench();
    bench.keepsPasses = false;
    const at = bench.clock.now();
    const queueId = 1 as QueueId;
    const path = { at, queueId, reversePath: "a@example.com" };
    bench.decide(RELAYED);
    bench.decide(decision("local", "LOCAL"));
    bench.recorder.accepted({ ...path, client: STRANGER, user: null, recipients: [RECIPIENT], sizeOctets: 1, tls: "" });
    const said = { kind: "failed", recipient: 0, at, nextHop: "", server: "", reply: reply(550, ""), tls: "" } as const;
    bench.recorder.outcome({ ...path, recipient: RECIPIENT, outcome: said });
    bench.decide(REFUSED);
    bench.decide(decision("defer", "NO-POLICY"));
    bench.recorder.policy({ at, version: 1, by: "op", command: "CHGSMTPA", meaning: "" });
    bench.recorder.operation({ at, by: "op", text: "started" });
    assert.deepEqual(
      bench.journal.rows.map((row) => (row.kind === "decision" ? row.decision.verdict : row.kind)),
      ["refuse", "defer", "policy", "operation"],
    );
    bench.keepsPasses = true;
    bench.decide(RELAYED);
    assert.equal(bench.journal.rows.length, 5);
  });

  it("does not keep that a connection may go on", () => {
    const bench = new Bench();
    bench.decide(decision("relay", "CONNECT"), STRANGER, "");
    assert.equal(bench.journal.rows.length, 0);
  });

  it("gives a number again that nobody used, and never one that somebody did", () => {
    const bench = new Bench();
    const connected = bench.decide(decision("relay", "CONNECT"), STRANGER, "");
    const refused = bench.decide(REFUSED);
    assert.equal(refused, connected);
    const relayed = bench.decide(RELAYED);
    assert.notEqual(relayed, refused);
    assert.equal(bench.recorder.decisionIdFor(STRANGER, RECIPIENT, bench.clock.now()), relayed + 1);
  });

  it("counts over networks, then over everybody, when rows run out", () => {
    const bench = new Bench({ journalRefusalRowsPerMinute: 1_100 });
    for (let i = 0; i < 20_000; i++) bench.decide(REFUSED, ipv4(0x0a000000 + i * 64));
    const rows = bench.rows();
    assert.ok(rows.length <= 1_100, `${rows.length} rows`);
    assert.equal(bench.total(), 20_000);
    assert.ok(rows.filter((row) => row.over === "network").every((row) => row.count <= 4));
    assert.equal(rows.filter((row) => row.over === "everybody").length, 1);
  });

  it("counts decisions that let mail through only when there are very many", () => {
    const bench = new Bench({ journalPassRowsPerMinute: 2_000 });
    for (let i = 0; i < 5_000; i++) bench.decide(RELAYED);
    assert.equal(bench.rows().length, 1_001);
    assert.equal(bench.total(), 5_000);
  });
});
