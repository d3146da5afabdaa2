import { hostOf } from "../../core/queue/due-page.ts";
import type { AcceptedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { Disposition } from "../../flows/ports.ts";

/**
 * What goes over to the store thread in one turn, as one block of octets that is handed over and not copied: a row of records,
 * little endian, each with a kind of one octet and a fixed head.
 *
 *     put     kind, flags, host length u16, envelope length u32, content length u32, id f64, size f64, accepted f64;
 *             host, envelope JSON, content or file name
 *     settle  kind, disposition, 2 free, outcomes u32, 4 free, id f64, due f64, tried f64; for each outcome: recipient u32,
 *             length u32, JSON
 *     call    kind, 3 free, index u32 into the calls that go along
 */
const PUT = 1;
const SETTLE = 2;
const CALL = 3;
const PUT_HEAD = 36;
const SETTLE_HEAD = 36;
const OUTCOME_HEAD = 8;
const CALL_HEAD = 8;
const DOT_LINES = 1;
const IN_FILE = 2;
const DISPOSITIONS: readonly Disposition[] = ["keep", "remove", "capture"];

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
  | { readonly kind: "call"; readonly octets: number };

/** The envelope and origin are kept as JSON: read once, at recovery, and readable by whoever opens the database. */
export function putItem(message: AcceptedMessage): Item {
  const { acceptedAt, origin, envelope, content } = message;
  const text = JSON.stringify({ acceptedAt, origin, envelope });
  const host = hostOf(envelope.recipients) ?? "";
  const contentOctets = content.kind === "memory" ? content.sizeOctets : Buffer.byteLength(content.name);
  const octets = PUT_HEAD + host.length + Buffer.byteLength(text) + contentOctets;
  return { kind: "put", message, envelope: text, host, octets };
}

export function settleItem(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Item {
  // The outcomes of a message that goes now go with it: the journal has them.
  const kept = disposition === "remove" ? [] : outcomes;
  const texts = kept.map((outcome) => JSON.stringify(outcome));
  let octets = SETTLE_HEAD;
  for (const text of texts) octets += OUTCOME_HEAD + Buffer.byteLength(text);
  return { kind: "settle", id, disposition, outcomes: kept, texts, octets };
}

export function callItem(): Item {
  return { kind: "call", octets: CALL_HEAD };
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
      case "call":
        octets.writeUInt32LE(CALL, at);
        octets.writeUInt32LE(calls++, at + 4);
        at += CALL_HEAD;
        break;
    }
  }
  return at;
}

function writePut(octets: Buffer, at: number, { message, envelope, host }: Item & { kind: "put" }): number {
  const { content } = message;
  // Domains are A-labels, and literals are ASCII.
  const envelopeAt = at + PUT_HEAD + octets.write(host, at + PUT_HEAD, "latin1");
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
  octets.writeUInt16LE(PUT | (flags << 8), at);
  octets.writeUInt16LE(host.length, at + 2);
  octets.writeUInt32LE(envelopeOctets, at + 4);
  octets.writeUInt32LE(end - contentAt, at + 8);
  octets.writeDoubleLE(message.id, at + 12);
  octets.writeDoubleLE(content.sizeOctets, at + 20);
  octets.writeDoubleLE(message.acceptedAt, at + 28);
  return end;
}

function writeSettle(octets: Buffer, at: number, item: Item & { kind: "settle" }): number {
  octets.writeUInt32LE(SETTLE | (DISPOSITIONS.indexOf(item.disposition) << 8), at);
  octets.writeUInt32LE(item.texts.length, at + 4);
  octets.writeDoubleLE(item.id, at + 12);
  const next = nextOf(item.outcomes);
  octets.writeDoubleLE(next?.retryAt ?? 0, at + 20);
  octets.writeDoubleLE(next?.at ?? 0, at + 28);
  let end = at + SETTLE_HEAD;
  for (let i = 0; i < item.texts.length; i++) {
    const length = octets.write(item.texts[i] ?? "", end + OUTCOME_HEAD, "utf8");
    octets.writeUInt32LE(item.outcomes[i]?.recipient ?? 0, end);
    octets.writeUInt32LE(length, end + 4);
    end += OUTCOME_HEAD + length;
  }
  return end;
}

