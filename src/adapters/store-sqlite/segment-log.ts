import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writevSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { syncDirectory } from "./data-directory.ts";
import { StoreFault } from "./faults.ts";
import { MARK_OCTETS, scanRecords, sealRecord, type Scan } from "./log-record.ts";
import type { Position } from "./unindexed.ts";

/** A segment that has grown so far is followed by a new one. */
export const SEGMENT_OCTETS = 32 * 1_048_576;
/** More than a segment can have, with the last batch and the largest message that is not in a file. */
const READ_OCTETS_MAX = 4 * SEGMENT_OCTETS;

/**
 * A segment begins with this word, its number (u32), its mark and the CRC-32 of the octets before it. They are written and synced
 * before the first record.
 */
const WORD = Buffer.from("RELAYLOG");
const MARK_AT = WORD.length + 4;
const CHECKSUM_AT = MARK_AT + MARK_OCTETS;
/** Where the records begin. */
export const SEGMENT_HEAD_OCTETS = CHECKSUM_AT + 4;

const SEGMENT_NAME = /^[0-9]{8,10}$/;
/** A segment of which nothing is needed any more: the next one is written over it, for room that is there already syncs sooner. */
const SPARE_NAME = "spare";

/** A stretch of a block of octets, and where the records in it begin. */
export interface LogPart {
  readonly from: number;
  readonly to: number;
  readonly heads: readonly number[];
}

/** The segment under way. */
interface Open {
  readonly fd: number;
  readonly segment: number;
  readonly mark: Uint8Array;
}

/**
 * The log of mail: segments in a folder, each written from its head to its end and then never again. Every start begins a new
 * one, so that nothing is ever written behind a torn tail. What `append` wrote is on stable storage (O_DSYNC: a write returns when
 * its octets are, in one system call).
 */
export class SegmentLog {
  readonly #directory: string;
  readonly #segmentOctets: number;
  #open: Open | null = null;
  /** What comes after the segment under way, made ahead: nobody waits for that. */
  #next: Open | null = null;
  /** Of the segment under way, or of the last one there was. */
  #segment: number;
  #at = 0;
  #hasSpare: boolean;

  /** Writing begins behind every segment that is there, and behind `read`. */
  constructor(directory: string, read: Position, segmentOctets = SEGMENT_OCTETS) {
    this.#directory = directory;
    this.#segmentOctets = segmentOctets;
    this.#hasSpare = readdirSync(directory).includes(SPARE_NAME);
    this.#segment = Math.max(read.segment, ...segmentsOf(directory));
  }

  /** Where the next record comes, or one behind it; what is before it is written. */
  get position(): Position {
    return this.#open ? { segment: this.#segment, at: this.#at } : { segment: this.#segment + 1, at: 0 };
  }

  get isNextReady(): boolean {
    return this.#next !== null;
  }

  /** Whether the next record should come into a new segment. */
  get isFull(): boolean {
    return this.#open === null || this.#at >= this.#segmentOctets;
  }

