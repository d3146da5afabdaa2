import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { openJournal, type ClosableJournal } from "../../src/adapters/journal-sqlite/journal.ts";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/base/limits.ts";
import { MINUTE_MS } from "../../src/core/base/time.ts";
import { ipv4, type IpAddress } from "../../src/core/mail/ip.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { Decision, Rule, Verdict } from "../../src/core/policy/decision.ts";
import type { JournalFilter, JournalRow } from "../../src/flows/ports.ts";
import { Recorder } from "../../src/flows/record.ts";

type DecisionRow = Extract<JournalRow, { kind: "decision" }>;

function decision(verdict: Verdict, rule: Rule): Decision {
  return { verdict, rule, entry: null, policyVersion: 1, reply: reply(550, "5.7.1", "relay denied"), path: ["asked"] };
}

const REFUSED = decision("refuse", "NO-MATCH");
const REFUSED_CONNECTION = decision("refuse-connection", "REJECT");
const RELAYED = decision("relay", "ACCEPT");
const CLIENT = ipv4(0xc0000201);
const RECIPIENT = "user@example.net";

class Flood {
  readonly clock = new ManualClock();
  readonly journal: ClosableJournal;
  readonly recorder: Recorder;

  private constructor(journal: ClosableJournal, clock: ManualClock, limits: Limits) {
    this.journal = journal;
    this.clock = clock;
    this.recorder = new Recorder({ journal, clock, keepsPasses: () => true, limits });
  }

  static async open(test: TestContext, limits: Limits = DEFAULT_LIMITS): Promise<Flood> {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-flood-"));
    const clock = new ManualClock();
    const journal = await openJournal({
      file: join(directory, "journal.db"),
      limits,
      clock,
      onFault: (text) => assert.fail(text),
    });
    test.after(async () => {
      await journal.close();
      await rm(directory, { recursive: true });
    });
    return new Flood(journal, clock, limits);
  }

  decide(made: Decision, client: IpAddress = CLIENT, recipient = RECIPIENT): number {
    const at = this.clock.now();
    const id = this.recorder.decisionIdFor(client, recipient, at);
    const facts = { helo: "client.example", user: null, reversePath: "a@example.com", listener: "127.0.0.1:25" };
    this.recorder.decision({ at, id, decision: made, client, recipient, ...facts });
    return id;
  }

  async rows(filter: Partial<JournalFilter> = {}): Promise<readonly DecisionRow[]> {
    this.recorder.writeCounts();
    const rows = await this.journal.query({ kinds: ["decision"], order: "oldest", limit: 1_000_000, ...filter });
    return rows as readonly DecisionRow[];
  }
}

function total(rows: readonly DecisionRow[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0);
}

describe("A flood in the journal", () => {
  it("of one client makes a handful of rows, counts exactly, and every number that was heard is found", async (test) => {
    const flood = await Flood.open(test);
    const heard = new Set<number>();
    for (let i = 0; i < 100_000; i++) heard.add(flood.decide(REFUSED));
    const rows = await flood.rows();
    assert.equal(rows.length, DEFAULT_LIMITS.journalRefusalsOfOneClientPerMinute + 1);
    assert.equal(total(rows), 100_000);
    for (const id of heard) assert.ok(await flood.journal.findDecision(id), `decision ${id}`);
  });

  it("of 50,000 clients makes no more rows than the limit, and counts exactly", async (test) => {
    const flood = await Flood.open(test);
    const heard = new Set<number>();
    for (let i = 0; i < 100_000; i++) heard.add(flood.decide(REFUSED, ipv4(0x0a000000 + ((i * 7_919) % 50_000))));
    const rows = await flood.rows();
    assert.ok(rows.length <= DEFAULT_LIMITS.journalRefusalRowsPerMinute, `${rows.length} rows`);
    assert.equal(total(rows), 100_000);
    const found = new Set(rows.map((row) => row.id));
    for (const id of heard) assert.ok(found.has(id), `decision ${id}`);
  });

  it("of clients all over the world, of domains and of rules makes no more rows than the limit", async (test) => {
    const flood = await Flood.open(test);
    const rules: readonly Rule[] = ["NO-MATCH", "ADDRESS", "AUTH-REQUIRED", "VFYFROMUSR", "RBL", "ALWRLY"];
    const decisions = rules.map((rule) => decision("refuse", rule));
    for (let i = 0; i < 100_000; i++) {
      const client = ipv4(Math.imul(i % 50_000, 2_654_435_761));
      flood.decide(decisions[i % rules.length] ?? REFUSED, client, `user@d${i % 1_000}.example`);
    }
    const rows = await flood.rows();
    assert.ok(rows.length <= DEFAULT_LIMITS.journalRefusalRowsPerMinute, `${rows.length} rows`);
    assert.equal(total(rows), 100_000);
  });

  it("of one client and as many domains makes no more rows than the limit", async (test) => {
    const flood = await Flood.open(test);
    for (let i = 0; i < 20_000; i++) flood.decide(REFUSED, CLIENT, `user@d${i}.example`);
    const rows = await flood.rows();
    assert.ok(rows.length <= DEFAULT_LIMITS.journalRefusalRowsPerMinute, `${rows.length} rows`);
    assert.equal(total(rows), 20_000);
  });

  it("of connections that a list refuses is counted in the same way", async (test) => {
    const flood = await Flood.open(test);
    for (let i = 0; i < 10_000; i++) flood.decide(REFUSED_CONNECTION, CLIENT, "");
    const rows = await flood.rows({ verdicts: ["refuse-connection"] });
    assert.equal(rows.length, DEFAULT_LIMITS.journalRefusalsOfOneClientPerMinute + 1);
    assert.equal(total(rows), 10_000);
  });

  it("leaves the decisions that let mail through in rows of their own", async (test) => {
    const flood = await Flood.open(test);
    for (let i = 0; i < 10_000; i++) {
      flood.decide(REFUSED);
      if (i % 100 === 0) flood.decide(RELAYED);
    }
    const relayed = await flood.rows({ verdicts: ["relay"] });
    assert.deepEqual([relayed.length, total(relayed)], [100, 100]);
    assert.equal(total(await flood.rows({ verdicts: ["refuse"] })), 10_000);
  });

  it("of decisions that let mail through is counted above its own limit", async (test) => {
    const limits = { ...DEFAULT_LIMITS, journalPassRowsPerMinute: 60_000 };
    const flood = await Flood.open(test, limits);
    const decided = limits.journalPassRowsPerMinute + 20_000;
    for (let i = 0; i < decided; i++) {
      flood.decide(RELAYED, ipv4(i % 7_000));
      if (i % 10_000 === 0) await flood.journal.flush();
    }
    const rows = await flood.rows();
    assert.ok(rows.length <= limits.journalPassRowsPerMinute, `${rows.length} rows`);
    assert.equal(total(rows), decided);
  });

  it("begins anew with the next minute", async (test) => {
    const flood = await Flood.open(test);
    for (let minute = 0; minute < 3; minute++) {
      for (let i = 0; i < 1_000; i++) flood.decide(REFUSED);
      flood.clock.advance(MINUTE_MS);
    }
    const rows = await flood.rows();
    assert.equal(rows.length, 3 * (DEFAULT_LIMITS.journalRefusalsOfOneClientPerMinute + 1));
    assert.equal(total(rows), 3_000);
  });
});
