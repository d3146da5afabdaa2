import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SpoolFault } from "../../flows/ports.ts";
import { readBatch, type BatchRecord } from "./batch.ts";
import { READS, UNSYNCED, type BatchAnswer, type Call, type CallName, type Calls, type Refusal } from "./calls.ts";
import { faultOf, isCorrupt, reasonOf } from "./faults.ts";
import type { MessageTable } from "./message-table.ts";
import type { RecordTables } from "./record-tables.ts";

const PAGE_OCTETS = 4_096;
/** Pages of the write-ahead log that make a checkpoint due: 16 MiB. */
const WAL_PAGES_MAX = 4_096;
/** Commits that need no sync of their own are synced after this time at the latest. */
const UNSYNCED_MS_MAX = 1_000;

/** The calls as they are looked up by name: the sender's types have checked their arguments. */
type CallTable = { readonly [Name in CallName]: (...args: readonly unknown[]) => unknown };

/**
 * Carries out batches, each as one transaction. Synchronous, and without a thread of its own: `worker.ts` gives it one.
 */
export class Engine {
  readonly #db: DatabaseSync;
  readonly #messages: MessageTable;
  readonly #calls: CallTable;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #elapsedMs: () => number;
  /** About how many pages the write-ahead log has grown by since the last checkpoint. */
  #walPages = 0;
  #syncing = true;
  #unsyncedSince: number | null = null;
  #filesGone: string[] = [];

  /** `elapsedMs` is a monotonic clock. */
  constructor(db: DatabaseSync, messages: MessageTable, records: RecordTables, elapsedMs: () => number) {
    this.#db = db;
    this.#messages = messages;
    this.#calls = callsOf(messages, records);
    this.#begin = db.prepare("BEGIN");
    this.#commit = db.prepare("COMMIT");
    this.#elapsedMs = elapsedMs;
  }

  get checkpointDue(): boolean {
    return this.#walPages >= WAL_PAGES_MAX;
  }

  /** Whether a quiet moment has something to do. */
  get untidy(): boolean {
    return this.#walPages > 0;
  }

