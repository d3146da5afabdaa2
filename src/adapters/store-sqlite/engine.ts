import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { QueueId } from "../../core/queue/message.ts";
import { logParts, readBatch, type BatchRecord } from "./batch.ts";
import { callTable, type CallTable } from "./call-table.ts";
import { MAIL_CALLS, READS, type BatchAnswer, type Call, type Refusal, type StoredContent } from "./calls.ts";
import { faultOf, isCorrupt, reasonOf } from "./faults.ts";
import type { LogRecord } from "./log-record.ts";
import type { MessageTable } from "./message-table.ts";
import type { RecordTables } from "./record-tables.ts";
import type { Reserve } from "./reserve.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Position, Unindexed } from "./unindexed.ts";

/** Pages of the write-ahead log that make a checkpoint due: 16 MiB. */
const WAL_PAGES_MAX = 4_096;
/** So many messages, or so much of the log, at most are not in the tables: as much has to be read again after a crash. */
const UNINDEXED_MAX = 512;
const UNINDEXED_OCTETS_MAX = 32 * 1_048_576;
/** While there is no room for rows, so many messages more may be in the log alone. */
const UNINDEXED_CROWDED = 20_000;
/** Where room is short, a segment that has grown so far may be given up before it is full. */
const SPARSE_OCTETS_MIN = 1_048_576;
/** Out of a sparse segment so many messages are moved at a time. */
const MOVED_MAX = 32;

export interface EngineParts {
  readonly db: DatabaseSync;
  readonly log: SegmentLog;
  readonly unindexed: Unindexed;
  readonly messages: MessageTable;
  readonly records: RecordTables;
  readonly reserve: Reserve;
  readonly contentDirectory: string;
  readonly queuedMax: number;
  /** The highest queue id that was kept. */
  readonly highest: number;
}

/**
 * Carries out batches: mail goes to the log, and is on stable storage with one sync; the tables learn of it later, in larger
 * portions, and never of what is over by then. Synchronous, and without a thread of its own: `worker.ts` gives it one.
 */
