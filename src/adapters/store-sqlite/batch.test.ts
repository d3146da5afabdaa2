import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { Content } from "../../core/mail/content.ts";
import type { QueueId } from "../../core/queue/message.ts";
import type { Disposition } from "../../flows/ports.ts";
import { sampleMessage, sampleOutcome } from "../../../tests/contracts/sample-message.ts";
import { hostOf } from "../../core/queue/due-page.ts";
import {
  beginItem,
  callItem,
  putItem,
  readBatch,
  settleItem,
  writeBatch,
  type BatchRecord,
  type Item,
} from "./batch.ts";

const memoryContent = fc
  .record({ chunks: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), dotLines: fc.boolean() })
  .map(({ chunks, dotLines }): Content => {
    return { kind: "memory", chunks, sizeOctets: chunks.reduce((sum, chunk) => sum + chunk.length, 0), dotLines };
  });
const fileContent = fc
  .record({ sizeOctets: fc.nat(), dotLines: fc.boolean() })
  .map((rest): Content => ({ kind: "file", name: "0123456789abcdef01234567", ...rest }));
const operation = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), content: fc.oneof(memoryContent, fileContent) }),
  fc.record({
    kind: fc.constant("settle" as const),
    disposition: fc.constantFrom<Disposition>("keep", "remove", "capture"),
    words: fc.array(fc.string({ unit: "grapheme" }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("begin" as const), faults: fc.nat() }),
  fc.record({ kind: fc.constant("call" as const) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What is written and what must be read, of one operation; `calls` is how many calls came before it. */
function pair(one: Operation, id: number, calls: number): { item: Item; record: unknown } {
  if (one.kind === "call") return { item: callItem(), record: { kind: "call", index: calls } };
  if (one.kind === "begin") return { item: beginItem(id as QueueId, one.faults), record: { ...one, id } };
  if (one.kind === "settle") {
    const outcomes = one.words.map((words, recipient) => sampleOutcome(recipient, "deferred", words));
    const kept = one.disposition === "remove" ? [] : outcomes;
    return {
      item: settleItem(id as QueueId, outcomes, one.disposition),
      record: {
        kind: "settle",
        id,
        disposition: one.disposition,
        dueAt: kept[0]?.retryAt ?? 0,
        triedAt: kept[0]?.at ?? 0,
        outcomes: kept.map((outcome) => ({ recipient: outcome.recipient, text: JSON.stringify(outcome) })),
      },
    };
  }
  const { content } = one;
  const sample = sampleMessage(id, content);
  // Of one host, or of several.
  const recipients = id % 2 === 0 ? sample.envelope.recipients : sample.envelope.recipients.slice(0, 1);
  const message = { ...sample, envelope: { ...sample.envelope, recipients } };
  const { acceptedAt, origin, envelope } = message;
  return {
    item: putItem(message),
    record: {
      kind: "put",
      id,
      sizeOctets: content.sizeOctets,
      dotLines: content.dotLines,
      acceptedAt,
      host: hostOf(envelope.recipients),
      envelope: JSON.stringify({ acceptedAt, origin, envelope }),
      contentChecksum: crc32(content.kind === "file" ? content.name : Buffer.concat(content.chunks)),
      content: content.kind === "file" ? null : Buffer.concat(content.chunks).toString("hex"),
      file: content.kind === "file" ? content.name : null,
    },
  };
}

function readable({ record }: BatchRecord): unknown {
  if (record.kind !== "put") return record;
  const { envelope, content, ...rest } = record;
  return {
    ...rest,
    envelope: Buffer.from(envelope).toString(),
    content: content && Buffer.from(content).toString("hex"),
  };
}

test("readBatch() gives back what writeBatch() wrote, which takes as much room as the items say", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), fc.nat({ max: 2 ** 40 }), (operations, firstId) => {
      let calls = 0;
      const pairs = operations.map((one, i) => pair(one, firstId + i, one.kind === "call" ? calls++ : calls));
      const items = pairs.map(({ item }) => item);
      const octets = items.reduce((sum, item) => sum + item.octets, 0);
      const batch = new ArrayBuffer(octets + 7);
      assert.equal(writeBatch(items, batch), octets);
      assert.deepEqual(
        readBatch(Buffer.from(batch, 0, octets)).map(readable),
        pairs.map(({ record }) => record),
      );
    }),
  );
});
