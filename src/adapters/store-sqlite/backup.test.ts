import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Content } from "../../core/mail/content.ts";
import type { QueueId } from "../../core/queue/message.ts";
import { contentFor } from "../../../tests/contracts/content-for.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, sampleMessage } from "../../../tests/contracts/sample-message.ts";
import type { Store } from "./store.ts";

const NEVER = new AbortController().signal;

/** Content of a message; every second one is in a file. */
async function contentOf(store: Store, id: number): Promise<Content> {
  const octets = contentFor(id);
  if (id % 2 === 0) return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false };
  const opened = await store.spool.openContent();
  assert.ok(opened.ok);
  await opened.value.write(octets);
  const file = await opened.value.finish(false);
  assert.ok(file.ok);
  return file.value;
}

async function octetsOf(store: Store, id: QueueId): Promise<Buffer> {
  const content = await store.spool.content(id);
  assert.ok(content !== null, `content of ${id}`);
  const chunks: Uint8Array[] = [];
  if (content.kind === "memory") chunks.push(...content.chunks);
  else for await (const chunk of store.spool.readFile(content)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("what is removed while it is copied is in the copy, whole, or not at all", async () => {
  const count = 600;
  const directory = makeDirectory();
  const target = join(directory, "copy");
  mkdirSync(target);
  const store = await openTestStore(directory);
  for (let id = 1; id <= count; id++)
    assert.deepEqual(await store.spool.put(sampleMessage(id, await contentOf(store, id))), DONE);
  let copying = true;
  const copied = store.backup(target, NEVER).finally(() => (copying = false));
  let removed = 0;
  // From the end: what is copied last goes first. Without a pin a file that the copy still needs would be gone.
  while (copying && removed < count) removed += await store.spool.remove([(count - removed) as QueueId]);
  const made = await copied;
  assert.ok(made.ok, JSON.stringify(made));
  assert.equal(made.value.damaged, 0);
  assert.ok(removed > 0 && made.value.messages > 0, `${removed} were removed, ${made.value.messages} copied`);
  await store.close();
  const copy = await openTestStore(target);
  assert.deepEqual(await copy.spool.check(), []);
  const { queued } = await copy.spool.counts();
  assert.equal(queued, made.value.messages);
  for (let id = 1; id <= queued; id++) assert.ok((await octetsOf(copy, id as QueueId)).equals(contentFor(id)), `${id}`);
  await copy.close();
  // Nothing stays pinned: what went during the copy is gone once the store is closed.
  assert.equal(readdirSync(join(directory, "content")).length, Math.ceil((count - removed) / 2));
  rmSync(directory, { recursive: true });
});

test("damaged content is counted, and the rest is copied", async () => {
  const directory = makeDirectory();
  const target = join(directory, "copy");
  mkdirSync(target);
  const store = await openTestStore(directory);
  for (let id = 1; id <= 4; id++) await store.spool.put(sampleMessage(id, await contentOf(store, id)));
  rmSync(join(directory, "content", readdirSync(join(directory, "content"))[0] ?? ""));
  const made = await store.backup(target, NEVER);
  assert.deepEqual(made, { ok: true, value: { messages: 4, damaged: 1 } });
  await store.close();
  rmSync(directory, { recursive: true });
});

test("a copy that is given up ends at once", async () => {
  const directory = makeDirectory();
  const target = join(directory, "copy");
  mkdirSync(target);
  const store = await openTestStore(directory);
  const made = await store.backup(target, AbortSignal.abort());
  assert.ok(!made.ok && /given up/.test(made.error));
  await store.close();
  rmSync(directory, { recursive: true });
});