  /** Makes the segment that comes next, with its name on stable storage. */
  async prepare(): Promise<void> {
    if (this.#next) return;
    const made = this.#make(this.#segment + 1);
    try {
      await syncDirectory(this.#directory);
      this.#next = made;
    } catch (error) {
      closeSync(made.fd);
      throw error;
    }
  }

  /** Goes on in the next segment where it is ready. */
  roll(): boolean {
    if (this.#next === null) return false;
    if (this.#open) closeSync(this.#open.fd);
    this.#open = this.#next;
    this.#next = null;
    this.#segment = this.#open.segment;
    this.#at = SEGMENT_HEAD_OCTETS;
    return true;
  }

  /**
   * Seals the records that begin at `heads` in `octets` and writes them; returns where the first octet came. Where it throws for
   * lack of room, nothing of them is kept.
   */
  append(octets: Buffer, parts: readonly LogPart[]): Position {
    if (this.#open === null) this.roll();
    if (this.#open === null) throw new StoreFault("full", "there is no segment to write to");
    const { fd, mark } = this.#open;
    const views: Uint8Array[] = [];
    let length = 0;
    for (const { from, to, heads } of parts) {
      for (const head of heads) sealRecord(octets, head, mark);
      views.push(octets.subarray(from, to));
      length += to - from;
    }
    try {
      writeAll(fd, views, this.#at, length);
    } catch (error) {
      // What was written before the room ended could be read at the next start.
      ftruncateSync(fd, this.#at);
      throw error;
    }
    const position = this.position;
    this.#at += length;
    return position;
  }

  read(segment: number, at: number, octets: number): Buffer {
    if (segment === this.#open?.segment) return readAll(this.#open.fd, at, octets);
    return readSegment(this.#directory, segment, at, octets);
  }

  /** The segments before the one under way. */
  closedSegments(): number[] {
    const { segment } = this.position;
    return segmentsOf(this.#directory).filter((one) => one < segment);
  }

  /** Gives up segments that nothing needs. One may become the spare; the paths of the files to be removed are returned. */
  retire(segments: readonly number[], keepsSpare = true): string[] {
    const gone: string[] = [];
    if (this.#hasSpare && !keepsSpare) {
      unlinkSync(join(this.#directory, SPARE_NAME));
      this.#hasSpare = false;
    }
    if (!keepsSpare) return segments.map((segment) => join(this.#directory, nameOf(segment)));
    for (const segment of segments) {
      const path = join(this.#directory, nameOf(segment));
      if (this.#hasSpare) gone.push(path);
      else renameSync(path, join(this.#directory, SPARE_NAME));
      this.#hasSpare = true;
    }
    return gone;
  }

  remove(segments: readonly number[]): void {
    for (const segment of segments) unlinkSync(join(this.#directory, nameOf(segment)));
  }

  /** Ends writing. The segment that was under way is closed then, and nothing is kept for the next ones. */
  close(): void {
    if (this.#open) closeSync(this.#open.fd);
    this.#open = null;
    if (this.#next) {
      closeSync(this.#next.fd);
      this.remove([this.#next.segment]);
    }
    this.#next = null;
    if (this.#hasSpare) unlinkSync(join(this.#directory, SPARE_NAME));
    this.#hasSpare = false;
  }

  #make(segment: number): Open {
    const path = join(this.#directory, nameOf(segment));
    let flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_DSYNC;
    if (this.#hasSpare) renameSync(join(this.#directory, SPARE_NAME), path);
    else flags |= constants.O_CREAT | constants.O_EXCL;
    this.#hasSpare = false;
    let fd: number | undefined;
    try {
      fd = openSync(path, flags, 0o600);
      const mark = randomBytes(MARK_OCTETS);
      writeAll(fd, [headOf(segment, mark)], 0, SEGMENT_HEAD_OCTETS);
      return { fd, segment, mark };
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
  }
}

function headOf(segment: number, mark: Uint8Array): Buffer {
  const head = Buffer.alloc(SEGMENT_HEAD_OCTETS);
  WORD.copy(head);
  head.writeUInt32LE(segment, WORD.length);
  head.set(mark, MARK_AT);
  head.writeUInt32LE(crc32(head.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
  return head;
}

/** The numbers of the segments in a folder, in order. */
export function segmentsOf(directory: string): number[] {
  const names = readdirSync(directory).filter((name) => SEGMENT_NAME.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

/**
 * Reads the records of a segment from `from` on. Where its head is not sound, the first record tells the mark; null where that
 * is none of this segment either, or what is there is no file.
 */
export function scanSegment(
  directory: string,
  segment: number,
  from: number,
): (Scan & { readonly isWhole: boolean }) | null {
  const octets = readSegmentFile(join(directory, nameOf(segment)));
  if (octets === null || octets.length < SEGMENT_HEAD_OCTETS) return null;
  const head = octets.subarray(0, SEGMENT_HEAD_OCTETS);
  const mark = head.subarray(MARK_AT, CHECKSUM_AT);
  const recordsFrom = Math.max(from, SEGMENT_HEAD_OCTETS);
  if (head.equals(headOf(segment, mark))) {
    const scan = scanRecords(octets, mark, recordsFrom);
    return { ...scan, isWhole: scan.damage.length === 0 };
  }
  const markOfFirst = octets.subarray(SEGMENT_HEAD_OCTETS, SEGMENT_HEAD_OCTETS + MARK_OCTETS);
  if (scanRecords(octets, markOfFirst, SEGMENT_HEAD_OCTETS).records[0]?.at !== SEGMENT_HEAD_OCTETS) return null;
  return { ...scanRecords(octets, markOfFirst, recordsFrom), isWhole: false };
}

/** What is in a file, as far as a segment can be long; null for anything else in its place. */
function readSegmentFile(path: string): Buffer | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return null;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() ? readAll(fd, 0, Math.min(stat.size, READ_OCTETS_MAX)) : null;
  } finally {
    closeSync(fd);
  }
}

/** Keeps what is in the place of a segment, whatever becomes of the segment: somebody may want to look at it. */
export function keepAside(directory: string, segment: number): void {
  const path = join(directory, nameOf(segment));
  const aside = `${path}.damaged`;
  if (lstatSync(aside, { throwIfNoEntry: false })) return;
  const octets = lstatSync(path).isFile() ? readSegmentFile(path) : null;
  // A segment that was just being made has nothing in it yet.
  if (octets?.subarray(0, SEGMENT_HEAD_OCTETS + MARK_OCTETS).every((octet) => octet === 0)) return;
  if (octets) linkSync(path, aside);
  else renameSync(path, aside);
}

/** Reads from a segment that is not open; throws where it is not there or ends before. */
export function readSegment(directory: string, segment: number, at: number, octets: number): Buffer {
  const fd = openSync(join(directory, nameOf(segment)), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return readAll(fd, at, octets);
  } finally {
    closeSync(fd);
  }
}

function nameOf(segment: number): string {
  return String(segment).padStart(8, "0");
}

function readAll(fd: number, at: number, octets: number): Buffer {
  // A block of its own: it may be handed over to another thread.
  const block = Buffer.allocUnsafeSlow(octets);
  for (let done = 0; done < octets;) {
    const read = readSync(fd, block, done, octets - done, at + done);
    if (read === 0) throw new Error("a segment of the log is shorter than it was");
    done += read;
  }
  return block;
}

function writeAll(fd: number, parts: readonly Uint8Array[], at: number, octets: number): void {
  let done = writevSync(fd, parts, at);
  while (done < octets) {
    const rest = Buffer.concat(parts).subarray(done);
    done += writevSync(fd, [rest], at + done);
  }
}