export class Engine {
  readonly #parts: EngineParts;
  readonly #log: SegmentLog;
  readonly #unindexed: Unindexed;
  readonly #messages: MessageTable;
  readonly #calls: CallTable;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #broken: string | null = null;
  /** Up to where the log is in `#unindexed` or in the tables. */
  #applied: Position;
  #highest: number;
  /** About how many pages the write-ahead log has grown by since the last checkpoint. */
  #walPages = 0;
  #syncing = true;
  /** There is no room: what was settled may be here and neither in the log nor in the tables. */
  #crowded = false;
  /** There was no room for a message, and no segment was given up since. */
  #isShort = false;
  #filesGone: string[] = [];
  #segmentsGone: string[] = [];
  /** While there are any, files stay. */
  #pins = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#unindexed = parts.unindexed;
    this.#messages = parts.messages;
    this.#calls = callTable(parts.messages, parts.records, {
      content: (id) => this.#content(id),
      pin: () => void this.#pins++,
      unpin: () => void this.#pins--,
    });
    this.#begin = parts.db.prepare("BEGIN");
    this.#commit = parts.db.prepare("COMMIT");
    this.#applied = parts.log.position;
    this.#highest = parts.highest;
  }

  /** Whether `tidy` has something to do before the next quiet moment. */
  get isTidyDue(): boolean {
    return (
      this.#crowded ||
      (this.#log.isFull && this.#log.isNextReady) ||
      this.#isIndexingDue ||
      this.#walPages >= WAL_PAGES_MAX
    );
  }

  /** Whether a quiet moment has something to do. */
  get isUntidy(): boolean {
    return this.#crowded || this.#walPages > 0 || this.#unindexed.size > 0 || this.#parts.reserve.isSpent;
  }

  get #isIndexingDue(): boolean {
    const { indexed } = this.#messages;
    const { segment, at } = this.#applied;
    const octets = segment === indexed.segment ? at - indexed.at : UNINDEXED_OCTETS_MAX;
    return this.#unindexed.size >= UNINDEXED_MAX || octets >= UNINDEXED_OCTETS_MAX;
  }

  /**
   * Paths of files that are needed no more, each told once. A file must not go while a power cut could still bring back the message
   * that needs it: the log has its end, but where there was no room for that.
   */
  takeFilesGone(): readonly string[] {
    if (this.#pins > 0) return [];
    const gone = this.#segmentsGone;
    this.#segmentsGone = [];
    if (this.#crowded) return gone;
    for (const name of [...this.#filesGone, ...this.#unindexed.takeFilesGone()]) {
      gone.push(join(this.#parts.contentDirectory, name));
    }
    this.#filesGone = [];
    return gone;
  }

  /** Does what is in the batch, as a whole where there is room for it, and says what was refused. */
  execute(batch: ArrayBuffer, length: number, calls: readonly Call[]): BatchAnswer {
    const octets = Buffer.from(batch, 0, length);
    const records = readBatch(octets);
    const refused: Refusal[] = [];
    const results: unknown[] = new Array<unknown>(calls.length);
    try {
      const accepted = this.#admit(records, refused);
      const from = this.#write(octets, records, accepted, refused);
      let at = from?.at ?? 0;
      for (const [index, { record, octets: size }] of records.entries()) {
        if (record.kind === "call") {
          this.#call(calls[record.index] as Call, index, (result) => (results[record.index] = result), refused);
        } else if (accepted[index]) {
          this.#apply(record, from && { segment: from.segment, at });
          at += size;
          if (from) this.#applied = { segment: from.segment, at };
        }
      }
      return { broken: null, refused, results };
    } catch (error) {
      this.#broken ??= reasonOf(error);
      return { broken: this.#broken, refused: [], results: [] };
    }
  }

  /**
   * What need not be done before an answer: takes the log into the tables, checkpoints, begins new segments and gives up old ones.
   * Throws a fault of storage; lack of room is none.
   */
  tidy(isQuiet: boolean): void {
    if (this.#broken !== null) return;
    try {
      const isNew = this.#log.isFull && this.#roll();
      let isDurable = false;
      if (this.#isIndexingDue || this.#crowded || isNew || (isQuiet && this.#unindexed.size > 0)) {
        const wantsRoom = isNew || this.#crowded || this.#isShort;
        isDurable = this.#index(wantsRoom) && wantsRoom;
      }
      // Where room is short, the write-ahead log must not grow.
      const isCheckpointDue = this.#walPages >= WAL_PAGES_MAX || ((isQuiet || this.#crowded) && this.#walPages > 0);
      if (isCheckpointDue) isDurable = this.#checkpoint() || isDurable;
      if (isDurable) {
        this.#crowded = false;
        if (this.#pins === 0) this.#reclaim();
      }
      if (!this.#crowded && (isQuiet || this.#parts.reserve.isSpent)) this.#parts.reserve.keep();
    } catch (error) {
      this.#broken ??= reasonOf(error);
      throw error;
    }
  }

  /** Leaves one tidy file behind, and of the log what messages need. */
  close(): void {
    this.#parts.reserve.end();
    this.#log.close();
    this.#applied = this.#log.position;
    if (this.#index(true)) this.#log.remove(this.#deadSegments());
    this.#parts.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#parts.db.close();
  }

  /** Which records are taken: all but messages for which there is no room in the queue, or that are there already. */
  #admit(records: readonly BatchRecord[], refused: Refusal[]): boolean[] {
    let room = this.#room(records);
    if (this.#parts.reserve.isSpent) {
      // What leaves goes first.
      this.#crowded = true;
      room = 0;
    }
    const coming = new Set<number>();
    return records.map(({ record }, index) => {
      if (record.kind !== "put") return record.kind !== "call";
      const { id } = record;
      const isThere = this.#unindexed.get(id) !== undefined || coming.has(id);
      if (isThere || (id <= this.#messages.highestQueueId && this.#messages.has(id))) {
        refused.push({ index, why: "duplicate", reason: "there is a message with this id" });
        return false;
      }
      if (room <= 0) {
        const reason = this.#parts.reserve.isSpent ? "no space left" : "the queue has as many messages as it may";
        refused.push({ index, why: "full", reason });
        return false;
      }
      room--;
      coming.add(id);
      return true;
    });
  }

  #room(records: readonly BatchRecord[]): number {
    if (this.#unindexed.size >= UNINDEXED_CROWDED && !this.#index(false)) return 0;
    const count = (): number => this.#parts.queuedMax - this.#messages.queued - this.#unindexed.queued;
    // What was settled of messages in the tables counts only once the tables know of it.
    if (count() < records.length && this.#unindexed.size > 0) this.#index(false);
    return count();
  }

  /**
   * Writes what is accepted to the log, and returns where it came. Without room (null) no message is taken, and
   * what was settled is kept here until the tables have room for it.
   */
  #write(octets: Buffer, records: readonly BatchRecord[], accepted: boolean[], refused: Refusal[]): Position | null {
    const parts = logParts(records, accepted);
    if (parts.length === 0) return null;
    try {
      return this.#log.append(octets, parts);
    } catch (error) {
      if (faultOf(error) === "broken") throw error;
      this.#crowded = true;
      this.#isShort = true;
      for (const [index, { record }] of records.entries()) {
        if (record.kind !== "put" || !accepted[index]) continue;
        accepted[index] = false;
        refused.push({ index, why: "full", reason: reasonOf(error) });
      }
      return null;
    }
  }

  #apply(record: LogRecord, position: Position | null): void {
    if (record.kind === "put") this.#highest = Math.max(this.#highest, record.id);
    this.#unindexed.apply(record, position ?? this.#applied);
  }

  #call(call: Call, index: number, answer: (result: unknown) => void, refused: Refusal[]): void {
    const task = (): void => answer(this.#calls[call.name](...call.args));
    const isMail = MAIL_CALLS.has(call.name);
    if (READS.has(call.name)) {
      try {
        if (isMail) this.#withLog(task);
        else task();
      } catch (error) {
        if (!isCorrupt(error) && faultOf(error) === "broken") throw error;
        refused.push({ index, why: "unreadable", reason: reasonOf(error) });
      }
      return;
    }
    try {
      this.#transact(true, isMail, task);
    } catch (error) {
      if (faultOf(error) === "broken") throw error;
      refused.push({ index, why: "full", reason: reasonOf(error) });
    }
  }

  /** Runs `task`, which reads, on tables that have all of the log: where they cannot keep it, only as long as that takes. */
  #withLog(task: () => void): void {
    if (this.#unindexed.size === 0 || (this.#broken === null && this.#index(false))) {
      task();
      return;
    }
    this.#begin.run();
    this.#messages.begin();
    try {
      this.#messages.index(this.#unindexed, this.#applied, this.#highest);
      task();
    } finally {
      this.#rollBack();
    }
  }

  /** Takes the log into the tables; false where there is no room for that, not even in reserve. */
  #index(isDurable: boolean): boolean {
    // A write-ahead log that was copied is written from its start again.
    const checkpoint = (): boolean => this.#checkpoint();
    const spend = (): boolean => this.#parts.reserve.spend() && this.#checkpoint();
    for (const makesRoom of [checkpoint, spend, () => false]) {
      try {
        this.#transact(isDurable, true, () => undefined);
        return true;
      } catch (error) {
        if (faultOf(error) === "broken") throw error;
        this.#crowded = true;
        makesRoom();
      }
    }
    return false;
  }

  /** Does `task` in a transaction, and before it, where it is about mail, takes the log into the tables. */
  #transact(isDurable: boolean, isMail: boolean, task: () => void): void {
    this.#synchronous(isDurable);
    this.#begin.run();
    this.#messages.begin();
    try {
      if (isMail) this.#messages.index(this.#unindexed, this.#applied, this.#highest);
      task();
      this.#commit.run();
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    this.#walPages += 8;
    if (!isMail) return;
    this.#walPages += 3 * this.#unindexed.size;
    this.#filesGone.push(...this.#messages.filesGone, ...this.#unindexed.takeFilesGone());
    this.#unindexed.clear();
  }

  #rollBack(): void {
    this.#messages.undo();
    if (this.#parts.db.isTransaction) this.#parts.db.exec("ROLLBACK");
  }

  /** What is taken from the log can be taken again after a power cut: such a transaction needs no sync. */
  #synchronous(isDurable: boolean): void {
    if (isDurable === this.#syncing) return;
    this.#parts.db.exec(isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    this.#syncing = isDurable;
  }

  /** Copies the write-ahead log into the database and syncs both; true where all of it came over. */
  #checkpoint(): boolean {
    try {
      const row = this.#parts.db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      const left = Number(row?.["log"]) - Number(row?.["checkpointed"]);
      // A reader, or another program that has the database open, may keep a rest back: tried again when as much has come again.
      this.#walPages = left === 0 ? 0 : Math.min(this.#walPages, WAL_PAGES_MAX / 2);
      return left === 0;
    } catch (error) {
      if (faultOf(error) === "broken") throw error;
      this.#walPages = WAL_PAGES_MAX / 2;
      return false;
    }
  }

  /** Whether little of the segment under way is needed, and it is worth it. */
  get #isSparse(): boolean {
    const { segment, at } = this.#applied;
    return at >= SPARSE_OCTETS_MIN && 2 * this.#messages.neededOf(segment) < at;
  }

  #roll(): boolean {
    if (!this.#log.roll()) return false;
    this.#applied = this.#log.position;
    return true;
  }

  /**
   * Gives up segments that no message needs, as the disk has it, and empties one of which little is needed. Where there was no room
   * for a message, the segment under way is given up too when little of it is needed: it would never get full.
   */
  #reclaim(): void {
    const isShort = this.#isShort || this.#parts.reserve.isSpent;
    if (isShort && this.#isSparse && this.#roll() && !this.#index(true)) return;
    const dead = this.#log.retire(this.#deadSegments(), !isShort);
    this.#segmentsGone.push(...dead);
    if (dead.length > 0) this.#isShort = false;
    const sparse = this.#messages.sparseSegment(this.#log.closedSegments().length);
    if (sparse === null) return;
    try {
      this.#transact(false, true, () => this.#messages.moveContent(sparse, MOVED_MAX));
    } catch (error) {
      if (faultOf(error) === "broken") throw error;
    }
  }

  #deadSegments(): number[] {
    return this.#messages.deadSegments(this.#log.closedSegments());
  }

  #content(id: QueueId): StoredContent | null {
    const change = this.#unindexed.get(id);
    if (change?.removed) return null;
    const put = change?.put;
    if (put?.file === null) {
      const octets = this.#log.read(put.segment, put.contentAt, put.sizeOctets);
      if (crc32(octets) === put.contentChecksum) return { kind: "memory", octets, dotLines: put.dotLines };
    }
    if (put) this.#index(false);
    return this.#messages.content(id);
  }
}
