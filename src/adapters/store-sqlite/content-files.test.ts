import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { FileContent } from "../../core/mail/content.ts";
import type { QueueId } from "../../core/queue/message.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { DONE, octetsOf, sampleMessage } from "../../../tests/contracts/sample-message.ts";
import type { Store } from "./store.ts";

const OCTETS = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) % 251));

const directories: string[] = [];
const stores: Store[] = [];
after(async () => {
  for (const store of stores) await store.close();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

async function newStore(directory: string): Promise<{ store: Store; reports: string[] }> {
  const reports: string[] = [];
  const store = await openTestStore(directory, { report: (text) => reports.push(text) });
  stores.push(store);
  return { store, reports };
}

/** A store with message 1, whose content is in a file, and message 2. */
async function withFile(): Promise<{ store: Store; reports: string[]; path: string; content: FileContent }> {
  const directory = makeDirectory();
  directories.push(directory);
  const opened = await newStore(directory);
  const writer = await opened.store.spool.openContent();
  assert.ok(writer.ok);
  for (let at = 0; at < OCTETS.length; at += 30_000) await writer.value.write(OCTETS.subarray(at, at + 30_000));
  const file = await writer.value.finish(false);
  assert.ok(file.ok);
  assert.deepEqual(await opened.store.spool.put(sampleMessage(1, file.value)), DONE);
  assert.deepEqual(await opened.store.spool.put(sampleMessage(2)), DONE);
  return { ...opened, path: join(directory, "content", file.value.name), content: file.value };
}

function flip(path: string, at: number): void {
  const octets = readFileSync(path);
  octets.writeUInt8(octets.readUInt8(at) ^ 0x10, at);
  writeFileSync(path, octets);
}

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  "flipped bits in its first octet": (path) => flip(path, 0),
  "flipped bits in its middle": (path) => flip(path, 100_000),
  "flipped bits in its last octet": (path) => flip(path, OCTETS.length - 1),
  "its end cut off": (path) => truncateSync(path, OCTETS.length - 1),
  "nothing in it": (path) => truncateSync(path, 0),
  "more in it": (path) => truncateSync(path, OCTETS.length + 1),
  "a symbolic link to its octets in its place": (path) => {
    renameSync(path, `${path}.other`);
    symlinkSync(`${path}.other`, path);
  },
  "a link to another file in its place": (path) => {
    writeFileSync(`${path}.other`, Buffer.alloc(OCTETS.length));
    rmSync(path);
    linkSync(`${path}.other`, path);
  },
  "a folder in its place": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  "a queue of the kernel in its place": (path) => {
    rmSync(path);
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
  },
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`content() puts a message into quarantine whose file has ${name}; the rest flows`, async () => {
    const { store, reports, path, content } = await withFile();
    damage(path);
    assert.match((await store.spool.check()).join("\n"), /message Q1: its file/);
    // Whoever streams it at this moment does not come to its end.
    const streamed: Uint8Array[] = [];
    const stream = async () => {
      for await (const octets of store.spool.readFile(content)) streamed.push(octets);
    };
    if (name !== "more in it") {
      await assert.rejects(stream);
      assert.ok(Buffer.concat(streamed).length < OCTETS.length);
    }
    assert.equal(await store.spool.content(1 as QueueId), null);
    assert.equal(reports.length, 1);
    assert.match(reports[0] ?? "", /^message Q1 is quarantined: /);
    assert.deepEqual(
      (await store.spool.load(0, 10)).map(({ id }) => id),
      [2],
    );
    assert.ok(await store.spool.content(2 as QueueId));
    assert.deepEqual(await store.spool.put(sampleMessage(3)), DONE);
  });
}

test("a file of an older version, whose name has no checksum, is read", async () => {
  const { store, path, content } = await withFile();
  const name = content.name.slice(0, 24);
  renameSync(path, join(path, "..", name));
  const octets = await octetsOf({ ...content, name }, (file) => store.spool.readFile(file));
  assert.ok(OCTETS.equals(octets));
});
