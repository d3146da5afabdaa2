import { statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { formatQueueId, type QueueId } from "../../core/queue/message.ts";
import { DuePageWriter, type DuePage } from "../../core/queue/due-page.ts";
import type { BatchRecord } from "./batch.ts";
import type { Counts, StoredContent, StoredPage } from "./calls.ts";
import { isConstraint, isCorrupt, reasonOf } from "./faults.ts";

/** Ids are reserved a minute ahead (1,024 a millisecond), so that the mark is written once a minute and not with every message. */
const IDS_RESERVED = 60_000 * 1_024;

export interface MessageTableOptions {
  readonly contentDirectory: string;
  readonly queuedMax: number;
  readonly capturedMax: number;
  readonly report: (text: string) => void;
}

type Row = readonly [id: number, envelope: Uint8Array, checksum: number, size: number, attempts: number, held: number];

type IndexRow = readonly [
  id: number,
  acceptedAt: number,
  dueAt: number,
  triedAt: number,
  host: string | null,
  held: number,
  begun: number,
];

/** The tables of mail: message, content, outcome, quarantine. Synchronous; the caller begins and ends transactions. */
export class MessageTable {
  readonly #options: MessageTableOptions;
  readonly #sql: ReturnType<typeof prepareAll>;
  #queued = 0;
  #captured = 0;
  #octets = 0;
  #reserved: number;
  #highest: number;
  #filesGone: string[] = [];
  #before = { queued: 0, captured: 0, octets: 0, reserved: 0, highest: 0 };

  constructor(db: DatabaseSync, options: MessageTableOptions) {
    this.#options = options;
    this.#sql = prepareAll(db);
    this.#reserved = Number(this.#sql.readMark.get()?.[0] ?? 0);
    this.#highest = this.#reserved;
    this.#count();
  }

  /** No id above it was ever kept. */
  get highestQueueId(): number {
    return this.#highest;
  }

  /** Remembers the figures, for `undo`. */
  begin(): void {
    const { queued, captured, octets } = this.counts();
    this.#before = { queued, captured, octets, reserved: this.#reserved, highest: this.#highest };
    this.#filesGone = [];
  }

  /** The transaction was rolled back: the figures are again what they were. */
  undo(): void {
    this.#queued = this.#before.queued;
    this.#captured = this.#before.captured;
    this.#octets = this.#before.octets;
    this.#reserved = this.#before.reserved;
    this.#highest = this.#before.highest;
    this.#filesGone = [];
  }

  /** Files of content whose rows are gone since `begin`: to be removed once that is committed. */
  get filesGone(): readonly string[] {
    return this.#filesGone;
  }

  put(record: BatchRecord & { kind: "put" }): "put" | "full" | "duplicate" {
    if (this.#queued >= this.#options.queuedMax) return "full";
    const { id, envelope, content, sizeOctets } = record;
    try {
      const { file, acceptedAt, host } = record;
      this.#sql.insert.run(id, envelope, crc32(envelope), sizeOctets, record.dotLines ? 1 : 0, file, acceptedAt, host);
    } catch (error) {
      if (isConstraint(error)) return "duplicate";
      throw error;
    }
    // What quarantine left behind of an earlier message does not exist under this id: ids are given once.
    if (content) this.#sql.insertContent.run(id, crc32(content), content);
    if (id > this.#reserved) this.#reserve(id);
    this.#highest = Math.max(this.#highest, id);
    this.#queued++;
    this.#octets += sizeOctets;
    return "put";
  }

  settle(record: BatchRecord & { kind: "settle" }): void {
    const { id, disposition, outcomes } = record;
    if (disposition === "remove") {
      this.#delete(id);
      return;
    }
    const attempts = outcomes.length > 0 ? 1 : 0;
    const { dueAt, triedAt } = record;
    const settled =
      dueAt > 0 ? this.#sql.deferred.run(attempts, dueAt, triedAt, id) : this.#sql.attempted.run(attempts, id);
    if (settled.changes === 0) return;
    for (const { recipient, text } of outcomes) this.#sql.insertOutcome.run(id, recipient, text);
    if (disposition === "capture" && this.#sql.capture.run(id).changes > 0) {
      this.#queued--;
      this.#captured++;
      this.#trimCaptured();
    }
  }

  hold(ids: readonly QueueId[], held: boolean): void {
    const statement = held ? this.#sql.hold : this.#sql.release;
    for (const id of ids) statement.run(id);
  }

  beginAttempt(id: QueueId, faults: number): void {
    this.#sql.begin.run(faults + 1, id);
  }

  /** From the index alone: the pages of envelopes are not touched. Where it is damaged the messages are to be read one by one. */
  due(after: number, limit: number): DuePage {
    try {
      const rows = this.#sql.due.all(after, limit) as unknown as IndexRow[];
      const page = new DuePageWriter(rows.length);
      for (const [id, acceptedAt, dueAt, triedAt, host, held, begun] of rows) {
        page.add(id, acceptedAt, dueAt, triedAt, host, held !== 0, begun);
      }
      return page.page();
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#options.report(`the index of what is due is damaged, the queue is read without it: ${reasonOf(error)}`);
      const rows = this.#loadAround(after + 1, limit);
      const page = new DuePageWriter(rows.length);
      for (const [id, , , , , held] of rows) page.add(id, 0, 0, 0, null, held !== 0, 0);
      return page.page();
    }
  }

  remove(ids: readonly QueueId[]): number {
    return ids.filter((id) => this.#delete(id)).length;
  }

  load(after: number, limit: number): StoredPage {
    let rows: Row[];
    try {
      rows = this.#sql.load.all(after + 1, limit) as unknown as Row[];
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      rows = this.#loadAround(after + 1, limit);
    }
    const first = rows[0]?.[0] ?? 0;
    return this.#page(rows, this.#outcomesOf(first, rows.at(-1)?.[0] ?? 0));
  }

  captured(before: number, limit: number): StoredPage {
    const rows = this.#sql.captured.all(before, limit) as unknown as Row[];
    return this.#page(rows, this.#outcomesOf(rows.at(-1)?.[0] ?? 0, rows[0]?.[0] ?? 0));
  }

  find(id: QueueId): StoredPage {
    const row = this.#sql.find.get(id) as unknown as Row | undefined;
    return this.#page(row ? [row] : [], this.#outcomesOf(id, id));
  }

  content(id: QueueId): StoredContent | null {
    const row = this.#sql.contentHead.get(id) as unknown as [string | null, number, number] | undefined;
    if (!row) return null;
    const [file, sizeOctets, dots] = row;
    const dotLines = dots !== 0;
    try {
      if (file !== null) {
        const size = statSync(join(this.#options.contentDirectory, file)).size;
        if (size === sizeOctets) return { kind: "file", name: file, sizeOctets, dotLines };
        this.quarantine(id, `its file ${file} has ${size} octets and should have ${sizeOctets}`);
        return null;
      }
      const content = this.#sql.content.get(id) as unknown as [Uint8Array, number] | undefined;
      if (content && crc32(content[0]) === content[1]) return { kind: "memory", octets: content[0], dotLines };
      this.quarantine(id, content ? "its content does not match its checksum" : "its content is missing");
    } catch (error) {
      if (file === null && !isCorrupt(error)) throw error;
      this.quarantine(id, `its content cannot be read: ${reasonOf(error)}`);
    }
    return null;
  }

  counts(): Counts {
    return { queued: this.#queued, captured: this.#captured, octets: this.#octets };
  }

  quarantine(id: QueueId, reason: string): void {
    this.#sql.quarantine.run(reason, id);
    const row = this.#sql.delete.get(id) as unknown as [number, number] | undefined;
    if (!row) return;
    this.#forget(row[0], row[1] !== 0);
    this.#options.report(`message ${formatQueueId(id)} is quarantined: ${reason}`);
  }

  /** The names of every file of content that a row still needs. */
  files(): Set<string> {
    return new Set(this.#sql.files.all().map((row) => String(row[0])));
  }

  /** Lowers the mark of reserved ids to what was used: for a clean end. */
  settleMark(): void {
    if (this.#highest < this.#reserved) this.#sql.writeMark.run(this.#highest);
  }

  #reserve(id: number): void {
    this.#reserved = Math.min(id + IDS_RESERVED, Number.MAX_SAFE_INTEGER);
    this.#sql.writeMark.run(this.#reserved);
  }

  #delete(id: number): boolean {
    const row = this.#sql.delete.get(id) as unknown as [number, number, string | null, number] | undefined;
    if (!row) return false;
    const [size, captured, file, attempts] = row;
    if (file === null) this.#sql.deleteContent.run(id);
    else this.#filesGone.push(file);
    if (attempts > 0) this.#sql.deleteOutcomes.run(id);
    this.#forget(size, captured !== 0);
    return true;
  }

  #forget(sizeOctets: number, captured: boolean): void {
    if (captured) this.#captured--;
    else this.#queued--;
    this.#octets -= sizeOctets;
  }

  #trimCaptured(): void {
    const excess = this.#captured - this.#options.capturedMax;
    if (excess <= 0) return;
    for (const row of this.#sql.oldestCaptured.all(excess)) this.#delete(Number(row[0]));
  }

  /** The outcomes of the messages with ids from `first` to `last`, as the inside of a JSON array each. */
  #outcomesOf(first: number, last: number): Map<number, string> {
    const outcomes = new Map<number, string>();
    for (const row of this.#sql.outcomes.all(first, last) as unknown as [number, string][]) {
      const before = outcomes.get(row[0]);
      outcomes.set(row[0], before === undefined ? row[1] : `${before},${row[1]}`);
    }
    return outcomes;
  }

  /** Puts together what was written as JSON, unread. Rows that do not match their checksum go to quarantine. */
  #page(rows: readonly Row[], outcomes: ReadonlyMap<number, string>): StoredPage {
    const ids: QueueId[] = [];
    let text = "";
    for (const [id, envelope, checksum, sizeOctets, attempts, held] of rows) {
      if (crc32(envelope) !== checksum) {
        this.quarantine(id as QueueId, "its envelope does not match its checksum");
        continue;
      }
      const written = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.length).toString("utf8");
      text += `${ids.length === 0 ? "" : ","}{"id":${id},"written":${written},"sizeOctets":${sizeOctets},`;
      text += `"attempts":${attempts},"held":${held !== 0},"outcomes":[${outcomes.get(id) ?? ""}]}`;
      ids.push(id as QueueId);
    }
    return { ids, text: `[${text}]` };
  }

  /** Reads row by row where a page is damaged, and goes on behind it. */
  #loadAround(from: number, limit: number): Row[] {
    const rows: Row[] = [];
    for (let at = from; rows.length < limit;) {
      try {
        const row = this.#sql.load.all(at, 1)[0] as unknown as Row | undefined;
        if (!row) break;
        rows.push(row);
        at = row[0] + 1;
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        const next = this.#readableFrom(at);
        this.#options.report(`a damaged page hides the messages with ids from ${at} to ${next - 1}`);
        at = next;
      }
    }
    return rows;
  }

  /** The smallest id above `damaged`, at which reading fails, from which on it works; found by doubling, then by halving. */
  #readableFrom(damaged: number): number {
    let low = damaged;
    let high = damaged + 1;
    for (let step = 1; this.#isDamaged(high); step *= 2) {
      if (high === Number.MAX_SAFE_INTEGER) return high;
      low = high;
      high = Math.min(high + step, Number.MAX_SAFE_INTEGER);
    }
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#isDamaged(middle)) low = middle;
      else high = middle;
    }
    return high;
  }

  #isDamaged(id: number): boolean {
    try {
      this.#sql.load.all(id, 1);
      return false;
    } catch (error) {
      if (isCorrupt(error)) return true;
      throw error;
    }
  }

  #count(): void {
    try {
      const [queued, octets] = this.#sql.countQueued.get() as unknown as [number, number];
      const [captured, capturedOctets] = this.#sql.countCaptured.get() as unknown as [number, number];
      this.#queued = queued;
      this.#captured = captured;
      this.#octets = octets + capturedOctets;
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#options.report(`the table of messages is damaged: ${reasonOf(error)}`);
      const rows = this.#loadAround(0, Number.MAX_SAFE_INTEGER);
      this.#queued = rows.length;
      this.#octets = rows.reduce((sum, row) => sum + row[3], 0);
    }
  }
}

