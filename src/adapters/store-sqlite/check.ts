/**
 * Checks the database as a whole, in a thread and with a connection of its own, so that mail flows meanwhile. Read only.
 */
import { closeSync, constants, lstatSync, openSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { formatQueueId, type QueueId } from "../../core/queue/message.ts";
import { checksumOf } from "./content-files.ts";
import { reasonOf } from "./faults.ts";
import { readSegment } from "./segment-log.ts";

export interface CheckOptions {
  readonly file: string;
  readonly contentDirectory: string;
  readonly logDirectory: string;
}

/** Findings beyond this are only counted. */
const FINDINGS_MAX = 1_000;

const BLOCK_OCTETS = 65_536;

/** What is wrong, in words; empty is sound. */
export function checkDatabase(options: CheckOptions): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./check.ts", import.meta.url), { workerData: options, name: "store check" });
    worker.once("message", (findings: readonly string[]) => resolve(findings));
    worker.once("error", reject);
  });
}

function check(options: CheckOptions): string[] {
  const findings: string[] = [];
  const db = new DatabaseSync(options.file, { readOnly: true, timeout: 5_000 });
  try {
    for (const part of [checkPages, checkMessages, checkQuarantine]) {
      try {
        part(db, options, findings);
      } catch (error) {
        findings.push(`database: ${reasonOf(error)}`);
      }
    }
  } finally {
    db.close();
  }
  const more = findings.length - FINDINGS_MAX;
  return more > 0 ? [...findings.slice(0, FINDINGS_MAX), `and ${more} more`] : findings;
}

function checkPages(db: DatabaseSync, _options: CheckOptions, findings: string[]): void {
  for (const row of db.prepare(`PRAGMA integrity_check(${FINDINGS_MAX})`).all()) {
    if (row["integrity_check"] !== "ok") findings.push(`database: ${String(row["integrity_check"])}`);
  }
}

function checkMessages(db: DatabaseSync, options: CheckOptions, findings: string[]): void {
  const rows = db.prepare(
    `SELECT message.id AS id, envelope, message.checksum AS envelope_checksum, size_octets, file,
       segment, content_at, content_checksum, octets, content.checksum AS table_checksum
     FROM message LEFT JOIN content ON content.id = message.id AND segment IS NULL AND file IS NULL ORDER BY message.id`,
  );
  const faults: { row: Record<string, unknown>; fault: string }[] = [];
  for (const row of rows.iterate()) {
    const { id, file, segment } = row;
    if (crc32(row["envelope"] as Uint8Array) !== row["envelope_checksum"]) {
      faults.push({ row: { id, file, segment }, fault: "its envelope does not match its checksum" });
    }
    const fault = contentFault(row, options);
    if (fault !== null) faults.push({ row: { id, file, segment }, fault });
  }
  // Mail flows meanwhile: what is gone by now, or somewhere else, was sound as far as it was needed.
  const isSame = db.prepare("SELECT 1 FROM message WHERE id = ? AND file IS ? AND segment IS ?");
  for (const { row, fault } of faults) {
    const { id, file, segment } = row as { id: number; file: string | null; segment: number | null };
    if (isSame.get(id, file, segment)) findings.push(`message ${formatQueueId(id as QueueId)}: ${fault}`);
  }
}

function contentFault(row: Record<string, unknown>, options: CheckOptions): string | null {
  const { segment, octets } = row;
  const sizeOctets = Number(row["size_octets"]);
  if (row["file"] !== null) return checkFile(join(options.contentDirectory, row["file"] as string), sizeOctets);
  let isSound: boolean;
  if (segment === null) {
    if (octets === null) return "its content is missing";
    isSound = crc32(octets as Uint8Array) === row["table_checksum"];
  } else {
    try {
      const content = readSegment(options.logDirectory, Number(segment), Number(row["content_at"]), sizeOctets);
      isSound = crc32(content) === row["content_checksum"];
    } catch (error) {
      return `its content cannot be read: ${reasonOf(error)}`;
    }
  }
  return isSound ? null : "its content does not match its checksum";
}

function checkFile(path: string, sizeOctets: number): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return `its file ${path} is missing`;
  if (stat.size !== sizeOctets) return `its file ${path} has ${stat.size} octets and should have ${sizeOctets}`;
  const wanted = checksumOf(basename(path));
  return wanted === null || wanted === checksumOfFile(path) ? null : `its file ${path} does not match its checksum`;
}

function checksumOfFile(path: string): number {
  const block = Buffer.allocUnsafe(BLOCK_OCTETS);
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let checksum = 0;
    for (let octets = -1; octets !== 0;) {
      octets = readSync(file, block);
      checksum = crc32(block.subarray(0, octets), checksum);
    }
    return checksum;
  } finally {
    closeSync(file);
  }
}

function checkQuarantine(db: DatabaseSync, _options: CheckOptions, findings: string[]): void {
  for (const row of db.prepare("SELECT id, reason FROM quarantine ORDER BY id").all()) {
    findings.push(`message ${formatQueueId(Number(row["id"]) as QueueId)} is quarantined: ${String(row["reason"])}`);
  }
}

if (parentPort && workerData) parentPort.postMessage(check(workerData as CheckOptions));
