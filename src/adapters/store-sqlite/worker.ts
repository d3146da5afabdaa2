/**
 * The store thread: the only one that has the database open for writing. It takes batches from its port, commits each, answers,
 * and looks after the write-ahead log when nothing waits.
 */
import { readdirSync, unlinkSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { MessageTable } from "./message-table.ts";
import { RecordTables } from "./record-tables.ts";
import { reasonOf } from "./faults.ts";
import { openDatabase } from "./schema.ts";
import type { BatchAnswer, Request, Response } from "./calls.ts";

/** What the main thread tells its store thread at start. */
export interface WorkerOptions {
  readonly file: string;
  readonly contentDirectory: string;
  readonly queuedMax: number;
  readonly capturedMax: number;
}

/** Nothing handed in for so long is a quiet moment. */
const QUIET_MS = 100;

class StoreWorker {
  readonly #port: MessagePort;
  readonly #engine: Engine;
  readonly #contentDirectory: string;
  readonly #unlinking = new Set<Promise<void>>();
  readonly #quiet: NodeJS.Timeout;
  #broken = false;

  constructor(port: MessagePort, engine: Engine, contentDirectory: string) {
    this.#port = port;
    this.#engine = engine;
    this.#contentDirectory = contentDirectory;
    this.#quiet = setTimeout(() => this.#tidy(), QUIET_MS);
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
    if (this.#engine.checkpointDue) this.#tidy();
    else {
      this.#removeFiles();
      this.#quiet.refresh();
    }
  }

  #tidy(): void {
    if (this.#broken || !this.#engine.untidy) return;
    try {
      this.#engine.checkpoint();
      this.#removeFiles();
    } catch (error) {
      this.#broken = true;
      this.#post({ kind: "broken", reason: reasonOf(error) });
    }
  }

  /** A file that cannot be removed now is removed at the next start. */
  #removeFiles(): void {
    for (const name of this.#engine.takeFilesGone()) {
      const gone = unlink(join(this.#contentDirectory, name)).catch(() => undefined);
      this.#unlinking.add(gone);
      void gone.then(() => this.#unlinking.delete(gone));
    }
  }

  async #close(): Promise<void> {
    clearTimeout(this.#quiet);
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

/** Removes what a crash left behind: files of content that no row names. */
function removeLeftovers(contentDirectory: string, needed: ReadonlySet<string>): void {
  for (const name of readdirSync(contentDirectory)) if (!needed.has(name)) unlinkSync(join(contentDirectory, name));
}

function start(port: MessagePort, options: WorkerOptions): void {
  const post = (response: Response): void => port.postMessage(response);
  const db = openDatabase(options.file);
  if (!db.ok) {
    post(db.error);
    return;
  }
  try {
    const report = (text: string): void => post({ kind: "report", text });
    const messages = new MessageTable(db.value, { ...options, report });
    removeLeftovers(options.contentDirectory, messages.files());
    const engine = new Engine(db.value, messages, new RecordTables(db.value), () => performance.now());
    new StoreWorker(port, engine, options.contentDirectory);
    post({ kind: "ready", highestQueueId: messages.highestQueueId });
  } catch (error) {
    post({ kind: "unusable", reason: reasonOf(error) });
    db.value.close();
  }
}

if (parentPort) start(parentPort, workerData as WorkerOptions);
