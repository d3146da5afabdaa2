import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Readable, Writable } from "node:stream";
import { after, test } from "node:test";
import type { QueueId } from "../../core/queue/message.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, sampleMessage, sampleOutcome } from "../../../tests/contracts/sample-message.ts";
import { WallClock } from "../memory/clock.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { describeOpenFault, openStore, type Store, type StoreOpenFault, type StoreOptions } from "./store.ts";

const HOLDER = new URL("../../../tests/contracts/store-holder.ts", import.meta.url).pathname;
const directories: string[] = [];
const stores: Store[] = [];
after(async () => {
  for (const store of stores) await store.close();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = makeDirectory();
  directories.push(directory);
  return directory;
}

async function open(directory: string, wanted: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openTestStore(directory, wanted);
  stores.push(store);
  return store;
}

async function faultOf(dataDirectory: string): Promise<StoreOpenFault> {
  const limits = { queuedMessages: 10, capturedMessages: 10 };
  const opened = await openStore({ dataDirectory, limits, clock: new WallClock(), report: () => undefined });
  if (!opened.ok) return opened.error;
  await opened.value.close();
  assert.fail("the store opened");
}

/** Starts a process that opens the store; resolves with what it told. */
async function hold(
  directory: string,
): Promise<{ child: ChildProcessByStdio<Writable, Readable, null>; told: string }> {
  const child = spawn(process.execPath, [HOLDER, directory], { stdio: ["pipe", "pipe", "inherit"] });
  const [told] = (await once(child.stdout, "data")) as [Buffer];
  return { child, told: told.toString().trim() };
}

async function end(child: ChildProcessByStdio<Writable, Readable, null>, signal?: NodeJS.Signals): Promise<void> {
  const exited = once(child, "exit");
  if (signal) child.kill(signal);
  else child.stdin.end();
  await exited;
}

test("what a long queue left of the database is given back at a start, and what is in it stays", async () => {
  const directory = newDirectory();
  const first = await openTestStore(directory);
  await first.spool.put(sampleMessage(1));
  await first.close();
  const file = join(directory, "relaykeeper.db");
  const db = new DatabaseSync(file);
  db.exec(`CREATE TABLE long_queue (octets BLOB);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
    INSERT INTO long_queue SELECT zeroblob(1048576) FROM n;
    DROP TABLE long_queue; PRAGMA wal_checkpoint(TRUNCATE)`);
  db.close();
  assert.ok(statSync(file).size > 70_000_000);
  const store = await open(directory);
  assert.ok(statSync(file).size < 1_000_000, `${statSync(file).size} octets`);
  assert.equal((await store.spool.counts()).queued, 1);
  assert.deepEqual(await store.spool.check(), []);
});

test("openStore() takes a queue from before there was an index of what is due", async () => {
  const directory = newDirectory();
  const before = await openTestStore(directory);
  await before.spool.put(sampleMessage(1));
  await before.spool.settle(1 as QueueId, [sampleOutcome(0, "deferred")], "keep");
  await before.close();
  const db = new DatabaseSync(join(directory, "relaykeeper.db"));
  db.exec("DROP INDEX message_due; DROP INDEX message_segment");
  for (const column of [
    "segment",
    "content_at",
    "content_checksum",
    "accepted_at",
    "host",
    "due_at",
    "tried_at",
    "begun",
  ]) {
    db.exec(`ALTER TABLE message DROP COLUMN ${column}`);
  }
  db.exec("PRAGMA user_version = 1");
  db.close();
  const { spool } = await open(directory);
  const page = await spool.due(0, 9);
  assert.deepEqual([...page.ids], [1]);
  assert.deepEqual([...page.host], [-1], "what is not known of it must be read");
  assert.equal((await spool.find(1 as QueueId))?.outcomes[0]?.kind, "deferred");
  assert.equal((await spool.counts()).queued, 1);
});

test("openStore() keeps everything over a close and an open", async () => {
  const directory = newDirectory();
  const first = await open(directory);
  await first.spool.put(sampleMessage(11));
  await first.spool.put(sampleMessage(12));
  await first.spool.settle(11 as QueueId, [sampleOutcome(1, "deferred")], "keep");
  await first.spool.hold([11 as QueueId], true);
  await first.spool.put(sampleMessage(40));
  await first.spool.remove([40 as QueueId]);
  const before = await first.spool.load(0, 10);
  await first.close();
  const second = await open(directory);
  assert.deepEqual(await second.spool.load(0, 10), before);
  assert.deepEqual(await second.spool.counts(), { queued: 2, captured: 0, octets: 2 * 21 });
  assert.equal(second.highestQueueId, 40);
  await second.close();
});

test("close() commits what was handed in before it, and what comes after is answered", async () => {
  const directory = newDirectory();
  const store = await open(directory);
  const put = store.spool.put(sampleMessage(1));
  const closed = store.close();
  assert.deepEqual(await store.spool.put(sampleMessage(2)), { ok: false, error: "broken" });
  await assert.rejects(store.spool.settle(1 as QueueId, [], "keep"), /closed/);
  await closed;
  assert.deepEqual(await put, DONE);
  await assert.rejects(store.spool.counts(), /closed/);
  await store.close();
  const again = await open(directory);
  assert.equal((await again.spool.counts()).queued, 1);
  await again.close();
});

test("openStore() makes the directory for its owner alone, and takes rights away that others had", async () => {
  const parent = newDirectory();
  const directory = join(parent, "deep", "data");
  const store = await open(directory);
  await store.spool.put(sampleMessage(1));
  const writer = await store.spool.openContent();
  assert.ok(writer.ok);
  const check = (): void => {
    for (const name of ["", "content"]) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o700, name);
    const files = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
    assert.ok(files.length >= 6);
    for (const file of files) assert.equal(statSync(join(file.parentPath, file.name)).mode & 0o777, 0o600, file.name);
  };
  check();
  await writer.value.abort();
  await store.close();
  chmodSync(directory, 0o755);
  chmodSync(join(directory, "relaykeeper.db"), 0o644);
  const again = await open(directory);
  const second = await again.spool.openContent();
  assert.ok(second.ok);
  await again.spool.put(sampleMessage(2));
  check();
  await second.value.abort();
  await again.close();
});

