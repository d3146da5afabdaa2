import { statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { formatQueueId, type QueueId } from "../../core/queue/message.ts";
import { DuePageWriter, type DuePage } from "../../core/queue/due-page.ts";
import type { Counts, StoredContent, StoredPage } from "./calls.ts";
import { readAround } from "./damaged-pages.ts";
import { faultOf, isCorrupt, reasonOf } from "./faults.ts";
import { LiveSegments } from "./live-segments.ts";
import { prepareMail } from "./mail-sql.ts";
import type { Change, LoggedPut, Position, Unindexed } from "./unindexed.ts";

/** So much room of segments nobody needs is nothing to worry about. */
const SLACK_SEGMENTS = 4;

export interface MessageTableOptions {
  readonly contentDirectory: string;
  /** Octets of a segment of the log; throws where they cannot be read. */
  readonly readLog: (segment: number, at: number, octets: number) => Buffer;
  readonly capturedMax: number;
  /** About how much a segment takes. */
  readonly segmentOctets: number;
  readonly report: (text: string) => void;
}

/** Of the column `held`; 0 where no operator did either. */
const HELD = 1;
const RELEASED = 2;

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

type ContentRow = readonly [
  sizeOctets: number,
  dotLines: number,
  file: string | null,
  segment: number | null,
  at: number,
  checksum: number,
];

type DeletedRow = readonly [
  sizeOctets: number,
  captured: number,
  file: string | null,
  attempts: number,
  segment: number | null,
];

interface Figures extends Counts {
  readonly highest: number;
  readonly indexed: Position;
  readonly live: LiveSegments | null;
}

/** The tables of mail: message, content, outcome, quarantine. Synchronous; the caller begins and ends transactions. */
export class MessageTable {
  readonly #options: MessageTableOptions;
  readonly #sql: ReturnType<typeof prepareMail>;
  #queued = 0;
  #captured = 0;
  #octets = 0;
  #highest: number;
  #indexed: Position;
  #live: LiveSegments | null;
  #filesGone: string[] = [];
  #before: Figures;

  constructor(db: DatabaseSync, options: MessageTableOptions) {
    this.#options = options;
    this.#sql = prepareMail(db);
    this.#highest = this.#counter("queue-id");
    this.#indexed = { segment: this.#counter("log-segment"), at: this.#counter("log-at") };
    this.#live = this.#readLive();
    this.#count();
    this.#before = this.#figures();
  }

  /** No id above it was kept, as far as the log is indexed. */
  get highestQueueId(): number {
    return this.#highest;
  }

  /** Up to where the log is in the tables. */
  get indexed(): Position {
    return this.#indexed;
  }

  get queued(): number {
    return this.#queued;
  }

  has(id: number): boolean {
    return this.#sql.has.get(id) !== undefined;
  }

  /** Remembers the figures, for `undo`. */
  begin(): void {
    this.#before = this.#figures();
    this.#filesGone = [];
  }

  /** The transaction was rolled back: the figures are again what they were. */
  undo(): void {
    const { queued, captured, octets, highest, indexed, live } = this.#before;
    this.#queued = queued;
    this.#captured = captured;
    this.#octets = octets;
    this.#highest = highest;
    this.#indexed = indexed;
    this.#live = live;
    this.#filesGone = [];
  }

  /** Files of content whose rows are gone since `begin`: to be removed once that is committed. */
  get filesGone(): readonly string[] {
    return this.#filesGone;
  }

  /** Takes what the log has up to `position` into the tables. `highest` is the highest id in it. */
  index(unindexed: Unindexed, position: Position, highest: number): void {
    for (const [id, change] of unindexed.entries()) {
      if (change.put) this.#insert(id, change.put);
      if (change.removed) this.#delete(id);
      else if (change.settled) this.#settle(id, change);
      if (change.begun > 0 && !change.removed) this.#sql.begin.run(change.begun, id);
    }
    if (highest > this.#highest) this.#sql.writeCounter.run("queue-id", highest);
    this.#highest = Math.max(this.#highest, highest);
    this.#sql.writeCounter.run("log-segment", position.segment);
    this.#sql.writeCounter.run("log-at", position.at);
    this.#indexed = position;
  }

  #insert(id: number, put: LoggedPut): void {
    const { segment, sizeOctets, file, acceptedAt, host, envelopeChecksum } = put;
    const envelope = this.#options.readLog(segment, put.envelopeAt, put.envelopeOctets);
    const place =
      file === null ? ([segment, put.contentAt, put.contentChecksum] as const) : ([null, null, null] as const);
    const dots = put.dotLines ? 1 : 0;
    this.#sql.insert.run(id, envelope, envelopeChecksum, sizeOctets, dots, file, acceptedAt, host, ...place);
    if (file === null) this.#live?.add(segment, sizeOctets);
    this.#queued++;
    this.#octets += sizeOctets;
  }

  #settle(id: number, { attempts, dueAt, triedAt, outcomes, captured }: Change): void {
    const settled =
      dueAt > 0 ? this.#sql.deferred.run(attempts, dueAt, triedAt, id) : this.#sql.attempted.run(attempts, id);
    if (settled.changes === 0) return;
    for (const [recipient, text] of outcomes ?? []) this.#sql.insertOutcome.run(id, recipient, text);
    if (captured && this.#sql.capture.run(id).changes > 0) {
      this.#queued--;
      this.#captured++;
      this.#trimCaptured();
    }
  }

  hold(ids: readonly QueueId[], held: boolean): void {
    const statement = held ? this.#sql.hold : this.#sql.release;
    for (const id of ids) statement.run(id);
  }

  /** From the index alone: the pages of envelopes are not touched. Where it is damaged the messages are to be read one by one. */
  due(after: number, limit: number): DuePage {
    try {
      const rows = this.#sql.due.all(after, limit) as unknown as IndexRow[];
      const page = new DuePageWriter(rows.length);
      for (const [id, acceptedAt, dueAt, triedAt, host, held, begun] of rows) {
        page.add(id, acceptedAt, dueAt, triedAt, host, held === HELD, begun);
      }
      return page.page();
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#options.report(`the index of what is due is damaged, the queue is read without it: ${reasonOf(error)}`);
      const rows = this.#loadAround(after + 1, limit);
      const page = new DuePageWriter(rows.length);
      for (const [id, , , , , held] of rows) page.add(id, 0, 0, 0, null, held === HELD, 0);
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
    const row = this.#sql.contentHead.get(id) as unknown as ContentRow | undefined;
    if (!row) return null;
    const [sizeOctets, dots, file, segment, at, checksum] = row;
    const dotLines = dots !== 0;
    try {
      if (file !== null) {
        const size = statSync(join(this.#options.contentDirectory, file)).size;
        if (size === sizeOctets) return { kind: "file", name: file, sizeOctets, dotLines };
        this.quarantine(id, `its file ${file} has ${size} octets and should have ${sizeOctets}`);
        return null;
      }
      const octets =
        segment === null ? this.#contentRow(id) : checked(this.#options.readLog(segment, at, sizeOctets), checksum);
      if (octets) return { kind: "memory", octets, dotLines };
      this.quarantine(id, octets === null ? "its content does not match its checksum" : "its content is missing");
    } catch (error) {
      if (faultOf(error) === "busy" || (file === null && segment === null && !isCorrupt(error))) throw error;
      this.quarantine(id, `its content cannot be read: ${reasonOf(error)}`);
    }
    return null;
  }

  /** Null where it does not match its checksum, undefined where there is none. */
  #contentRow(id: number): Uint8Array | null | undefined {
    const row = this.#sql.content.get(id) as unknown as [Uint8Array, number] | undefined;
    return row && checked(row[0], row[1]);
  }

  /** Segments before `segment` that no message needs, of those named. */
  deadSegments(segments: readonly number[]): number[] {
    const live = this.#live;
    return live === null ? [] : segments.filter((one) => one < this.#indexed.segment && !live.has(one));
  }

  /**
   * The segment that should be emptied next, of so many that are there; null while what nobody needs takes less room than what
   * messages need and `SLACK_SEGMENTS` together.
   */
  sparseSegment(segments: number): number | null {
    const octets = this.#live?.octets ?? 0;
    const { segmentOctets } = this.#options;
    if (segments * segmentOctets <= 2 * octets + SLACK_SEGMENTS * segmentOctets) return null;
    return this.#live?.least(this.#indexed.segment) ?? null;
  }

  /** Octets of content in a segment that messages need; as many as can be where that is not known. */
  neededOf(segment: number): number {
    return this.#live?.octetsOf(segment) ?? Infinity;
  }

  /** Takes content of up to `messagesMax` messages out of a segment into the table, so that the segment can go. */
  moveContent(segment: number, messagesMax: number): void {
    for (const row of this.#sql.inSegment.all(segment, messagesMax) as unknown as number[][]) {
      const [id = 0, sizeOctets = 0] = row;
      const content = this.content(id as QueueId);
      if (content?.kind !== "memory") continue;
      this.#sql.insertContent.run(id, crc32(content.octets), content.octets);
      this.#sql.moved.run(id);
      this.#live?.remove(segment, sizeOctets);
    }
  }

  counts(): Counts {
    return { queued: this.#queued, captured: this.#captured, octets: this.#octets };
  }

  quarantine(id: QueueId, reason: string): void {
    this.#sql.quarantine.run(reason, id);
    const head = this.#sql.contentHead.get(id) as unknown as ContentRow | undefined;
    const row = this.#sql.delete.get(id) as unknown as DeletedRow | undefined;
    if (!row || !head) return;
    const [sizeOctets, , , segment, at] = head;
    // The segment will go: what can be read of the content is kept here.
    if (segment !== null) this.#rescue(id, segment, at, sizeOctets);
    this.#forget(row);
    this.#options.report(`message ${formatQueueId(id)} is quarantined: ${reason}`);
  }

  #rescue(id: number, segment: number, at: number, octets: number): void {
    try {
      const content = this.#options.readLog(segment, at, octets);
      this.#sql.insertContent.run(id, crc32(content), content);
    } catch {
      // There is nothing to keep.
    }
  }

  /** The names of every file of content that a row still needs. */
  files(): Set<string> {
    return new Set(this.#sql.files.all().map((row) => String(row[0])));
  }

  #counter(name: string): number {
    return Number(this.#sql.readCounter.get(name)?.[0] ?? 0);
  }

  #figures(): Figures {
    const { queued, captured, octets } = this.counts();
    return {
      queued,
      captured,
      octets,
      highest: this.#highest,
      indexed: this.#indexed,
      live: this.#live?.copy() ?? null,
    };
  }

  /** Null where the index of segments is damaged: none of them is given up then. */
  #readLive(): LiveSegments | null {
    try {
      return new LiveSegments(this.#sql.live.all() as unknown as [number, number, number][]);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      this.#options.report(`the index of segments is damaged, and none is given up: ${reasonOf(error)}`);
      return null;
    }
  }

  #delete(id: number): boolean {
    const row = this.#sql.delete.get(id) as unknown as DeletedRow | undefined;
    if (!row) return false;
    const [, , file, attempts, segment] = row;
    if (file !== null) this.#filesGone.push(file);
    else if (segment === null) this.#sql.deleteContent.run(id);
    if (attempts > 0) this.#sql.deleteOutcomes.run(id);
    this.#forget(row);
    return true;
  }

  #forget([sizeOctets, captured, , , segment]: DeletedRow): void {
    if (captured !== 0) this.#captured--;
    else this.#queued--;
    this.#octets -= sizeOctets;
    if (segment !== null) this.#live?.remove(segment, sizeOctets);
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
      text += `"attempts":${attempts},"held":${held === HELD},${held === RELEASED ? '"released":true,' : ""}"outcomes":[${outcomes.get(id) ?? ""}]}`;
      ids.push(id as QueueId);
    }
    return { ids, text: `[${text}]` };
  }

  #loadAround(from: number, limit: number): Row[] {
    const load = (at: number): Row | undefined => this.#sql.load.all(at, 1)[0] as unknown as Row | undefined;
    return readAround(load, from, limit, this.#options.report);
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

function checked(octets: Uint8Array, checksum: number): Uint8Array | null {
  return crc32(octets) === checksum ? octets : null;
}
