import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { QueueId } from "../../core/queue/message.ts";
import { makeDirectory } from "../../../tests/contracts/open-store.ts";
import { sampleMessage, sampleOutcome } from "../../../tests/contracts/sample-message.ts";
import { callItem, putItem, settleItem, writeBatch, type Item } from "./batch.ts";
import type { BatchAnswer, Call, StoredContent } from "./calls.ts";
import { Engine } from "./engine.ts";
import { MessageTable } from "./message-table.ts";
import { RecordTables } from "./record-tables.ts";
import { recover } from "./recover.ts";
import { openDatabase } from "./schema.ts";
import { Reserve } from "./reserve.ts";
import { SegmentLog, segmentsOf } from "./segment-log.ts";

/** So small that a few messages fill one. */
const SEGMENT = 16_384;

interface Opened {
  readonly engine: Engine;
  readonly log: SegmentLog;
  readonly reports: readonly string[];
}

async function open(directory: string): Promise<Opened> {
  const folders = { contentDirectory: join(directory, "content"), logDirectory: join(directory, "segments") };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  const opened = openDatabase(join(directory, "relaykeeper.db"));
  assert.ok(opened.ok);
  const db = opened.value;
  const reports: string[] = [];
  const report = (text: string): void => void reports.push(text);
  const readLog = (segment: number, at: number, octets: number): Buffer => log.read(segment, at, octets);
  const messages = new MessageTable(db, { ...folders, capturedMax: 5, readLog, report, segmentOctets: SEGMENT });
  const log = new SegmentLog(folders.logDirectory, messages.indexed, SEGMENT);
  const recovered = recover(folders.logDirectory, messages, report);
  await log.prepare();
  const reserve = new Reserve(join(folders.logDirectory, "reserve"));
  const parts = {
    db,
    log,
    messages,
    reserve,
    records: new RecordTables(db),
    queuedMax: 10_000,
    ...recovered,
    ...folders,
  };
  const engine = new Engine(parts);
  engine.tidy(true);
  return { engine, log, reports };
}

function execute(engine: Engine, items: readonly Item[], calls: readonly Call[] = []): BatchAnswer {
  const batch = new ArrayBuffer(items.reduce((sum, { octets }) => sum + octets, 0));
  const answer = engine.execute(batch, writeBatch(items, batch), calls);
  assert.equal(answer.broken, null);
  return answer;
}

function call(engine: Engine, name: Call["name"], ...args: unknown[]): unknown {
  return execute(engine, [callItem()], [{ name, args }]).results[0];
}

/** As the worker does between two batches. */
async function between({ engine, log }: Opened, isQuiet: boolean): Promise<void> {
  if (isQuiet || engine.isTidyDue) engine.tidy(isQuiet);
  for (const path of engine.takeFilesGone()) rmSync(path);
  await log.prepare();
}

function contentOf(id: number): Buffer {
  return Buffer.alloc(1 + ((id * 7_919) % 6_000), id);
}

function put(id: number): Item {
  const octets = contentOf(id);
  return putItem(sampleMessage(id, { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false }));
}

function settle(id: number, disposition: "keep" | "remove"): Item {
  const outcome = sampleOutcome(0, disposition === "keep" ? "deferred" : "delivered");
  return settleItem(id as QueueId, [outcome], disposition);
}

/** Everything that the model has is there, octet for octet, with as many attempts, and nothing else. */
function verify({ engine }: Opened, model: ReadonlyMap<number, number>): void {
  const page = call(engine, "load", 0, 100_000) as { ids: number[]; text: string };
  const found = JSON.parse(page.text) as { id: number; attempts: number }[];
  assert.deepEqual(
    found.map(({ id, attempts }) => [id, attempts]),
    [...model].sort(([a], [b]) => a - b),
  );
  for (const id of model.keys()) {
    const content = call(engine, "content", id) as StoredContent | null;
    assert.ok(content?.kind === "memory", `message ${id} has content`);
    assert.ok(contentOf(id).equals(content.octets), `message ${id} is what was put`);
  }
  assert.equal((call(engine, "counts") as { queued: number }).queued, model.size);
}

type Step = "put" | "defer" | "remove" | "call" | "quiet" | "kill" | "close";
const step = fc.record({
  what: fc.oneof(
    { weight: 12, arbitrary: fc.constant<Step>("put") },
    { weight: 8, arbitrary: fc.constantFrom<Step>("remove", "defer") },
    { weight: 6, arbitrary: fc.constantFrom<Step>("call", "quiet", "kill", "close") },
  ),
  which: fc.nat(),
});

