import { crc32 } from "node:zlib";
import type { Disposition } from "../../flows/ports.ts";

/**
 * A record of the log: what a session or a delivery handed in, in the octets in which it came over to the store thread, so that
 * nothing is copied on its way to the disk. Little endian:
 *
 *      0  mark        8 octets, chosen at random for each segment
 *      8  octets      u32, of the whole record
 *     12  checksum    u32, CRC-32 of the fields: from 20 on to the end, or to the content of a put
 *     16  head's      u32, CRC-32 of the 16 octets before it
 *     20  kind u8, flags or disposition u8, host length u16
 *     24  put: envelope length u32, content length u32, content's CRC-32 u32, id f64, size f64, accepted f64;
 *         host, envelope JSON, content or file name
 *     24  settle: outcomes u32, 8 free, id f64, due f64, tried f64; for each outcome: recipient u32, length u32, JSON
 *     24  begin: faults u32, 8 free, id f64
 *
 * Whoever sends mail cannot know the mark: no content can look like a record, not even where damage makes the reader search.
 */
export const PUT = 1;
export const SETTLE = 2;
export const BEGIN = 3;
export const HEAD_OCTETS = 20;
export const PUT_OCTETS = 60;
export const SETTLE_OCTETS = 60;
export const BEGIN_OCTETS = 44;
export const OUTCOME_OCTETS = 8;
export const MARK_OCTETS = 8;
export const DOT_LINES = 1;
export const IN_FILE = 2;
export const DISPOSITIONS: readonly Disposition[] = ["keep", "remove", "capture"];

/** As it is read: octets are views. */
export type LogRecord = PutRecord | SettleRecord | BeginRecord;

export interface PutRecord {
  readonly kind: "put";
  readonly id: number;
  readonly sizeOctets: number;
  readonly dotLines: boolean;
  readonly acceptedAt: number;
  /** The host that all recipients share, null where they have several. */
  readonly host: string | null;
  readonly envelope: Uint8Array;
  /** The content, or null where it is in `file`. */
  readonly content: Uint8Array | null;
  /** CRC-32 of the content, or of the file's name. */
  readonly contentChecksum: number;
  readonly file: string | null;
}

export interface SettleRecord {
  readonly kind: "settle";
  readonly id: number;
  readonly disposition: Disposition;
  /** When it is tried again, and when it was; 0 where these outcomes defer nothing. */
  readonly dueAt: number;
  readonly triedAt: number;
  readonly outcomes: readonly { readonly recipient: number; readonly text: string }[];
}

export interface BeginRecord {
  readonly kind: "begin";
  readonly id: number;
  readonly faults: number;
}

export function recordOctets(octets: Buffer, at: number): number {
  return octets.readUInt32LE(at + 8);
}

export function readRecord(octets: Buffer, at: number): LogRecord {
  switch (octets[at + HEAD_OCTETS]) {
    case PUT:
      return readPut(octets, at);
    case SETTLE:
      return readSettle(octets, at);
    default:
      return { kind: "begin", id: octets.readDoubleLE(at + 36), faults: octets.readUInt32LE(at + 24) };
  }
}

function readPut(octets: Buffer, at: number): PutRecord {
  const flags = octets.readUInt8(at + 21);
  const envelopeAt = at + PUT_OCTETS + octets.readUInt16LE(at + 22);
  const envelopeEnd = envelopeAt + octets.readUInt32LE(at + 24);
  const content = octets.subarray(envelopeEnd, envelopeEnd + octets.readUInt32LE(at + 28));
  const inFile = (flags & IN_FILE) !== 0;
  return {
    kind: "put",
    id: octets.readDoubleLE(at + 36),
    sizeOctets: octets.readDoubleLE(at + 44),
    dotLines: (flags & DOT_LINES) !== 0,
    acceptedAt: octets.readDoubleLE(at + 52),
    host: envelopeAt === at + PUT_OCTETS ? null : octets.toString("latin1", at + PUT_OCTETS, envelopeAt),
    envelope: octets.subarray(envelopeAt, envelopeEnd),
    content: inFile ? null : content,
    contentChecksum: octets.readUInt32LE(at + 32),
    file: inFile ? content.toString("latin1") : null,
  };
}

