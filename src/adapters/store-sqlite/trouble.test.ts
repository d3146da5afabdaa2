import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Worker } from "node:worker_threads";
import type { FileContent } from "../../core/mail/content.ts";
import type { QueueId } from "../../core/queue/message.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, sampleMessage, sampleOutcome, textContent } from "../../../tests/contracts/sample-message.ts";
import { ManualClock } from "../memory/clock.ts";
import type { Store } from "./store.ts";

const WRITER = new URL("../../../tests/contracts/store-writer.ts", import.meta.url).pathname;
const BROKEN = { ok: false, error: "broken" };
const FULL = { ok: false, error: "full" };

const directories: string[] = [];
const mounts: string[] = [];
const stores: Store[] = [];
after(async () => {
  for (const store of stores) await store.close();
  for (const mount of mounts) spawnSync("umount", [mount]);
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = makeDirectory();
  directories.push(directory);
  return directory;
}

/** A file system of its own of so many octets; null where that is not permitted. */
function smallFileSystem(octets: number): string | null {
  const directory = newDirectory();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${octets},mode=700`, "tmpfs", directory]);
  if (mounted.status !== 0) return null;
  mounts.push(directory);
  return directory;
}

/**
 * Takes all the room that is left on the file system, up to the last page, with a file of that name. The store may be writing at the same
 * moment, so that there is less than was asked for, or nothing.
 */
function fill(directory: string, name: string): void {
  const page = Buffer.alloc(statfsSync(directory).bsize);
  const file = openSync(join(directory, name), "wx");
  try {
    for (;;) writeSync(file, page);
  } catch (fault) {
    assert.equal((fault as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

test("put() answers broken once the store thread is gone, and nothing waits for ever", async () => {
  let worker: Worker | null = null;
  const started = (one: Worker): void => void (worker = one);
  process.once("worker", started);
  const reports: string[] = [];
  const store = await openTestStore(newDirectory(), { report: (text) => reports.push(text) });
  stores.push(store);
  assert.deepEqual(await store.spool.put(sampleMessage(1)), DONE);
  const put = store.spool.put(sampleMessage(2));
  const settled = store.spool.settle(1 as QueueId, [], "remove");
  settled.catch(() => undefined);
  assert.ok(worker);
  await (worker as Worker).terminate();
  const answer = await put;
  assert.ok(answer.ok || answer.error === "broken");
  await settled.catch((error: Error) => assert.match(error.message, /the store is broken/));
  assert.deepEqual(await store.spool.put(sampleMessage(3)), BROKEN);
  await assert.rejects(store.spool.load(0, 1), /the store is broken/);
  await assert.rejects(store.policyLog.read(1), /the store is broken/);
  assert.equal(store.broken(), "the store thread ended");
  assert.deepEqual(reports, ["the store takes nothing more: the store thread ended"]);
});

test("a file of content that could not be put is removed at once", async () => {
  const directory = newDirectory();
  const reports: string[] = [];
  let worker: Worker | null = null;
  process.once("worker", (one: Worker) => void (worker = one));
  const limits = { queuedMessages: 1, capturedMessages: 1 };
  const store = await openTestStore(directory, { limits, report: (text) => reports.push(text) });
  stores.push(store);
  const files = (): string[] => readdirSync(join(directory, "content"));
  const finished = async (): Promise<FileContent> => {
    const opened = await store.spool.openContent();
    assert.ok(opened.ok);
    await opened.value.write(Buffer.alloc(300_000));
    const file = await opened.value.finish(false);
    assert.ok(file.ok);
    return file.value;
  };
  const kept = await finished();
  assert.deepEqual(await store.spool.put(sampleMessage(1, kept)), DONE);
  assert.deepEqual(await store.spool.put(sampleMessage(2, await finished())), FULL);
  assert.deepEqual(files(), [kept.name]);
  const late = await finished();
  assert.ok(worker);
  await (worker as Worker).terminate();
  assert.deepEqual(await store.spool.put(sampleMessage(3, late)), BROKEN);
  assert.deepEqual(files(), [kept.name]);
  assert.deepEqual(await store.spool.openContent(), BROKEN);
});

test("put() answers full without room, keeps nothing half, and goes on when there is room again", async (context) => {
  const directory = smallFileSystem(4 * 1_048_576);
  if (directory === null) {
    context.skip("a file system cannot be mounted here");
    return;
  }
  const clock = new ManualClock();
  const store = await openTestStore(join(directory, "data"), { clock });
  stores.push(store);
  const content = textContent("x".repeat(50_000));
  assert.deepEqual(await store.spool.put(sampleMessage(1, content)), DONE);
  fill(directory, "filler");
  const kept = [1];
  let full = 0;
  for (let id = 2; full < 5; id++) {
    const answer = await store.spool.put(sampleMessage(id, content));
    if (answer.ok) kept.push(id);
    else {
      assert.deepEqual(answer, FULL);
      full++;
    }
    assert.ok(id < 200, "the file system fills up");
  }
  assert.deepEqual(
    (await store.spool.load(0, 500)).map((message) => message.id),
    kept,
  );
  assert.equal((await store.spool.counts()).queued, kept.length);
  const opened = await store.spool.openContent();
  if (opened.ok) {
    await opened.value.write(Buffer.alloc(300_000));
    assert.deepEqual(await opened.value.finish(false), FULL);
  } else assert.deepEqual(opened, FULL);
  assert.deepEqual(readdirSync(join(directory, "data", "content")), []);
  const settled = store.spool.settle(1 as QueueId, [sampleOutcome(0, "delivered")], "remove");
  const later = await Promise.race([settled.then(() => false), store.spool.counts().then(() => true)]);
  rmSync(join(directory, "filler"));
  if (later) clock.advance(1_000);
  await settled;
  assert.deepEqual(await store.spool.put(sampleMessage(1_000, content)), DONE);
  assert.deepEqual(
    (await store.spool.load(0, 500)).map((message) => message.id),
    [...kept.slice(1), 1_000],
  );
  assert.equal(store.broken(), null);
  assert.deepEqual(await store.spool.check(), []);
});

test("put() answers broken after a write or a sync of the log that failed, for good, and what was promised is there", async (context) => {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    context.skip("strace is not installed");
    return;
  }
  const directory = newDirectory();
  // Late enough for many promises that stay: some of the first are settled at once.
  const inject = "inject=pwrite64,pwritev:error=EIO:when=150+";
  const traced = [
    "-f",
    "-o",
    "/dev/null",
    "-e",
    "trace=pwrite64,pwritev",
    "-e",
    inject,
    process.execPath,
    WRITER,
    directory,
  ];
  const writer = spawnSync("strace", traced, { encoding: "utf8", timeout: 120_000 });
  const told = writer.stdout.trim().split("\n");
  assert.ok(told.includes("refused broken"), `${told.at(-1)} ${writer.stderr}`);
  const numbers = (what: string): number[] =>
    told.filter((line) => line.startsWith(`${what} `)).map((line) => Number(line.split(" ")[1]));
  const settling = new Set(numbers("settling"));
  const promised = numbers("put").filter((id) => !settling.has(id));
  assert.ok(promised.length > 0);
  const store = await openTestStore(directory);
  stores.push(store);
  const kept = new Set((await store.spool.load(0, 100_000)).map((message) => message.id as number));
  assert.deepEqual(
    promised.filter((id) => !kept.has(id)),
    [],
  );
  assert.deepEqual(await store.spool.check(), []);
});