/** The outcome whose recipient is tried again first; null where none is. */
function nextOf(outcomes: readonly Outcome[]): Outcome | null {
  let next: Outcome | null = null;
  for (const outcome of outcomes) {
    if (outcome.retryAt !== undefined && outcome.retryAt < (next?.retryAt ?? Infinity)) next = outcome;
  }
  return next;
}

/** A record as the store thread reads it: its octets are views into the batch. */
export type BatchRecord =
  | {
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
      readonly file: string | null;
    }
  | {
      readonly kind: "settle";
      readonly id: number;
      readonly disposition: Disposition;
      /** When it is tried again, and when it was; 0 where these outcomes defer nothing. */
      readonly dueAt: number;
      readonly triedAt: number;
      readonly outcomes: readonly { readonly recipient: number; readonly text: string }[];
    }
  | { readonly kind: "call"; readonly index: number };

/** The records of the first `length` octets of a batch, in order. */
export function readBatch(batch: ArrayBuffer, length: number): BatchRecord[] {
  const octets = Buffer.from(batch, 0, length);
  const records: BatchRecord[] = [];
  for (let at = 0; at < length;) {
    switch (octets[at]) {
      case PUT: {
        const lengths = octets.readUInt16LE(at + 2) + octets.readUInt32LE(at + 4) + octets.readUInt32LE(at + 8);
        const end = at + PUT_HEAD + lengths;
        records.push(readPut(octets, at));
        at = end;
        break;
      }
      case SETTLE:
        at = readSettle(octets, at, records);
        break;
      default:
        records.push({ kind: "call", index: octets.readUInt32LE(at + 4) });
        at += CALL_HEAD;
    }
  }
  return records;
}

function readPut(octets: Buffer, at: number): BatchRecord {
  const flags = octets.readUInt8(at + 1);
  const envelopeAt = at + PUT_HEAD + octets.readUInt16LE(at + 2);
  const envelopeEnd = envelopeAt + octets.readUInt32LE(at + 4);
  const content = octets.subarray(envelopeEnd, envelopeEnd + octets.readUInt32LE(at + 8));
  const inFile = (flags & IN_FILE) !== 0;
  return {
    kind: "put",
    id: octets.readDoubleLE(at + 12),
    sizeOctets: octets.readDoubleLE(at + 20),
    dotLines: (flags & DOT_LINES) !== 0,
    acceptedAt: octets.readDoubleLE(at + 28),
    host: envelopeAt === at + PUT_HEAD ? null : octets.toString("latin1", at + PUT_HEAD, envelopeAt),
    envelope: octets.subarray(envelopeAt, envelopeEnd),
    content: inFile ? null : content,
    file: inFile ? content.toString("latin1") : null,
  };
}

function readSettle(octets: Buffer, at: number, records: BatchRecord[]): number {
  const outcomes: { recipient: number; text: string }[] = [];
  let end = at + SETTLE_HEAD;
  for (let left = octets.readUInt32LE(at + 4); left > 0; left--) {
    const textAt = end + OUTCOME_HEAD;
    const recipient = octets.readUInt32LE(end);
    end = textAt + octets.readUInt32LE(end + 4);
    outcomes.push({ recipient, text: octets.toString("utf8", textAt, end) });
  }
  const disposition = DISPOSITIONS[octets.readUInt8(at + 1)] ?? "keep";
  const id = octets.readDoubleLE(at + 12);
  const dueAt = octets.readDoubleLE(at + 20);
  records.push({ kind: "settle", id, disposition, dueAt, triedAt: octets.readDoubleLE(at + 28), outcomes });
  return end;
}
