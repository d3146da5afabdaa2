import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { ManualClock, WallClock } from "../memory/clock.ts";
import { DAY_MS } from "../../core/base/time.ts";
import { DEFAULT_LIMITS } from "../../core/base/limits.ts";
import { ipv4, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import { parseCidr } from "../../core/mail/network.ts";
import { reply } from "../../core/mail/reply.ts";
import type { QueueId } from "../../core/queue/message.ts";
import type { Clock, JournalEvent } from "../../flows/ports.ts";
import { DECISION_ID_BLOCK } from "./engine.ts";
import { openJournal, type ClosableJournal, type JournalOptions } from "./journal.ts";

const NOW = 1_767_225_600_000;

async function makeDirectory(test: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-journal-"));
  test.after(() => rm(directory, { recursive: true }));
  return directory;
}

interface Bench {
  readonly file: string;
  readonly faults: string[];
  /** Resolves with the next fault that is reported. */
  nextFault(): Promise<string>;
  open(options?: Partial<JournalOptions["limits"]>, clock?: Clock): Promise<ClosableJournal>;
}

async function makeBench(test: TestContext): Promise<Bench> {
  const file = join(await makeDirectory(test), "journal.db");
  const faults: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  const open: ClosableJournal[] = [];
  test.after(async () => {
    for (const journal of open) await journal.close();
  });
  return {
    file,
    faults,
    nextFault: () => new Promise((resolve) => waiting.push(resolve)),
    open: async (limits = {}, clock = new WallClock()) => {
      const journal = await openJournal({
        file,
        limits: { ...DEFAULT_LIMITS, journalAgeMs: Number.MAX_SAFE_INTEGER, ...limits },
        clock,
        onFault: (text) => {
          faults.push(text);
          waiting.shift()?.(text);
        },
      });
      open.push(journal);
      return journal;
    },
  };
}

function operation(text: string, at = NOW): JournalEvent {
  return { kind: "operation", at, by: "operator", text };
}

function refusal(id: number, client: IpAddress = ipv4(0xc0000201)): JournalEvent {
  return {
    kind: "decision",
    at: NOW,
    id,
    decision: {
      verdict: "refuse",
      rule: "NO-MATCH",
      entry: null,
      policyVersion: 1,
      reply: reply(550, "5.7.1", "relay denied"),
      path: [],
    },
    client,
    helo: "client.example",
    user: null,
    reversePath: "",
    recipient: "user@example.net",
    listener: "127.0.0.1:25",
    count: 1,
  };
}

async function texts(journal: ClosableJournal, limit = 1_000): Promise<string[]> {
  const rows = await journal.query({ order: "oldest", limit, kinds: ["operation"] });
  return rows.map((row) => (row.kind === "operation" ? row.text : ""));
}

/** Holds the database so that nobody else can write. */
function hold(file: string): { release(): void } {
  const db = new DatabaseSync(file);
  db.exec("BEGIN IMMEDIATE");
  return {
    release: () => {
      db.exec("ROLLBACK");
      db.close();
    },
  };
}

describe("openJournal()", () => {
  it("goes on with rows and decision numbers where the last run ended", async (test) => {
    const bench = await makeBench(test);
    const first = await bench.open();
    const given = [first.nextDecisionId(), first.nextDecisionId()];
    first.record(operation("one"));
    await first.close();
    const second = await bench.open();
    assert.equal(second.nextDecisionId(), (given[1] ?? 0) + 1, "what was not given is given now");
    second.record(operation("two"));
    assert.deepEqual(await texts(second), ["one", "two"]);
  });

  it("never gives a number again after a crash", async (test) => {
    const bench = await makeBench(test);
    const first = await bench.open();
    // A crash is a second opening without a close: what is reserved on disk is all that it may rely on.
    const last = first.nextDecisionId();
    const copy = await bench.open();
    assert.ok(copy.nextDecisionId() >= last + DECISION_ID_BLOCK - 1);
  });

  it("reserves more numbers long before they are used up", async (test) => {
    const bench = await makeBench(test);
    const journal = await bench.open();
    let last = 0;
    for (let i = 0; i < DECISION_ID_BLOCK / 2 + 2; i++) last = journal.nextDecisionId();
    journal.record(operation("commit"));
    await journal.flush();
    const db = new DatabaseSync(bench.file, { readOnly: true });
    const reserved = Number(db.prepare("SELECT value FROM counter WHERE name = 'decision'").get()?.["value"]);
    db.close();
    assert.ok(reserved >= last + DECISION_ID_BLOCK / 2, `${reserved - last} are left`);
  });

  it("puts a damaged file aside and begins anew, with numbers beyond all that were given", async (test) => {
    const bench = await makeBench(test);
    await writeFile(bench.file, "this is no database".repeat(1_000));
    const journal = await bench.open();
    assert.match(bench.faults[0] ?? "", /damaged/);
    assert.ok(existsSync(`${bench.file}.damaged-1`));
    assert.ok(journal.nextDecisionId() >= NOW);
    journal.record(operation("works"));
    assert.deepEqual(await texts(journal), ["works"]);
  });

  it("makes a file that its owner alone may read", async (test) => {
    const bench = await makeBench(test);
    const journal = await bench.open();
    journal.record(operation("one"));
    await journal.flush();
    for (const file of [bench.file, `${bench.file}-wal`]) assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it("refuses a file of a newer release and one that it may not write", async (test) => {
    const bench = await makeBench(test);
    const db = new DatabaseSync(bench.file);
    db.exec("PRAGMA user_version = 99");
    db.close();
    await assert.rejects(bench.open(), /newer release/);
    const clock = new ManualClock();
    const file = join(bench.file, "below", "journal.db");
    await assert.rejects(openJournal({ file, limits: DEFAULT_LIMITS, clock, onFault: () => undefined }), /journal\.db/);
  });
});

describe("SqliteJournal", () => {
  it("commits by itself within a second", async (test) => {
    const bench = await makeBench(test);
    const clock = new ManualClock();
    const journal = await bench.open({}, clock);
    journal.record(operation("one"));
    assert.equal(clock.nextDueAt, clock.now() + 500);
    clock.advance(500);
    await journal.findDecision(0); // Comes back behind the commit.
    const db = new DatabaseSync(bench.file, { readOnly: true });
    assert.equal(Number(db.prepare("SELECT count(*) AS n FROM event").get()?.["n"]), 1);
    db.close();
  });

  it("shows an event at once, committed or not", async (test) => {
    const journal = await (await makeBench(test)).open();
    journal.record(refusal(77));
    const row = await journal.findDecision(77);
    assert.ok(row?.kind === "decision" && row.id === 77);
  });

  it("keeps what cannot be written now, and writes it when it can", async (test) => {
    const bench = await makeBench(test);
    const journal = await bench.open();
    const other = hold(bench.file);
    const fault = bench.nextFault();
    journal.record(operation("kept"));
    await assert.rejects(journal.flush(), /locked/);
    assert.match(await fault, /cannot be written/);
    journal.record(operation("kept too"));
    other.release();
    const again = bench.nextFault();
    assert.match(await again, /nothing was lost/);
    assert.deepEqual(await texts(journal), ["kept", "kept too"]);
  });

  it("drops what is above its limit, counts it and says so when it works again", async (test) => {
    const bench = await makeBench(test);
    const journal = await bench.open({ journalBatchOctets: 200_000 });
    const other = hold(bench.file);
    for (let i = 0; i < 10_000; i++) journal.record(operation(`event ${i}`));
    await assert.rejects(journal.flush());
    other.release();
    let fault = "";
    while (!/lost \d+ entries/.test(fault)) fault = await bench.nextFault();
    const lost = Number(/lost (\d+) entries/.exec(fault)?.[1]);
    const found = await texts(journal, 20_000);
    assert.ok(lost > 0);
    assert.equal(found.filter((text) => text.startsWith("event ")).length, 10_000 - lost);
    assert.match(found.at(-1) ?? "", /lost/);
  });

  it("removes the oldest rows when there are too many", async (test) => {
    const journal = await (await makeBench(test)).open({ journalRows: 3_000 });
    for (let i = 0; i < 9_000; i++) journal.record(operation(String(i)));
    await journal.flush();
    const found = await texts(journal, 20_000);
    assert.equal(found.length, 3_000);
    assert.equal(found[0], "6000");
  });

  it("removes rows by age, also when nothing happens any more", async (test) => {
    const bench = await makeBench(test);
    const clock = new ManualClock(NOW);
    const journal = await bench.open({ journalAgeMs: DAY_MS }, clock);
    for (let i = 0; i < 2_500; i++) journal.record(operation(String(i), NOW));
    for (let i = 2_500; i < 3_000; i++) journal.record(operation(String(i), NOW + DAY_MS));
    await journal.flush();
    assert.equal((await texts(journal, 5_000)).length, 3_000);
    clock.advance(DAY_MS + 1); // A look at the age begins now and then, and the next one when it is answered.
    await journal.findDecision(0);
    clock.advance(60_000);
    await journal.findDecision(0);
    const found = await texts(journal, 5_000);
    assert.deepEqual([found.length, found[0]], [1_000, "2000"], "whole spans of a thousand rows go");
  });

  it("finds what a filter asks for among many rows, in both orders, page by page", async (test) => {
    const journal = await (await makeBench(test)).open();
    for (let i = 0; i < 60_000; i++) journal.record(refusal(i, ipv4(0x0a000000 + (i % 30_000))));
    const network = parseCidr("10.0.0.16/30");
    assert.ok(network.ok);
    const filter = { clientIn: network.value, limit: 100 };
    const oldest = await journal.query({ ...filter, order: "oldest" });
    const ids = oldest.map((row) => (row.kind === "decision" ? row.id : -1));
    assert.deepEqual(ids, [16, 17, 18, 19, 30_016, 30_017, 30_018, 30_019]);
    const newest = await journal.query({ ...filter, order: "newest" });
    assert.deepEqual(newest, oldest.toReversed());
    const page = await journal.query({ ...filter, order: "newest", after: newest[2]?.row ?? 0, limit: 2 });
    assert.deepEqual(page, newest.slice(3, 5));
    assert.equal((await journal.query({ order: "oldest", limit: 1_700 })).length, 1_700);
  });

  it("takes IPv6 clients and networks, and tells families apart", async (test) => {
    const journal = await (await makeBench(test)).open();
    const six = parseIpAddress("2001:db8::1");
    const network = parseCidr("2001:db8::/32");
    const all = parseCidr("0.0.0.0/0");
    assert.ok(six.ok && network.ok && all.ok);
    journal.record(refusal(1, six.value));
    journal.record(refusal(2, ipv4(0xffffffff)));
    const [found] = await journal.query({ order: "oldest", limit: 9, clientIn: network.value });
    assert.ok(found?.kind === "decision");
    assert.deepEqual(found.client, six.value);
    const four = await journal.query({ order: "oldest", limit: 9, clientIn: all.value });
    assert.deepEqual(
      four.map((row) => row.row),
      [2],
    );
  });

  it("finds by time though the clock was set back", async (test) => {
    const journal = await (await makeBench(test)).open();
    for (let i = 0; i < 3_000; i++) journal.record(operation(`late ${i}`, NOW + 1_000_000 + i));
    for (let i = 0; i < 3_000; i++) journal.record(operation(`early ${i}`, NOW + i));
    const rows = await journal.query({ order: "oldest", limit: 10, from: NOW + 5, to: NOW + 7 });
    assert.deepEqual(
      rows.map((row) => row.at),
      [NOW + 5, NOW + 6],
    );
  });

  it("keeps text that means something to the file's own format", async (test) => {
    const journal = await (await makeBench(test)).open();
    const odd = 'tab\t newline\n quote" backslash\\ null\0 \u2028 😀 "a@b"@c';
    const event: JournalEvent = {
      kind: "accepted",
      at: NOW,
      queueId: 5 as QueueId,
      client: ipv4(1),
      user: odd,
      reversePath: `a@x\t\n.example`,
      recipients: [odd, "b@Example.NET", "c@example.net"],
      sizeOctets: 1,
      tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
    };
    journal.record(event);
    const [found] = await journal.query({ order: "oldest", limit: 1 });
    assert.deepEqual(found, { row: 1, ...event });
  });

  it("starts a new thread where its own died, and says what was lost", async (test) => {
    const bench = await makeBench(test);
    const post = test.mock.method(Worker.prototype, "postMessage");
    const journal = await bench.open();
    const given = journal.nextDecisionId();
    journal.record(operation("safe"));
    await journal.flush();
    journal.record(operation("lost"));
    const thread = post.mock.calls[0]?.this;
    assert.ok(thread instanceof Worker);
    const death = bench.nextFault();
    await thread.terminate();
    assert.match(await death, /cannot be written/);
    await assert.rejects(journal.findDecision(1));
    journal.record(operation("lost too"));
    assert.match(await bench.nextFault(), /lost 2 entries/);
    journal.record(operation("after"));
    const found = await texts(journal);
    assert.deepEqual([found.length, found[0], found[2]], [3, "safe", "after"]);
    assert.ok(journal.nextDecisionId() > given);
  });

  it("ends questions with a fault after close()", async (test) => {
    const journal = await (await makeBench(test)).open();
    journal.record(operation("last"));
    await journal.close();
    await assert.rejects(journal.query({ order: "oldest", limit: 1 }), /closed/);
    journal.record(operation("too late"));
    await journal.flush();
  });
});