/** The directory as a killed process leaves it; `isTorn`: with octets of a write that was under way behind the log. */
function killed(directory: string, isTorn: boolean): string {
  const copy = makeDirectory();
  cpSync(directory, copy, { recursive: true });
  // The newest segment is made ahead.
  const segment = segmentsOf(join(copy, "segments")).at(-2);
  if (isTorn && segment !== undefined) {
    appendFileSync(join(copy, "segments", String(segment).padStart(8, "0")), Buffer.alloc(300, "torn"));
  }
  return copy;
}

/**
 * Fails, for example, when a transaction takes the log into the tables and not `log-at` with it, when a segment is given up without
 * looking for rows that point into it, and when what was settled is not in the log.
 */
test("whatever is put, settled, asked, killed and closed: the store has what it promised, and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      let directory = makeDirectory();
      const directories = [directory];
      let store = await open(directory);
      const model = new Map<number, number>();
      let nextId = 1;
      for (const { what, which } of steps) {
        const id = [...model.keys()][which % Math.max(1, model.size)] ?? 0;
        switch (what) {
          case "put": {
            const ids = Array.from({ length: 1 + (which % 6) }, () => nextId++);
            execute(store.engine, ids.map(put));
            for (const one of ids) model.set(one, 0);
            break;
          }
          case "defer":
            execute(store.engine, [settle(id, "keep")]);
            if (model.has(id)) model.set(id, (model.get(id) ?? 0) + 1);
            break;
          case "remove":
            execute(store.engine, [settle(id, "remove")]);
            model.delete(id);
            break;
          case "call":
            call(store.engine, "remove", [id]);
            model.delete(id);
            break;
          case "quiet":
            await between(store, true);
            break;
          case "kill":
            directories.push((directory = killed(directory, which % 2 === 0)));
            store = await open(directory);
            break;
          case "close":
            store.engine.close();
            store = await open(directory);
            break;
        }
        await between(store, false);
        assert.deepEqual(store.reports, []);
      }
      verify(store, model);
      store.engine.close();
      for (const one of directories) rmSync(one, { recursive: true });
    }),
    { numRuns: 12, seed: 20_261_124 },
  );
});

test("segments that nothing needs go, and what waits for long is moved out of sparse ones", async () => {
  const directory = makeDirectory();
  const store = await open(directory);
  const model = new Map<number, number>();
  for (let id = 1; id <= 600; id++) {
    execute(store.engine, [put(id)]);
    // Every fiftieth waits for days.
    if (id % 50 === 0) model.set(id, 0);
    else execute(store.engine, [settle(id, "remove")]);
    await between(store, false);
  }
  for (let i = 0; i < 30; i++) await between(store, true);
  verify(store, model);
  const names = readdirSync(join(directory, "segments"));
  assert.ok(names.length <= 2 + 4 + 2 * Math.ceil((12 * 6_000) / SEGMENT), `${names.length} files are left`);
  store.engine.close();
  const again = await open(directory);
  verify(again, model);
  for (const id of model.keys()) execute(again.engine, [settle(id, "remove")]);
  again.engine.close();
  assert.deepEqual(readdirSync(join(directory, "segments")), [], "an empty store has no segments");
  rmSync(directory, { recursive: true });
});

test("damage in what the tables do not have yet is told with its place, and the rest is there", async () => {
  const directory = makeDirectory();
  const store = await open(directory);
  execute(store.engine, [1, 2, 3].map(put));
  const copy = killed(directory, false);
  const folder = join(copy, "segments");
  const newest = segmentsOf(folder).at(-1) ?? 0;
  const path = join(folder, String(newest).padStart(8, "0"));
  const octets = readFileSync(path);
  octets.fill(0, octets.indexOf(`"acceptedAt":${sampleMessage(2).acceptedAt}`), octets.indexOf(Buffer.alloc(100, 2)));
  writeFileSync(path, octets);
  const again = await open(copy);
  assert.match(again.reports.join(), /^segment \d+ of the log is damaged: octets \d+ to \d+ cannot be read$/);
  verify(again, new Map([1, 3].map((id) => [id, 0])));
  store.engine.close();
  again.engine.close();
  for (const one of [directory, copy]) rmSync(one, { recursive: true });
});
