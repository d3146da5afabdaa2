import { closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The steps from an empty database to the present tables; PRAGMA user_version is how many it has taken. docs/journal.md explains them. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE event (
     row INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     kind TEXT NOT NULL,
     client ANY,
     user TEXT,
     domains TEXT,
     queue INTEGER,
     decision INTEGER,
     verdict TEXT,
     rule TEXT,
     entry INTEGER,
     version INTEGER,
     count INTEGER NOT NULL DEFAULT 1,
     detail TEXT NOT NULL
   ) STRICT;
   CREATE INDEX event_decision ON event (decision) WHERE decision IS NOT NULL;
   CREATE INDEX event_queue ON event (queue) WHERE queue IS NOT NULL;
   CREATE TABLE span (
     first INTEGER PRIMARY KEY,
     last INTEGER NOT NULL,
     "from" INTEGER NOT NULL,
     "to" INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
];

/** Opens the journal's database and takes the migrations that are missing. Throws SQLite's error, or one that says it is newer. */
export function openDatabase(file: string): DatabaseSync {
  // It names who writes to whom: nobody else may read it. SQLite gives its log beside it the same mode.
  closeSync(openSync(file, "a", 0o600));
  // Who else has it open may hold it: what could not be written is kept and tried again.
  const db = new DatabaseSync(file, { timeout: 250 });
  try {
    db.exec("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL");
    // A commit is synced: what is committed stays, also through a power cut. There are two a second at most.
    db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216");
    // No memory map: an unreadable sector must be an error that is answered, not a signal that kills.
    db.exec("PRAGMA mmap_size = 0; PRAGMA cache_size = -4096; PRAGMA trusted_schema = OFF");
    const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (version > MIGRATIONS.length) {
      throw new Error(
        `${file} has version ${version} and was made by a newer release; this one knows ${MIGRATIONS.length}`,
      );
    }
    for (const [step, statements] of MIGRATIONS.entries()) {
      if (step >= version) db.exec(`BEGIN IMMEDIATE; ${statements}; PRAGMA user_version = ${step + 1}; COMMIT`);
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Whether the file itself is damaged: waiting does not mend it. */
export function isDamage(error: unknown): boolean {
  const code = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined;
  const primary = typeof code === "number" ? code & 0xff : 0;
  return primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB;
}

/** Renames a damaged database and says how it is called now. Nine are kept, the ninth gives way to the next. */
export function putAside(file: string): string {
  let copy = 1;
  while (copy < 9 && existsSync(`${file}.damaged-${copy}`)) copy++;
  const keptAs = `${file}.damaged-${copy}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    rmSync(keptAs + suffix, { force: true });
    if (existsSync(file + suffix)) renameSync(file + suffix, keptAs + suffix);
  }
  return keptAs;
}