function readSettle(octets: Buffer, at: number): SettleRecord {
  const outcomes: { recipient: number; text: string }[] = [];
  let next = at + SETTLE_OCTETS;
  for (let left = octets.readUInt32LE(at + 24); left > 0; left--) {
    const textAt = next + OUTCOME_OCTETS;
    const recipient = octets.readUInt32LE(next);
    next = textAt + octets.readUInt32LE(next + 4);
    outcomes.push({ recipient, text: octets.toString("utf8", textAt, next) });
  }
  return {
    kind: "settle",
    id: octets.readDoubleLE(at + 36),
    disposition: DISPOSITIONS[octets.readUInt8(at + 21)] ?? "keep",
    dueAt: octets.readDoubleLE(at + 44),
    triedAt: octets.readDoubleLE(at + 52),
    outcomes,
  };
}

/** Where the fields of a record end and the content of a put begins. */
function fieldsEnd(octets: Buffer, at: number): number {
  if (octets[at + HEAD_OCTETS] !== PUT) return at + recordOctets(octets, at);
  return at + PUT_OCTETS + octets.readUInt16LE(at + 22) + octets.readUInt32LE(at + 24);
}

/** Fills in the checksum of the content where the record at `at` is a put. */
export function sumContent(octets: Buffer, at: number): void {
  if (octets[at + HEAD_OCTETS] !== PUT) return;
  const content = octets.subarray(fieldsEnd(octets, at), at + recordOctets(octets, at));
  octets.writeUInt32LE(crc32(content), at + 32);
}

/** Makes the record at `at`, whose content is summed, one of the segment with this mark. */
export function sealRecord(octets: Buffer, at: number, mark: Uint8Array): void {
  const fieldsTo = fieldsEnd(octets, at);
  octets.set(mark, at);
  octets.writeUInt32LE(crc32(octets.subarray(at + HEAD_OCTETS, fieldsTo)), at + 12);
  octets.writeUInt32LE(crc32(octets.subarray(at, at + 16)), at + 16);
}

/** What is in a segment: its sound records in order, and the stretches between them that cannot be read. */
export interface Scan {
  readonly records: readonly { readonly at: number; readonly record: LogRecord }[];
  readonly damage: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Reads the records with this mark from `from` on. What cannot be read behind the last sound record is the torn tail of a write
 * that was under way: nobody was promised it. A put whose content alone is damaged counts, unless it is the last record: whoever
 * reads the content will see it.
 */
export function scanRecords(octets: Buffer, mark: Uint8Array, from: number): Scan {
  const records: { at: number; record: LogRecord }[] = [];
  const damage: { from: number; to: number }[] = [];
  let soundTo = from;
  let torn = false;
  for (let at = nextHead(octets, mark, from); at !== -1;) {
    const end = at + recordOctets(octets, at);
    if (areFieldsSound(octets, at)) {
      const record = readRecord(octets, at);
      torn = record.kind === "put" && !isContentSound(octets, at);
      if (at > soundTo) damage.push({ from: soundTo, to: at });
      records.push({ at, record });
      soundTo = end;
    }
    at = nextHead(octets, mark, end);
  }
  if (torn) records.pop();
  return { records, damage };
}

/** Where the next sound head begins, at `from` or behind it; -1 where there is none. */
function nextHead(octets: Buffer, mark: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    at = octets.indexOf(mark, at);
    if (at === -1 || at + HEAD_OCTETS > octets.length) return -1;
    const length = recordOctets(octets, at);
    const isWhole = length >= BEGIN_OCTETS && at + length <= octets.length;
    if (isWhole && crc32(octets.subarray(at, at + 16)) === octets.readUInt32LE(at + 16)) return at;
  }
}

/** Whether the fields are those that were written: their lengths can be trusted only then. */
function areFieldsSound(octets: Buffer, at: number): boolean {
  const end = fieldsEnd(octets, at);
  if (end > at + recordOctets(octets, at)) return false;
  return crc32(octets.subarray(at + HEAD_OCTETS, end)) === octets.readUInt32LE(at + 12);
}

function isContentSound(octets: Buffer, at: number): boolean {
  const content = octets.subarray(fieldsEnd(octets, at), at + recordOctets(octets, at));
  return crc32(content) === octets.readUInt32LE(at + 32);
}