  /**
   * Files of content whose rows are gone for good, each told once. A file must not go while a power cut could still bring its
   * row back.
   */
  takeFilesGone(): readonly string[] {
    if (this.#unsyncedSince !== null || this.#filesGone.length === 0) return [];
    const files = this.#filesGone;
    this.#filesGone = [];
    return files;
  }

  /** Commits the batch, as a whole where there is room for it, and says what was refused. */
  execute(batch: ArrayBuffer, length: number, calls: readonly Call[]): BatchAnswer {
    const records = readBatch(batch, length);
    const refused: Refusal[] = [];
    const results: unknown[] = new Array<unknown>(calls.length);
    const all = [...records.keys()];
    try {
      this.#transact(records, all, calls, refused, results);
      return { broken: null, refused, results };
    } catch (error) {
      if (this.#undo(error) === "broken" && !isCorrupt(error)) return brokenBy(error);
      return this.#oneByOne(records, calls, error);
    }
  }

  /**
   * Copies the write-ahead log into the database and syncs both; the next commit begins the log anew. Throws a fault of storage;
   * lack of room is none: the log keeps everything until there is room.
   */
  checkpoint(): void {
    try {
      const row = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      const left = Number(row?.["log"]) - Number(row?.["checkpointed"]);
      // A reader, or another program that has the database open, may keep a rest back: tried again when as much has come again.
      this.#walPages = left === 0 ? 0 : Math.min(this.#walPages, WAL_PAGES_MAX / 2);
      if (left === 0) this.#unsyncedSince = null;
    } catch (error) {
      if (faultOf(error) === "broken") throw error;
      this.#walPages = WAL_PAGES_MAX / 2;
    }
  }

  /** Leaves one tidy file behind. */
  close(): void {
    this.#messages.settleMark();
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#unsyncedSince = null;
    this.#db.close();
  }

  #transact(
    records: readonly BatchRecord[],
    chosen: readonly number[],
    calls: readonly Call[],
    refused: Refusal[],
    results: unknown[],
  ): void {
    let pages = 0;
    this.#sync(chosen.some((index) => needsSync(records[index] as BatchRecord, calls)));
    this.#messages.begin();
    this.#begin.run();
    for (const index of chosen) {
      const record = records[index] as BatchRecord;
      switch (record.kind) {
        case "put": {
          const answer = this.#messages.put(record);
          if (answer !== "put")
            refused.push({ index, why: answer, reason: "the queue has as many messages as it may" });
          pages += 3 + Math.ceil((record.content?.length ?? 0) / PAGE_OCTETS);
          break;
        }
        case "settle":
          this.#messages.settle(record);
          pages += 3 + record.outcomes.length;
          break;
        case "call": {
          const call = calls[record.index] as Call;
          results[record.index] = this.#calls[call.name](...call.args);
          pages += READS.has(call.name) ? 0 : 8;
          break;
        }
      }
    }
    this.#commit.run();
    this.#walPages += pages === 0 ? 0 : pages + 4;
    this.#filesGone.push(...this.#messages.filesGone);
  }

  /**
   * Settling alone needs no sync of its own: what a power cut takes of it is delivered once more. The next commit that does sync
   * takes it along, in order, and so does a quiet moment; never later than `UNSYNCED_MS_MAX` while there are commits at all.
   */
  #sync(durable: boolean): void {
    const now = this.#elapsedMs();
    const late = this.#unsyncedSince !== null && now - this.#unsyncedSince >= UNSYNCED_MS_MAX;
    const wanted = durable || late;
    if (wanted) this.#unsyncedSince = null;
    else this.#unsyncedSince ??= now;
    if (wanted === this.#syncing) return;
    this.#db.exec(wanted ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    this.#syncing = wanted;
  }

  #undo(error: unknown): SpoolFault {
    this.#messages.undo();
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    } catch {
      return "broken";
    }
    return faultOf(error);
  }

  /**
   * The batch as a whole failed. Without room no put is taken, and the rest is tried one by one, for most of it needs none. At a
   * damaged page each does what it can: only a write that meets the damage ends all writing.
   */
  #oneByOne(records: readonly BatchRecord[], calls: readonly Call[], cause: unknown): BatchAnswer {
    const full = faultOf(cause) === "full";
    const refused: Refusal[] = [];
    const results: unknown[] = new Array<unknown>(calls.length);
    try {
      if (full) this.checkpoint(); // the log begins anew, and its room can be used again
      for (const [index, record] of records.entries()) {
        if (full && record.kind === "put") refused.push({ index, why: "full", reason: reasonOf(cause) });
        else this.#alone(records, index, calls, refused, results);
      }
    } catch (error) {
      return brokenBy(error);
    }
    return { broken: null, refused, results };
  }

  #alone(
    records: readonly BatchRecord[],
    index: number,
    calls: readonly Call[],
    refused: Refusal[],
    results: unknown[],
  ): void {
    const record = records[index] as BatchRecord;
    const call = record.kind === "call" ? (calls[record.index] as Call) : null;
    const reads = call !== null && READS.has(call.name);
    try {
      // A transaction that met damage cannot be committed, not even one that only reads: reading does without.
      if (reads && record.kind === "call") results[record.index] = this.#calls[call.name](...call.args);
      else this.#transact(records, [index], calls, refused, results);
    } catch (error) {
      const fault = reads ? faultOf(error) : this.#undo(error);
      if (fault === "full") refused.push({ index, why: "full", reason: reasonOf(error) });
      else if (reads && isCorrupt(error)) refused.push({ index, why: "unreadable", reason: reasonOf(error) });
      else throw error;
    }
  }
}

function brokenBy(error: unknown): BatchAnswer {
  return { broken: reasonOf(error), refused: [], results: [] };
}

/** Whether somebody relies on it from the moment it is answered. */
function needsSync(record: BatchRecord, calls: readonly Call[]): boolean {
  if (record.kind !== "call") return record.kind === "put";
  const { name } = calls[record.index] as Call;
  return !READS.has(name) && !UNSYNCED.has(name);
}

function callsOf(messages: MessageTable, records: RecordTables): CallTable {
  const calls: { readonly [Name in CallName]: Calls[Name] } = {
    begin: (id, faults) => messages.beginAttempt(id, faults),
    due: (after, limit) => messages.due(after, limit),
    load: (after, limit) => messages.load(after, limit),
    find: (id) => messages.find(id),
    content: (id) => messages.content(id),
    captured: (before, limit) => messages.captured(before, limit),
    counts: () => messages.counts(),
    hold: (ids, held) => messages.hold(ids, held),
    remove: (ids) => messages.remove(ids),
    quarantine: (id, reason) => messages.quarantine(id, reason),
    readPolicy: (fromVersion, limit) => records.readPolicy(fromVersion, limit),
    policyHeads: (fromVersion, limit) => records.policyHeads(fromVersion, limit),
    policyMark: (version) => records.policyMark(version),
    appendPolicy: (record, change) => records.appendPolicy(record, change),
    loadUses: () => records.loadUses(),
    saveUses: (uses) => records.saveUses(uses),
    findUser: (name) => records.findUser(name),
    putUser: (name, verifier, at) => records.putUser(name, verifier, at),
    removeUser: (name) => records.removeUser(name),
    listUsers: () => records.listUsers(),
  };
  return calls as CallTable;
}
