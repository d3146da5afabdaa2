import { DatabaseSync } from "node:sqlite";
import { err, ok, type Result } from "../../core/base/result.ts";

/**
 * The steps from an empty database to the present tables; the version of a database (PRAGMA user_version) is how many it has
 * taken. A step that was released is never edited: a change of the tables is a new step. docs/store.md explains the tables.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE message (
     id INTEGER PRIMARY KEY,
     envelope BLOB NOT NULL,
     checksum INTEGER NOT NULL,
     size_octets INTEGER NOT NULL,
     dot_lines INTEGER NOT NULL,
     file TEXT,
     attempts INTEGER NOT NULL DEFAULT 0,
     held INTEGER NOT NULL DEFAULT 0,
     captured INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX message_captured ON message (id) WHERE captured = 1;
   CREATE INDEX message_file ON message (file) WHERE file IS NOT NULL;
   CREATE TABLE content (id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, octets BLOB NOT NULL) STRICT;
   CREATE TABLE outcome (
     message INTEGER NOT NULL,
     recipient INTEGER NOT NULL,
     outcome TEXT NOT NULL,
     PRIMARY KEY (message, recipient)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE quarantine (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, envelope BLOB, file TEXT) STRICT;
   CREATE TABLE policy (
     version INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     by TEXT NOT NULL,
     command TEXT NOT NULL,
     change TEXT NOT NULL
   ) STRICT;
   CREATE TABLE entry_use (
     entry INTEGER PRIMARY KEY,
     hits INTEGER NOT NULL,
     last_used_at INTEGER NOT NULL,
     last_client TEXT NOT NULL
   ) STRICT;
   CREATE TABLE user (
     name TEXT PRIMARY KEY,
     added_at INTEGER NOT NULL,
     salt BLOB NOT NULL,
     iterations INTEGER NOT NULL,
     stored_key BLOB NOT NULL,
     server_key BLOB NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  // Messages that are there already have no host: the schedule has to read them.
  `ALTER TABLE message ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE message ADD COLUMN host TEXT;
   ALTER TABLE message ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE message ADD COLUMN tried_at INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE message ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
   CREATE INDEX message_due ON message (id, accepted_at, due_at, tried_at, host, held, begun, size_octets) WHERE captured = 0;`,
  // Content is in the log, at `content_at` of `segment`; in the table `content` where there is no segment and no file.
  `ALTER TABLE message ADD COLUMN segment INTEGER;
   ALTER TABLE message ADD COLUMN content_at INTEGER;
   ALTER TABLE message ADD COLUMN content_checksum INTEGER;
   CREATE INDEX message_segment ON message (segment, size_octets) WHERE segment IS NOT NULL;`,
];

/** So much of the file may be free at a start; with more it is made small, where what it holds is no more than this. */
const FREE_OCTETS_MAX = 64 * 1_048_576;
const LIVE_OCTETS_MAX = 32 * 1_048_576;

export const SCHEMA_VERSION = MIGRATIONS.length;

export type SchemaFault =
  | { readonly kind: "newer"; readonly version: number; readonly known: number }
  | { readonly kind: "unusable"; readonly reason: string };

/** Opens the database, sets it up for durable group commits, and takes the migrations that are missing. */
export function openDatabase(file: string): Result<DatabaseSync, SchemaFault> {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 5_000 });
    // Small pages: a message touches few octets besides its content, and a page is written whole (docs/store.md has figures).
    db.exec("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    // Checkpoints are ours to time: after an answer, never before it.
    db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864");
    // No memory map: an unreadable sector must be an error that is answered, not a signal that kills.
    db.exec("PRAGMA mmap_size = 0; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY");
    db.exec("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF");
    const version = versionOf(db);
    if (version > SCHEMA_VERSION) {
      db.close();
      return err({ kind: "newer", version, known: SCHEMA_VERSION });
    }
    for (let step = version; step < SCHEMA_VERSION; step++) migrate(db, step);
    shrink(db);
    return ok(db);
  } catch (error) {
    if (db?.isOpen) db.close();
    return err({ kind: "unusable", reason: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * A long queue leaves a large file of free pages. It is made small where nobody waits for a commit, at start, and only where that is
 * done in a moment and in little memory. Where it fails the file stays large: nothing depends on it.
 */
function shrink(db: DatabaseSync): void {
  const figure = (name: string): number => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  const [octets, free] = [figure("page_size"), figure("freelist_count")];
  if (free * octets < FREE_OCTETS_MAX || (figure("page_count") - free) * octets > LIVE_OCTETS_MAX) return;
  try {
    db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // No room for the copy, or a damaged page: what can be read is served as it stands.
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
}

function migrate(db: DatabaseSync, step: number): void {
  db.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[step]}; PRAGMA user_version = ${step + 1}; COMMIT`);
}
