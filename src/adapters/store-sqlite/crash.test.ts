import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { contentFor } from "../../../tests/contracts/content-for.ts";
import { makeDirectory, openTestStore } from "../../../tests/contracts/open-store.ts";
import { octetsOf } from "../../../tests/contracts/sample-message.ts";
import { SeededRandom } from "../memory/random.ts";
import type { Store } from "./store.ts";

const WRITER = new URL("../../../tests/contracts/store-writer.ts", import.meta.url).pathname;

/** What a writer that was killed had been promised. */
interface Promised {
  readonly highestAtStart: number;
  readonly put: Set<number>;
  /** Settling was asked for. */
  readonly settling: Set<number>;
  readonly settled: Set<number>;
}

/** Lets a writer work in `directory` until it has told `lines` lines, kills it in the middle of its work, and gives what it told. */
async function killedWriter(directory: string, seed: number, lines: number): Promise<Promised> {
  const child = spawn(process.execPath, [WRITER, directory, String(seed)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const promised: Promised & { highestAtStart: number } = {
    highestAtStart: 0,
    put: new Set(),
    settling: new Set(),
    settled: new Set(),
  };
  let left = lines;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, number] = line.split(" ");
    if (what === "open") promised.highestAtStart = Number(number);
    if (what === "put") promised.put.add(Number(number));
    if (what === "settling") promised.settling.add(Number(number));
    if (what === "settled") promised.settled.add(Number(number));
    if (--left === 0) child.kill("SIGKILL");
  }
  await exited;
  return promised;
}

/**
 * Every message that was put is there with its octets, none that was settled, and no file besides. A message whose settling was
 * under way at the kill may be there or not.
 */
async function verify(store: Store, directory: string, promised: Promised): Promise<void> {
  const files = new Set<string>();
  const kept = new Set<number>();
  for (let page = await store.spool.load(0, 500); page.length > 0;) {
    for (const { id } of page) {
      kept.add(id);
      const content = await store.spool.content(id);
      assert.ok(content, `message ${id} has no content`);
      if (content.kind === "file") files.add(content.name);
      const octets = await octetsOf(content, (file) => store.spool.readFile(file));
      assert.ok(contentFor(id).equals(octets), `message ${id} is not what was put`);
    }
    page = await store.spool.load(page.at(-1)?.id ?? 0, 500);
  }
  for (const id of promised.settled) assert.ok(!kept.has(id), `settled message ${id} came back`);
  const lost = [...promised.put].filter((id) => !kept.has(id) && !promised.settling.has(id));
  assert.deepEqual(lost, []);
  assert.deepEqual(new Set(await readdir(join(directory, "content"))), files);
  assert.deepEqual(await store.spool.check(), []);
  assert.equal((await store.spool.counts()).queued, kept.size);
}

test("openStore() has every message that was put, whole, after kill -9 in the middle of the work", async () => {
  const directory = makeDirectory();
  const random = new SeededRandom(20_261_124);
  const all: Promised = { highestAtStart: 0, put: new Set(), settling: new Set(), settled: new Set() };
  for (let round = 1; round <= 5; round++) {
    const told = await killedWriter(directory, round, 50 + (random.uint32() % 500));
    for (const id of told.put) {
      assert.ok(id > told.highestAtStart, "ids start above the highest one of the store");
      assert.ok(!all.put.has(id), "no id is given twice");
      all.put.add(id);
    }
    for (const id of told.settling) all.settling.add(id);
    for (const id of told.settled) all.settled.add(id);
    const store = await openTestStore(directory);
    assert.ok(store.highestQueueId >= Math.max(...all.put));
    await verify(store, directory, all);
    await store.close();
  }
  assert.ok(all.put.size > 100 && all.settled.size > 50);
  rmSync(directory, { recursive: true });
});
