/**
 * Copies the store, as it is at one moment, into a new folder: a data directory that a relay can start on. In a thread and with a
 * connection of its own, so that mail flows meanwhile; the caller sees to it that no file goes before it is copied (`pin`).
 */
import { constants, copyFileSync, mkdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { err, ok, type Result } from "../../core/base/result.ts";
import { syncDirectory } from "./data-directory.ts";
import { reasonOf } from "./faults.ts";
import { readSegment } from "./segment-log.ts";

export interface BackupOptions {
  readonly file: string;
  readonly contentDirectory: string;
  readonly logDirectory: string;
  /** Where the copy goes; it is there, empty, and the caller's. */
  readonly target: string;
}

export interface StoreCopy {
  /** Of the queue and the capture box. */
  readonly messages: number;
  /** Those of them whose content cannot be read; the copy has the rest of them. */
  readonly damaged: number;
}

/** So many messages are read at a time. */
const MESSAGES_PER_STEP = 64;

/** Where it fails or is given up, what is in the folder is of no use. */
export async function copyStore(options: BackupOptions, signal: AbortSignal): Promise<Result<StoreCopy, string>> {
  const worker = new Worker(new URL("./backup.ts", import.meta.url), { workerData: options, name: "store backup" });
  const { promise, resolve } = Promise.withResolvers<Result<StoreCopy, string>>();
  const giveUp = (): void => void worker.terminate();
  signal.addEventListener("abort", giveUp);
  worker.once("message", resolve);
  worker.once("error", (error: Error) => resolve(err(error.message)));
  worker.once("exit", () => resolve(err("it was given up, since the relay stops")));
  if (signal.aborted) giveUp();
  const copied = await promise;
  signal.removeEventListener("abort", giveUp);
  return copied;
}

async function copy({ file, contentDirectory, logDirectory, target }: BackupOptions): Promise<StoreCopy> {
  const database = join(target, "relaykeeper.db");
  const content = join(target, "content");
  const source = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    // One statement, one moment.
    source.prepare("VACUUM INTO ?").run(database);
  } finally {
    source.close();
  }
  mkdirSync(content, { mode: 0o700 });
  const db = new DatabaseSync(database);
  let damaged = 0;
  try {
    // Nobody else knows the copy yet: it is made whole, or it is removed.
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY");
    damaged += takeContent(db, logDirectory);
    damaged += await copyFiles(db, contentDirectory, content);
    return { messages: Number(db.prepare("SELECT count(*) AS messages FROM message").get()?.["messages"]), damaged };
  } finally {
    db.close();
    await syncFile(database);
    await syncDirectory(content);
    await syncDirectory(target);
  }
}

/** The copy has no log: content goes into its table. Returns how much of it could not be read. */
function takeContent(db: DatabaseSync, logDirectory: string): number {
  const page = db.prepare(
    `SELECT id, segment, content_at, size_octets, content_checksum FROM message
     WHERE segment IS NOT NULL AND id > ? ORDER BY id LIMIT ${MESSAGES_PER_STEP}`,
  );
  const insert = db.prepare("INSERT INTO content (id, checksum, octets) VALUES (?, ?, ?)");
  const move = db.prepare(
    "UPDATE message SET segment = NULL, content_at = NULL, content_checksum = NULL WHERE id BETWEEN ? AND ? AND segment IS NOT NULL",
  );
  let damaged = 0;
  for (let after = 0; ;) {
    const rows = page.all(after).map((row) => ({
      id: Number(row["id"]),
      segment: Number(row["segment"]),
      at: Number(row["content_at"]),
      octets: Number(row["size_octets"]),
      checksum: Number(row["content_checksum"]),
    }));
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return damaged;
    db.exec("BEGIN");
    for (const { id, segment, at, octets, checksum } of rows) {
      try {
        const content = readSegment(logDirectory, segment, at, octets);
        insert.run(id, checksum, content);
        if (crc32(content) !== checksum) damaged++;
      } catch {
        damaged++;
      }
    }
    move.run(first.id, last.id);
    db.exec("COMMIT");
    after = last.id;
  }
}

/** Large content. Returns how many files could not be read. */
async function copyFiles(db: DatabaseSync, from: string, to: string): Promise<number> {
  let damaged = 0;
  const files = db.prepare(
    "SELECT file FROM message WHERE file IS NOT NULL UNION SELECT file FROM quarantine WHERE file IS NOT NULL",
  );
  for (const row of files.iterate()) {
    const name = String(row["file"]);
    try {
      copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      damaged++;
      continue;
    }
    await syncFile(join(to, name));
  }
  return damaged;
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

if (parentPort && workerData) {
  const port = parentPort;
  const answer = (result: Result<StoreCopy, string>): void => port.postMessage(result);
  copy(workerData as BackupOptions).then(
    (made) => answer(ok(made)),
    (error: unknown) => answer(err(reasonOf(error))),
  );
}
