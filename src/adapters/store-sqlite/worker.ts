/**
 * The store thread: the only one that has log and database open for writing. It takes batches from its port, writes each, answers,
 * and tidies up when nothing waits.
 */
import { readdirSync, unlinkSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { MessageTable } from "./message-table.ts";
import { recover } from "./recover.ts";
import { RecordTables } from "./record-tables.ts";
import { faultOf, reasonOf } from "./faults.ts";
import { openDatabase } from "./schema.ts";
import { Reserve } from "./reserve.ts";
import { SEGMENT_OCTETS, SegmentLog } from "./segment-log.ts";
import type { BatchAnswer, Request, Response } from "./calls.ts";

/** What the main thread tells its store thread at start. */
export interface WorkerOptions {
  readonly file: string;
  readonly contentDirectory: string;
  readonly logDirectory: string;
  readonly queuedMax: number;
  readonly capturedMax: number;
}

/** Nothing handed in for so long is a quiet moment. */
const QUIET_MS = 100;

class StoreWorker {
  readonly #port: MessagePort;
  readonly #engine: Engine;
  readonly #log: SegmentLog;
  readonly #unlinking = new Set<Promise<void>>();
  #preparing: Promise<void> | null = null;
  readonly #quiet: NodeJS.Timeout;
  #broken = false;

  constructor(port: MessagePort, engine: Engine, log: SegmentLog) {
    this.#port = port;
    this.#engine = engine;
    this.#log = log;
    this.#quiet = setTimeout(() => this.#tidy(true), QUIET_MS);
    port.on("message", (request: Request) => this.#take(request));
  }

  #take(request: Request): void {
    if (request.kind === "close") {
      void this.#close();
      return;
    }
    const answer = this.#engine.execute(request.batch, request.length, request.calls);
    if (answer.broken !== null) this.#broken = true;
    this.#post({ kind: "answer", batch: request.batch, answer }, [request.batch, ...contentOf(answer)]);
    if (this.#engine.isTidyDue) this.#tidy(false);
    this.#removeFiles();
    this.#prepare();
    this.#quiet.refresh();
  }

  #tidy(isQuiet: boolean): void {
    if (this.#broken) return;
    try {
      this.#engine.tidy(isQuiet);
      this.#removeFiles();
      this.#prepare();
      if (this.#engine.isUntidy) this.#quiet.refresh();
    } catch (error) {
      this.#break(error);
    }
  }

  /** Makes the next segment while there is room in the one under way. Without room for it, it is tried again. */
  #prepare(): void {
    if (this.#broken || this.#preparing || this.#log.isNextReady) return;
    this.#preparing = this.#log.prepare().then(
      () => void (this.#preparing = null),
      (error: unknown) => {
        this.#preparing = null;
        if (faultOf(error) === "broken") this.#break(error);
      },
    );
  }

  #break(error: unknown): void {
    this.#broken = true;
    this.#post({ kind: "broken", reason: reasonOf(error) });
  }

  /** A file that cannot be removed now is removed at the next start. */
  #removeFiles(): void {
    if (this.#broken) return;
    for (const path of this.#engine.takeFilesGone()) {
      const gone = unlink(path).catch(() => undefined);
      this.#unlinking.add(gone);
      void gone.then(() => this.#unlinking.delete(gone));
    }
  }

  async #close(): Promise<void> {
    clearTimeout(this.#quiet);
    await this.#preparing;
    try {
      if (!this.#broken) this.#engine.close();
    } catch (error) {
      this.#post({ kind: "report", text: `the store was not closed tidily: ${reasonOf(error)}` });
    }
    this.#removeFiles();
    await Promise.all(this.#unlinking);
    this.#port.close();
  }

  #post(response: Response, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(response, transfer);
  }
}

/** Octets of content in an answer change hands and are not copied. */
function contentOf(answer: BatchAnswer): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const result of answer.results) {
    if (typeof result !== "object" || result === null || !("octets" in result)) continue;
    if (result.octets instanceof Uint8Array) buffers.push(result.octets.buffer as ArrayBuffer);
  }
  return buffers;
}

/** Removes what a crash left behind: files of content that no message names. */
function removeLeftovers(contentDirectory: string, needed: ReadonlySet<string>): void {
  for (const name of readdirSync(contentDirectory)) if (!needed.has(name)) unlinkSync(join(contentDirectory, name));
}

async function openEngine(db: DatabaseSync, options: WorkerOptions, port: MessagePort): Promise<void> {
  const { contentDirectory, logDirectory, queuedMax } = options;
  const post = (response: Response): void => port.postMessage(response);
  const report = (text: string): void => post({ kind: "report", text });
  const readLog = (segment: number, at: number, octets: number): Buffer => log.read(segment, at, octets);
  const messages = new MessageTable(db, { ...options, readLog, report, segmentOctets: SEGMENT_OCTETS });
  const log = new SegmentLog(logDirectory, messages.indexed);
  const { unindexed, highest } = recover(logDirectory, messages, report);
  const needed = messages.files();
  for (const [, { put }] of unindexed.entries()) if (put?.file) needed.add(put.file);
  removeLeftovers(contentDirectory, needed);
  await log.prepare().catch((error: unknown) => {
    if (faultOf(error) === "broken") throw error;
  });
  const records = new RecordTables(db);
  const reserve = new Reserve(join(logDirectory, "reserve"));
  const engine = new Engine({ db, log, unindexed, messages, records, reserve, contentDirectory, queuedMax, highest });
  engine.tidy(true);
  new StoreWorker(port, engine, log);
  post({ kind: "ready", highestQueueId: highest });
}

async function start(port: MessagePort, options: WorkerOptions): Promise<void> {
  const db = openDatabase(options.file);
  if (!db.ok) {
    port.postMessage(db.error satisfies Response);
    return;
  }
  try {
    await openEngine(db.value, options, port);
  } catch (error) {
    port.postMessage({ kind: "unusable", reason: reasonOf(error) } satisfies Response);
    db.value.close();
  }
}

if (parentPort) void start(parentPort, workerData as WorkerOptions);