test("openStore() refuses links and directories in the place of its files", async () => {
  const linked = newDirectory();
  writeFileSync(join(linked, "elsewhere"), "");
  symlinkSync(join(linked, "elsewhere"), join(linked, "relaykeeper.db"));
  assert.match(describeOpenFault(await faultOf(linked), linked), /relaykeeper\.db is not a plain file/);
  const folder = newDirectory();
  mkdirSync(join(folder, "relaykeeper.db"));
  assert.match(describeOpenFault(await faultOf(folder), folder), /relaykeeper\.db is not a plain file/);
  const file = join(newDirectory(), "file");
  writeFileSync(file, "");
  assert.equal((await faultOf(file)).kind, "unusable");
});

test("openStore() refuses a file that is no database, and says so", async () => {
  const directory = newDirectory();
  writeFileSync(join(directory, "relaykeeper.db"), "Dear diary, ".repeat(1_000));
  const text = describeOpenFault(await faultOf(directory), directory);
  assert.match(text, /cannot be used: file is not a database/);
  assert.ok(!existsSync(join(directory, "pid")), "the lock is let go");
});

test("openStore() refuses tables that are newer than it knows", async () => {
  const directory = newDirectory();
  await (await open(directory)).close();
  const db = new DatabaseSync(join(directory, "relaykeeper.db"));
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  db.close();
  const fault = await faultOf(directory);
  assert.deepEqual(fault, { kind: "newer", version: SCHEMA_VERSION + 1, known: SCHEMA_VERSION });
  assert.match(describeOpenFault(fault, "DIR"), /^DIR was written by a newer relaykeeper/);
});

