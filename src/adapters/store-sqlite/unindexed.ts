import { crc32 } from "node:zlib";
import { PUT_OCTETS, type LogRecord, type PutRecord, type SettleRecord } from "./log-record.ts";

/** Where a record begins, or where the log has been read up to. */
export interface Position {
  readonly segment: number;
  readonly at: number;
}

/** A message that the log has and the tables do not: where its parts are, for its octets are left where they are. */
export interface LoggedPut {
  readonly segment: number;
  readonly envelopeAt: number;
  readonly envelopeOctets: number;
  readonly envelopeChecksum: number;
  readonly contentAt: number;
  readonly contentChecksum: number;
  readonly sizeOctets: number;
  readonly dotLines: boolean;
  readonly file: string | null;
  readonly acceptedAt: number;
  readonly host: string | null;
}

/** What the log has of one message beyond what the tables have. */
export interface Change {
  /** Null where the tables have the message itself. */
  readonly put: LoggedPut | null;
  removed: boolean;
  captured: boolean;
  settled: boolean;
  attempts: number;
  dueAt: number;
  triedAt: number;
  /** Attempts that were begun since it was settled, or 0. */
  begun: number;
  outcomes: Map<number, string> | null;
}

/**
 * What is in the log and not yet in the tables. Most messages are put and settled before anybody writes a row for them: those are
 * gone from here as if they had never been, and cost the tables nothing.
 */
export class Unindexed {
  readonly #changes = new Map<number, Change>();
  #queued = 0;
  #filesGone: string[] = [];

  get size(): number {
    return this.#changes.size;
  }

  /** How many messages of the queue the tables do not have. */
  get queued(): number {
    return this.#queued;
  }

  get(id: number): Change | undefined {
    return this.#changes.get(id);
  }

  entries(): Iterable<[number, Change]> {
    return this.#changes;
  }

  /** All of it is in the tables. */
  clear(): void {
    this.#changes.clear();
    this.#queued = 0;
  }

  /** Files of content whose messages came and went without a row, each told once. */
  takeFilesGone(): string[] {
    const files = this.#filesGone;
    this.#filesGone = [];
    return files;
  }

  /** Takes a record that is in the log at `position`. */
  apply(record: LogRecord, position: Position): void {
    switch (record.kind) {
      case "put":
        this.#changes.set(record.id, changeOf(loggedPut(record, position)));
        this.#queued++;
        break;
      case "settle":
        this.#settle(record);
        break;
      case "begin":
        this.#changeOf(record.id).begun = record.faults + 1;
        break;
    }
  }

  #settle(record: SettleRecord): void {
    const change = this.#changeOf(record.id);
    if (change.removed) return;
    if (record.disposition === "remove") {
      this.#remove(record.id, change);
      return;
    }
    change.settled = true;
    change.begun = 0;
    if (record.outcomes.length > 0) change.attempts++;
    if (record.dueAt > 0) {
      change.dueAt = record.dueAt;
      change.triedAt = record.triedAt;
    }
    for (const { recipient, text } of record.outcomes) (change.outcomes ??= new Map()).set(recipient, text);
    if (record.disposition !== "capture" || change.captured) return;
    change.captured = true;
    if (change.put) this.#queued--;
  }

  #remove(id: number, change: Change): void {
    if (!change.put) {
      change.removed = true;
      return;
    }
    if (!change.captured) this.#queued--;
    if (change.put.file !== null) this.#filesGone.push(change.put.file);
    this.#changes.delete(id);
  }

  #changeOf(id: number): Change {
    let change = this.#changes.get(id);
    if (!change) this.#changes.set(id, (change = changeOf(null)));
    return change;
  }
}

function changeOf(put: LoggedPut | null): Change {
  return {
    put,
    removed: false,
    captured: false,
    settled: false,
    attempts: 0,
    dueAt: 0,
    triedAt: 0,
    begun: 0,
    outcomes: null,
  };
}

function loggedPut(record: PutRecord, { segment, at }: Position): LoggedPut {
  const { envelope, contentChecksum, sizeOctets, dotLines, file, acceptedAt, host } = record;
  const envelopeAt = at + PUT_OCTETS + (host?.length ?? 0);
  return {
    segment,
    envelopeAt,
    envelopeOctets: envelope.length,
    envelopeChecksum: crc32(envelope),
    contentAt: envelopeAt + envelope.length,
    contentChecksum,
    sizeOctets,
    dotLines,
    file,
    acceptedAt,
    host,
  };
}