const ROW = "id, envelope, checksum, size_octets, attempts, held";

function prepareAll(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync & { get(...v: never[]): unknown } => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    insert: prepare(
      `INSERT INTO message (id, envelope, checksum, size_octets, dot_lines, file, accepted_at, host)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertContent: prepare("INSERT OR REPLACE INTO content (id, checksum, octets) VALUES (?, ?, ?)"),
    delete: prepare("DELETE FROM message WHERE id = ? RETURNING size_octets, captured, file, attempts"),
    deleteContent: prepare("DELETE FROM content WHERE id = ?"),
    deleteOutcomes: prepare("DELETE FROM outcome WHERE message = ?"),
    attempted: prepare("UPDATE message SET attempts = attempts + ?, begun = 0 WHERE id = ?"),
    deferred: prepare("UPDATE message SET attempts = attempts + ?, begun = 0, due_at = ?, tried_at = ? WHERE id = ?"),
    begin: prepare("UPDATE message SET begun = ? WHERE id = ?"),
    due: prepare(
      `SELECT id, accepted_at, due_at, tried_at, host, held, begun FROM message INDEXED BY message_due
       WHERE captured = 0 AND id > ? ORDER BY id LIMIT ?`,
    ),
    insertOutcome: prepare("INSERT OR REPLACE INTO outcome (message, recipient, outcome) VALUES (?, ?, ?)"),
    outcomes: prepare("SELECT message, outcome FROM outcome WHERE message BETWEEN ? AND ? ORDER BY message, recipient"),
    capture: prepare("UPDATE message SET captured = 1 WHERE id = ? AND captured = 0"),
    oldestCaptured: prepare("SELECT id FROM message WHERE captured = 1 ORDER BY id LIMIT ?"),
    hold: prepare("UPDATE message SET held = 1 WHERE id = ?"),
    release: prepare("UPDATE message SET held = 0, begun = 0 WHERE id = ?"),
    load: prepare(`SELECT ${ROW} FROM message WHERE id >= ? AND captured = 0 ORDER BY id LIMIT ?`),
    captured: prepare(`SELECT ${ROW} FROM message WHERE id < ? AND captured = 1 ORDER BY id DESC LIMIT ?`),
    find: prepare(`SELECT ${ROW} FROM message WHERE id = ?`),
    contentHead: prepare("SELECT file, size_octets, dot_lines FROM message WHERE id = ?"),
    content: prepare("SELECT octets, checksum FROM content WHERE id = ?"),
    quarantine: prepare(
      "INSERT OR REPLACE INTO quarantine (id, reason, envelope, file) SELECT id, ?, envelope, file FROM message WHERE id = ?",
    ),
    files: prepare(
      "SELECT file FROM message WHERE file IS NOT NULL UNION ALL SELECT file FROM quarantine WHERE file IS NOT NULL",
    ),
    countQueued: prepare("SELECT count(*), total(size_octets) FROM message INDEXED BY message_due WHERE captured = 0"),
    countCaptured: prepare("SELECT count(*), total(size_octets) FROM message WHERE captured = 1"),
    readMark: prepare("SELECT value FROM counter WHERE name = 'queue-id'"),
    writeMark: prepare("INSERT OR REPLACE INTO counter (name, value) VALUES ('queue-id', ?)"),
  };
}