test("openStore() removes files of content that no message names", async () => {
  const directory = newDirectory();
  const store = await open(directory);
  const kept = await store.spool.openContent();
  assert.ok(kept.ok);
  const file = await kept.value.finish(false);
  assert.ok(file.ok);
  await store.spool.put(sampleMessage(1, file.value));
  await store.close();
  writeFileSync(join(directory, "content", "0123456789abcdef01234567"), "left behind");
  const again = await open(directory);
  assert.deepEqual(readdirSync(join(directory, "content")), [file.value.name]);
  await again.spool.settle(1 as QueueId, [sampleOutcome(0, "delivered")], "remove");
  await again.close();
  assert.deepEqual(readdirSync(join(directory, "content")), []);
});

test("openStore() refuses a directory that is in use, and names the process", async () => {
  const directory = newDirectory();
  const holder = await hold(directory);
  assert.equal(holder.told, "open");
  const fault = await faultOf(directory);
  assert.deepEqual(fault, { kind: "in-use", pid: holder.child.pid });
  assert.match(describeOpenFault(fault, "DIR"), new RegExp(`^DIR is in use by process ${holder.child.pid}$`));
  await end(holder.child);
  await (await open(directory)).close();
});

test("openStore() refuses a second open in the same process", async () => {
  const directory = newDirectory();
  const store = await open(directory);
  assert.deepEqual(await faultOf(directory), { kind: "in-use", pid: process.pid });
  await store.close();
});

test("openStore() takes the directory of a process that was killed, whatever its pid file says", async () => {
  const directory = newDirectory();
  const holder = await hold(directory);
  await end(holder.child, "SIGKILL");
  assert.ok(existsSync(join(directory, "pid")));
  writeFileSync(join(directory, "pid"), "1\n");
  const store = await open(directory);
  assert.deepEqual(await faultOf(directory), { kind: "in-use", pid: process.pid });
  await store.close();
});

test("openStore() lets exactly one of many win that start at once", async () => {
  const directory = newDirectory();
  const holders = await Promise.all(Array.from({ length: 5 }, () => hold(directory)));
  const winners = holders.filter((holder) => holder.told === "open");
  assert.equal(winners.length, 1);
  for (const { told } of holders) {
    if (told === "open") continue;
    const fault = JSON.parse(told) as StoreOpenFault;
    assert.ok(fault.kind === "in-use" && (fault.pid === winners[0]?.child.pid || fault.pid === null), told);
  }
  await Promise.all(holders.map((holder) => end(holder.child)));
});

test("put() answers full when the queue has as many messages as it may, until one goes", async () => {
  const store = await open(newDirectory(), { limits: { queuedMessages: 2, capturedMessages: 10 } });
  const answers = await Promise.all([1, 2, 3].map((id) => store.spool.put(sampleMessage(id))));
  assert.deepEqual(answers, [DONE, DONE, { ok: false, error: "full" }]);
  assert.deepEqual(await store.spool.put(sampleMessage(4)), { ok: false, error: "full" });
  await store.spool.settle(1 as QueueId, [sampleOutcome(0, "delivered")], "remove");
  assert.deepEqual(await store.spool.put(sampleMessage(5)), DONE);
  assert.deepEqual(await store.spool.counts(), { queued: 2, captured: 0, octets: 40 });
  await store.close();
});

test("content in a file goes with the message that there was no room for", async () => {
  const directory = newDirectory();
  const store = await open(directory, { limits: { queuedMessages: 1, capturedMessages: 1 } });
  assert.ok((await store.spool.put(sampleMessage(1))).ok);
  const opened = await store.spool.openContent();
  assert.ok(opened.ok);
  await opened.value.write(Buffer.from("Subject: 2\r\n\r\nText\r\n"));
  const file = await opened.value.finish(false);
  assert.ok(file.ok);
  assert.equal(readdirSync(join(directory, "content")).length, 1);
  assert.deepEqual(await store.spool.put(sampleMessage(2, file.value)), { ok: false, error: "full" });
  assert.deepEqual(readdirSync(join(directory, "content")), []);
});
