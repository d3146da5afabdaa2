import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { QueueId } from "../../core/queue/message.ts";
import { sampleMessage, sampleOutcome } from "../../../tests/contracts/sample-message.ts";
import { beginItem, putItem, readBatch, settleItem, writeBatch, type Item } from "./batch.ts";
import { scanRecords, sealRecord, type Scan } from "./log-record.ts";

const MARK = Buffer.from("0123456789abcdef", "hex");
const OTHER_MARK = Buffer.from("fedcba9876543210", "hex");

type Kind = "put" | "settle" | "begin";
const kinds = fc.array(fc.constantFrom<Kind>("put", "settle", "begin"), { minLength: 1, maxLength: 12 });

function item(kind: Kind, id: number): Item {
  if (kind === "begin") return beginItem(id as QueueId, 2);
  if (kind === "settle") return settleItem(id as QueueId, [sampleOutcome(0, "deferred")], "keep");
  return putItem(
    sampleMessage(id, { kind: "memory", chunks: [Buffer.alloc(200, id)], sizeOctets: 200, dotLines: false }),
  );
}

/** Sealed records with ids from 1 on, and where each begins and ends. */
function sealed(kindsOf: readonly Kind[], mark = MARK): { octets: Buffer; ends: number[] } {
  const items = kindsOf.map((kind, i) => item(kind, i + 1));
  const octets = Buffer.alloc(items.reduce((sum, { octets: size }) => sum + size, 0));
  writeBatch(items, octets.buffer);
  const records = readBatch(octets);
  for (const { at } of records) sealRecord(octets, at, mark);
  return { octets, ends: records.map(({ at, octets: size }) => at + size) };
}

function idsOf(scan: Scan): number[] {
  return scan.records.map(({ record }) => record.id);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

test("scanRecords() reads what was sealed, and nothing of an older log behind it", () => {
  fc.assert(
    fc.property(kinds, kinds, (now, before) => {
      const { octets } = sealed(now);
      const scan = scanRecords(Buffer.concat([octets, sealed(before, OTHER_MARK).octets]), MARK, 0);
      assert.deepEqual(idsOf(scan), upTo(now.length));
      assert.deepEqual(scan.damage, []);
    }),
  );
});

test("scanRecords() reads every whole record before a torn tail, whatever comes instead of it", () => {
  fc.assert(
    fc.property(kinds, fc.nat(), fc.uint8Array({ maxLength: 100 }), (written, cutAt, instead) => {
      const { octets, ends } = sealed(written);
      const cut = cutAt % octets.length;
      const scan = scanRecords(Buffer.concat([octets.subarray(0, cut), instead]), MARK, 0);
      const whole = ends.filter((end) => end <= cut).length;
      // The octets that came instead may be those that were to come.
      assert.deepEqual(idsOf(scan).slice(0, whole), upTo(whole));
      assert.ok(scan.records.length <= whole + 1);
      assert.deepEqual(scan.damage, []);
    }),
  );
});

test("scanRecords() loses one record at most to one octet, says where unless it is the last, and finds the others", () => {
  fc.assert(
    fc.property(kinds, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, bits) => {
      const { octets, ends } = sealed(written);
      const at = place % octets.length;
      octets.writeUInt8(octets.readUInt8(at) ^ bits, at);
      const hit = ends.findIndex((end) => at < end) + 1;
      const scan = scanRecords(octets, MARK, 0);
      const isLast = hit === written.length;
      const others = upTo(written.length).filter((id) => id !== hit);
      const found = idsOf(scan);
      // Damage to the content alone is for whoever reads it, where others follow.
      if (found.includes(hit)) assert.ok(written[hit - 1] === "put" && !isLast);
      assert.deepEqual(
        found.filter((id) => id !== hit),
        others,
      );
      assert.equal(scan.damage.length, isLast || found.includes(hit) ? 0 : 1);
    }),
  );
});

test("scanRecords() takes no record out of content that looks like one, not even behind damage", () => {
  const forged = sealed(["put"], OTHER_MARK).octets;
  const content = { kind: "memory", chunks: [forged], sizeOctets: forged.length, dotLines: false } as const;
  const items = [putItem(sampleMessage(1, content)), beginItem(2 as QueueId, 0)];
  const octets = Buffer.alloc(items.reduce((sum, { octets: size }) => sum + size, 0));
  writeBatch(items, octets.buffer);
  for (const { at } of readBatch(octets)) sealRecord(octets, at, MARK);
  octets.fill(0, 0, 20); // the search goes through the content
  assert.deepEqual(idsOf(scanRecords(octets, MARK, 0)), [2]);
});

test("scanRecords() never throws, whatever the octets are", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constant(MARK)), { maxLength: 8 }), (parts) => {
      assert.deepEqual(scanRecords(Buffer.concat(parts), MARK, 0).records, []);
    }),
  );
});
