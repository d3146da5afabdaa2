import { hostOf } from "../../core/queue/due-page.ts";
import type { AcceptedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { Disposition } from "../../flows/ports.ts";
import {
  BEGIN,
  BEGIN_OCTETS,
  DISPOSITIONS,
  DOT_LINES,
  HEAD_OCTETS,
  IN_FILE,
  OUTCOME_OCTETS,
  PUT,
  PUT_OCTETS,
  readRecord,
  recordOctets,
  SETTLE,
  SETTLE_OCTETS,
  sumContent,
  type LogRecord,
} from "./log-record.ts";
import type { LogPart } from "./segment-log.ts";

/**
 * What goes over to the store thread in one turn, as one block of octets that is handed over and not copied: records as the log
 * has them (log-record.ts), not sealed yet, and among them calls, with a head like theirs and, at 24, the index (u32) into the
 * calls that go along.
 */
const CALL = 4;
const CALL_OCTETS = 28;

/** Something to be done, sized and ready to be written into a batch. */
export type Item =
  | {
      readonly kind: "put";
      readonly message: AcceptedMessage;
      readonly envelope: string;
      /** As `hostOf` gives it, "" for null. */
      readonly host: string;
      readonly octets: number;
    }
  | {
      readonly kind: "settle";
      readonly id: QueueId;
      readonly disposition: Disposition;
      readonly outcomes: readonly Outcome[];
      readonly texts: readonly string[];
      readonly octets: number;
    }
  | { readonly kind: "begin"; readonly id: QueueId; readonly faults: number; readonly octets: number }
  | { readonly kind: "call"; readonly octets: number };

/** The envelope and origin are kept as JSON: read once, at recovery, and readable by whoever opens the database. */
export function putItem(message: AcceptedMessage): Item {
  const { acceptedAt, origin, envelope, content } = message;
  const text = JSON.stringify({ acceptedAt, origin, envelope });
  const host = hostOf(envelope.recipients) ?? "";
  const contentOctets = content.kind === "memory" ? content.sizeOctets : Buffer.byteLength(content.name);
  const octets = PUT_OCTETS + host.length + Buffer.byteLength(text) + contentOctets;
  return { kind: "put", message, envelope: text, host, octets };
}

export function settleItem(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Item {
  // The outcomes of a message that goes now go with it: the journal has them.
  const kept = disposition === "remove" ? [] : outcomes;
  const texts = kept.map((outcome) => JSON.stringify(outcome));
  let octets = SETTLE_OCTETS;
  for (const text of texts) octets += OUTCOME_OCTETS + Buffer.byteLength(text);
  return { kind: "settle", id, disposition, outcomes: kept, texts, octets };
}

export function beginItem(id: QueueId, faults: number): Item {
  return { kind: "begin", id, faults, octets: BEGIN_OCTETS };
}

export function callItem(): Item {
  return { kind: "call", octets: CALL_OCTETS };
}

/** Writes the items into `into`, which has room for them; returns where the last one ends. */
export function writeBatch(items: readonly Item[], into: ArrayBuffer): number {
  const octets = Buffer.from(into);
  let at = 0;
  let calls = 0;
  for (const item of items) {
    switch (item.kind) {
      case "put":
        at = writePut(octets, at, item);
        break;
      case "settle":
        at = writeSettle(octets, at, item);
        break;
      case "begin":
        writeHead(octets, at, BEGIN, 0, BEGIN_OCTETS);
        octets.writeUInt32LE(item.faults, at + 24);
        octets.fill(0, at + 28, at + 36);
        octets.writeDoubleLE(item.id, at + 36);
        at += BEGIN_OCTETS;
        break;
      case "call":
        writeHead(octets, at, CALL, 0, CALL_OCTETS);
        octets.writeUInt32LE(calls++, at + 24);
        at += CALL_OCTETS;
        break;
    }
  }
  return at;
}

function writePut(octets: Buffer, at: number, { message, envelope, host }: Item & { kind: "put" }): number {
  const { content } = message;
  // Domains are A-labels, and literals are ASCII.
  const envelopeAt = at + PUT_OCTETS + octets.write(host, at + PUT_OCTETS, "latin1");
  const envelopeOctets = octets.write(envelope, envelopeAt, "utf8");
  let end = envelopeAt + envelopeOctets;
  const contentAt = end;
  if (content.kind === "file") end += octets.write(content.name, end, "latin1");
  else
    for (const chunk of content.chunks) {
      octets.set(chunk, end);
      end += chunk.length;
    }
  const flags = (content.dotLines ? DOT_LINES : 0) | (content.kind === "file" ? IN_FILE : 0);
  writeHead(octets, at, PUT, flags, end - at);
  octets.writeUInt16LE(host.length, at + 22);
  octets.writeUInt32LE(envelopeOctets, at + 24);
  octets.writeUInt32LE(end - contentAt, at + 28);
  octets.writeUInt32LE(0, at + 32);
  octets.writeDoubleLE(message.id, at + 36);
  octets.writeDoubleLE(content.sizeOctets, at + 44);
  octets.writeDoubleLE(message.acceptedAt, at + 52);
  return end;
}

function writeSettle(octets: Buffer, at: number, item: Item & { kind: "settle" }): number {
  let end = at + SETTLE_OCTETS;
  for (let i = 0; i < item.texts.length; i++) {
    const length = octets.write(item.texts[i] ?? "", end + OUTCOME_OCTETS, "utf8");
    octets.writeUInt32LE(item.outcomes[i]?.recipient ?? 0, end);
    octets.writeUInt32LE(length, end + 4);
    end += OUTCOME_OCTETS + length;
  }
  writeHead(octets, at, SETTLE, DISPOSITIONS.indexOf(item.disposition), end - at);
  octets.writeUInt32LE(item.texts.length, at + 24);
  octets.fill(0, at + 28, at + 36);
  octets.writeDoubleLE(item.id, at + 36);
  const next = nextOf(item.outcomes);
  octets.writeDoubleLE(next?.retryAt ?? 0, at + 44);
  octets.writeDoubleLE(next?.at ?? 0, at + 52);
  return end;
}

function writeHead(octets: Buffer, at: number, kind: number, flags: number, length: number): void {
  octets.writeUInt32LE(length, at + 8);
  octets.writeUInt32LE(kind | (flags << 8), at + HEAD_OCTETS);
}

/** The outcome whose recipient is tried again first; null where none is. */
function nextOf(outcomes: readonly Outcome[]): Outcome | null {
  let next: Outcome | null = null;
  for (const outcome of outcomes) {
    if (outcome.retryAt !== undefined && outcome.retryAt < (next?.retryAt ?? Infinity)) next = outcome;
  }
  return next;
}

/** One thing of a batch and where its octets are; a call goes no further. */
export interface BatchRecord {
  readonly record: LogRecord | { readonly kind: "call"; readonly index: number };
  readonly at: number;
  readonly octets: number;
}

/** What is in a batch, in order. Content gets its checksum here. */
export function readBatch(octets: Buffer): BatchRecord[] {
  const records: BatchRecord[] = [];
  for (let at = 0; at < octets.length;) {
    const length = recordOctets(octets, at);
    sumContent(octets, at);
    const isCall = octets[at + HEAD_OCTETS] === CALL;
    const record = isCall ? ({ kind: "call", index: octets.readUInt32LE(at + 24) } as const) : readRecord(octets, at);
    records.push({ record, at, octets: length });
    at += length;
  }
  return records;
}

/** The stretches of a batch that go to the log. */
export function logParts(records: readonly BatchRecord[], accepted: readonly boolean[]): LogPart[] {
  const parts: { from: number; to: number; heads: number[] }[] = [];
  let last: { from: number; to: number; heads: number[] } | undefined;
  for (const [index, { at, octets }] of records.entries()) {
    if (!accepted[index]) continue;
    if (last?.to !== at) parts.push((last = { from: at, to: at, heads: [] }));
    last.heads.push(at);
    last.to = at + octets;
  }
  return parts;
}
