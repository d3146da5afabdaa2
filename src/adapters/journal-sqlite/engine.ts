import type { DatabaseSync } from "node:sqlite";
import type { Response, WorkerOptions } from "./calls.ts";
import { isDamage, openDatabase, putAside } from "./database.ts";
import { JournalTable, type Retention } from "./table.ts";

/** Decision numbers set aside at once. What a crash leaves of them is never given. */
export const DECISION_ID_BLOCK = 1_048_576;
/** The first number of all: five characters in base 32, as in `D-7F3K2`. */
const FIRST_DECISION_ID = 32 ** 4;
const ROWS_PER_REMOVAL_CYCLE = 10_000;

/**
 * Writes what it is handed, one transaction for what comes between two commits. Where that fails everything is kept and tried again
 * at the next commit: how much may wait is for the sender to limit. Synchronous; `worker.ts` gives it a thread.
 */
export class JournalEngine {
  readonly #file: string;
  readonly #retention: Retention;
  readonly #respond: (response: Response) => void;
  #db: DatabaseSync;
  #table: JournalTable;
  /** Batches since the last commit. */
  #kept: string[] = [];
  /** How many of them are written in the open transaction. */
  #written = 0;
  #reserve: number | null = null;
  readonly nextDecisionId: number;

  constructor({ file, retention, now }: WorkerOptions, respond: (response: Response) => void) {
    this.#file = file;
    this.#retention = retention;
    this.#respond = respond;
    let isNew = false;
    try {
      this.#db = openDatabase(file);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#db = this.#replace(error);
      isNew = true;
    }
    this.#table = new JournalTable(this.#db);
    // The numbers given before are lost with the damaged file; milliseconds since 1970 are beyond them.
    this.nextDecisionId = Math.max(this.#readReserved(), isNew ? now : FIRST_DECISION_ID);
    this.#writeReserved(this.nextDecisionId + DECISION_ID_BLOCK);
  }

  get table(): JournalTable {
    return this.#table;
  }

  lines(text: string): void {
    this.#kept.push(text);
    if (this.#written < this.#kept.length - 1) return; // The last attempt failed: the next commit tries again.
    this.#try(() => this.#writeKept());
  }

  /** Numbers up to `through` will have been given: on disk with the next commit. */
  reserve(through: number): void {
    this.#reserve = through;
  }

  commit(now: number): void {
    let more = false;
    const isDone = this.#try(() => {
      this.#writeKept();
      if (this.#reserve !== null) this.#writeReserved(this.#reserve);
      let removed = 0;
      do {
        more = this.#table.removeDue(now, this.#retention);
        removed++;
      } while (more && removed < ROWS_PER_REMOVAL_CYCLE / 2_000);
      if (this.#db.isTransaction) this.#db.exec("COMMIT");
    });
    if (!isDone) return;
    const batches = this.#kept.length;
    this.#kept = [];
    this.#written = 0;
    this.#reserve = null;
    this.#respond({ kind: "committed", batches, more });
  }

  /** Gives back the numbers that were not given and leaves one tidy file behind. */
  close(nextDecisionId: number, now: number): void {
    this.#reserve = nextDecisionId;
    this.commit(now);
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#db.close();
  }

  #writeKept(): void {
    for (; this.#written < this.#kept.length; this.#written++) {
      if (!this.#db.isTransaction) this.#db.exec("BEGIN IMMEDIATE");
      this.#table.write(this.#kept[this.#written] ?? "");
    }
  }

  /** Does it, or undoes the transaction and says why; with a damaged file put aside it is tried once more. */
  #try(task: () => void): boolean {
    try {
      task();
      return true;
    } catch (error) {
      this.#undo();
      if (isDamage(error)) {
        try {
          this.#db.close();
          this.#db = this.#replace(error);
          this.#table = new JournalTable(this.#db);
          task();
          return true;
        } catch (second) {
          this.#undo();
          return this.#fail(second);
        }
      }
      return this.#fail(error);
    }
  }

  #fail(error: unknown): false {
    this.#respond({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    return false;
  }

  #undo(): void {
    this.#written = 0;
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#table.undo();
    } catch {
      // The next commit will say what is wrong: it begins with the same tables.
    }
  }

  #replace(error: unknown): DatabaseSync {
    const keptAs = putAside(this.#file);
    const reason = error instanceof Error ? error.message : String(error);
    this.#respond({ kind: "damaged", reason, keptAs });
    return openDatabase(this.#file);
  }

  #readReserved(): number {
    return Number(this.#db.prepare("SELECT value FROM counter WHERE name = 'decision'").get()?.["value"] ?? 0);
  }

  #writeReserved(through: number): void {
    this.#db
      .prepare("INSERT INTO counter VALUES ('decision', ?) ON CONFLICT DO UPDATE SET value = excluded.value")
      .run(through);
  }
}
