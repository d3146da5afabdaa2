import assert from "node:assert/strict";
import { readdirSync, rmSync, truncateSync, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { crc32 } from "node:zlib";
import type { QueueId } from "../../core/queue/message.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, sampleMessage, sampleOutcome, textContent } from "../../../tests/contracts/sample-message.ts";
import { readSegment } from "./segment-log.ts";
import type { Store } from "./store.ts";

const directories: string[] = [];
const stores: Store[] = [];
after(async () => {
  for (const store of stores) await store.close();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** A closed store of messages 1 to `count`. */
async function filled(count: number): Promise<string> {
  const directory = makeDirectory();
  directories.push(directory);
  const store = await openTestStore(directory);
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  await Promise.all(ids.map((id) => store.spool.put(sampleMessage(id, textContent("x".repeat(2_000))))));
  await store.close();
  return directory;
}

function damage(directory: string, sql: string): void {
  const db = new DatabaseSync(join(directory, "relaykeeper.db"));
  db.exec(sql);
  db.close();
}

async function reopened(directory: string): Promise<{ store: Store; reports: string[] }> {
  const reports: string[] = [];
  const store = await openTestStore(directory, { report: (text) => reports.push(text) });
  stores.push(store);
  return { store, reports };
}

async function idsOf(store: Store): Promise<number[]> {
  return (await store.spool.load(0, 1_000)).map((message) => message.id);
}

test("load() puts an envelope with flipped bits into quarantine, and gives the rest", async () => {
  const directory = await filled(3);
  damage(
    directory,
    "UPDATE message SET envelope = CAST(replace(CAST(envelope AS TEXT), 'sender', 'sendes') AS BLOB) WHERE id = 2",
  );
  const { store, reports } = await reopened(directory);
  assert.match((await store.spool.check()).join(), /message Q2: its envelope does not match its checksum/);
  assert.deepEqual(await idsOf(store), [1, 3]);
  assert.deepEqual(reports, ["message Q2 is quarantined: its envelope does not match its checksum"]);
  assert.deepEqual(await store.spool.check(), reports);
  assert.equal(await store.spool.find(2 as QueueId), null);
  assert.deepEqual(await store.spool.counts(), { queued: 2, captured: 0, octets: 4_000 });
});

test("load() puts an envelope that is not ours into quarantine", async () => {
  const directory = await filled(2);
  // The checksum of `{"a":1}` as zlib's crc32 has it.
  damage(directory, `UPDATE message SET envelope = CAST('{"a":1}' AS BLOB), checksum = ${0x561bacaf} WHERE id = 1`);
  const { store, reports } = await reopened(directory);
  await store.spool.load(0, 10);
  assert.equal(reports.length, 1);
  assert.deepEqual(await idsOf(store), [2]);
});

/** Makes the content of a closed store what versions without a log had: rows of a table. */
function moveIntoTable(directory: string): void {
  const db = new DatabaseSync(join(directory, "relaykeeper.db"));
  const insert = db.prepare("INSERT INTO content (id, checksum, octets) VALUES (?, ?, ?)");
  for (const row of db.prepare("SELECT id, segment, content_at, size_octets FROM message").all()) {
    const { id, segment, content_at: at, size_octets: octets } = row as Record<string, number>;
    const content = readSegment(join(directory, "segments"), segment ?? 0, at ?? 0, octets ?? 0);
    insert.run(id ?? 0, crc32(content), content);
  }
  db.exec("UPDATE message SET segment = NULL, content_at = NULL, content_checksum = NULL");
  db.close();
  for (const name of readdirSync(join(directory, "segments"))) unlinkSync(join(directory, "segments", name));
}

test("content() puts a message with flipped bits, or without its content, into quarantine: in the table", async () => {
  const directory = await filled(4);
  moveIntoTable(directory);
  damage(
    directory,
    "UPDATE content SET octets = CAST(replace(CAST(octets AS TEXT), 'xxx', 'xxy') AS BLOB) WHERE id = 2",
  );
  damage(directory, "DELETE FROM content WHERE id = 3");
  const { store, reports } = await reopened(directory);
  assert.deepEqual(await idsOf(store), [1, 2, 3, 4]);
  assert.equal((await store.spool.check()).length, 2);
  assert.equal(await store.spool.content(2 as QueueId), null);
  assert.equal(await store.spool.content(3 as QueueId), null);
  assert.ok(await store.spool.content(4 as QueueId));
  assert.deepEqual(reports, [
    "message Q2 is quarantined: its content does not match its checksum",
    "message Q3 is quarantined: its content is missing",
  ]);
  assert.deepEqual(await idsOf(store), [1, 4]);
  assert.deepEqual(await store.spool.put(sampleMessage(5)), DONE);
});

test("content() puts a message with flipped bits, or without its content, into quarantine: in the log", async () => {
  const directory = await filled(4);
  const [name = ""] = readdirSync(join(directory, "segments"));
  const segment = join(directory, "segments", name);
  const db = new DatabaseSync(join(directory, "relaykeeper.db"));
  const row = db.prepare("SELECT content_at FROM message WHERE id = 2").get();
  db.exec("UPDATE message SET segment = 999 WHERE id = 3");
  db.close();
  const file = await open(segment, "r+");
  await file.write("y", Number(row?.["content_at"]) + 1_000);
  await file.close();
  const { store, reports } = await reopened(directory);
  assert.deepEqual(await idsOf(store), [1, 2, 3, 4]);
  assert.equal((await store.spool.check()).length, 2);
  assert.equal(await store.spool.content(2 as QueueId), null);
  assert.equal(await store.spool.content(3 as QueueId), null);
  assert.ok(await store.spool.content(4 as QueueId));
  assert.equal(reports[0], "message Q2 is quarantined: its content does not match its checksum");
  assert.match(reports[1] ?? "", /^message Q3 is quarantined: its content cannot be read: ENOENT/);
  assert.deepEqual(await idsOf(store), [1, 4]);
  const quarantine = new DatabaseSync(join(directory, "relaykeeper.db"), { readOnly: true });
  const kept = quarantine.prepare("SELECT length(octets) AS octets FROM content WHERE id = 2").get();
  quarantine.close();
  assert.equal(kept?.["octets"], 2_000, "what is damaged is kept for inspection, though its segment will go");
});

test("content() puts a message into quarantine whose file is gone or cut short", async () => {
  const directory = makeDirectory();
  directories.push(directory);
  const first = await openTestStore(directory);
  const names: string[] = [];
  for (const id of [1, 2, 3]) {
    const writer = await first.spool.openContent();
    assert.ok(writer.ok);
    await writer.value.write(Buffer.alloc(5_000));
    const file = await writer.value.finish(false);
    assert.ok(file.ok);
    names.push(join(directory, "content", file.value.name));
    await first.spool.put(sampleMessage(id, file.value));
  }
  await first.close();
  unlinkSync(names[0] ?? "");
  truncateSync(names[1] ?? "", 4_999);
  const { store, reports } = await reopened(directory);
  assert.equal((await store.spool.check()).length, 2);
  for (const id of [1, 2]) assert.equal(await store.spool.content(id as QueueId), null);
  assert.ok(await store.spool.content(3 as QueueId));
  assert.equal(reports.length, 2);
  assert.match(reports[0] ?? "", /^message Q1 is quarantined: its content cannot be read: ENOENT/);
  assert.match(reports[1] ?? "", /^message Q2 is quarantined: its file .* has 4999 octets and should have 5000$/);
});

test("openStore() starts with a damaged page, gives every message beside it, and takes new ones", async () => {
  const directory = await filled(300);
  const file = await open(join(directory, "relaykeeper.db"), "r+");
  const octets = await file.readFile();
  const page = pageOf(octets);
  await file.write(Buffer.alloc(64, 0xff), 0, 64, page * 4_096);
  await file.close();
  const { store, reports } = await reopened(directory);
  const kept = await idsOf(store);
  assert.ok(kept.length >= 280 && kept.length < 300, `${kept.length} messages`);
  assert.deepEqual([kept[0], kept.at(-1)], [1, 300]);
  assert.match(reports.join("\n"), /a damaged page hides the messages with ids from \d+ to \d+/);
  assert.match((await store.spool.check()).join("\n"), /database: /);
  assert.deepEqual(await store.spool.put(sampleMessage(301)), DONE);
  await store.spool.settle(300 as QueueId, [sampleOutcome(0, "delivered")], "remove");
  assert.deepEqual((await store.spool.load(290, 100)).at(-1)?.id, 301);
});

/** The number of the page that holds the row of message 150: its envelope has the time at which it was accepted. */
function pageOf(octets: Buffer): number {
  const at = octets.indexOf(`{"acceptedAt":${sampleMessage(150).acceptedAt},`);
  assert.ok(at > 0);
  return Math.floor(at / 4_096);
}

test("a damaged index of what is due hides no message: they are to be read one by one", async () => {
  const directory = await filled(400);
  const path = join(directory, "relaykeeper.db");
  const db = new DatabaseSync(path, { readOnly: true });
  const page = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'message_due'").get()?.["rootpage"]);
  db.close();
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(4_096, 0xff), 0, 4_096, (page - 1) * 4_096);
  await file.close();
  const { store, reports } = await reopened(directory);
  const due = await store.spool.due(0, 1_000);
  assert.equal(due.ids.length, 400);
  assert.ok(due.host.every((host) => host === -1));
  assert.deepEqual([...due.ids], await idsOf(store));
  assert.equal((await store.spool.find(7 as QueueId))?.id, 7);
  assert.match(reports.join("\n"), /the index of what is due is damaged/);
});
