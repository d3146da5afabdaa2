import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { textOfTlsa } from "./demand.ts";
import { anchorsInRecords, matchesTlsa, usableRecords, type Digests } from "./tlsa.ts";
import type { TlsaRecord } from "../mail/dns-answer.ts";

const digests: Digests = {
  sha256: (octets) => createHash("sha256").update(octets).digest(),
  sha512: (octets) => createHash("sha512").update(octets).digest(),
};
const certificate = { whole: Uint8Array.of(1, 2, 3), publicKey: Uint8Array.of(2) };

function record(text: string): TlsaRecord {
  const [usage = 0, selector = 0, matchingType = 0] = text.split(" ").map(Number);
  return { usage, selector, matchingType, octets: Buffer.from(text.split(" ")[3] ?? "", "hex") };
}

const A = "aa".repeat(32);
const B = "bb".repeat(64);

test("records that can be used (RFC 7672 §3.1)", () => {
  const cases: [what: string, records: string[], usable: string[]][] = [
    ["DANE-EE and DANE-TA, any selector", [`3 1 1 ${A}`, `2 0 1 ${A}`], [`3 1 1 ${A}`, `2 0 1 ${A}`]],
    ["whole certificates and keys", ["3 0 0 01", "2 1 0 02"], ["3 0 0 01", "2 1 0 02"]],
    ["not PKIX-TA, PKIX-EE", [`0 1 1 ${A}`, `1 1 1 ${A}`], []],
    ["no unknown usage, selector, matching type", [`4 1 1 ${A}`, `255 1 1 ${A}`, `3 2 1 ${A}`, `3 1 3 ${A}`], []],
    ["no digest of another length", ["3 1 1 aa", `3 1 1 ${B}`, `3 1 2 ${A}`, "3 1 1 "], []],
    ["nothing to compare with", ["3 1 0 "], []],
    ["the strongest digest of each usage and selector", [`3 1 1 ${A}`, `3 1 2 ${B}`], [`3 1 2 ${B}`]],
    ["SHA-256 beside SHA-512 of another selector", [`3 0 1 ${A}`, `3 1 2 ${B}`], [`3 0 1 ${A}`, `3 1 2 ${B}`]],
    ["SHA-256 beside SHA-512 that is none", [`3 1 1 ${A}`, `3 1 2 ${A}`], [`3 1 1 ${A}`]],
    ["SHA-256 beside the whole", [`3 1 1 ${A}`, "3 1 0 02"], [`3 1 1 ${A}`, "3 1 0 02"]],
  ];
  for (const [what, records, usable] of cases)
    assert.deepEqual(usableRecords(records.map(record)).map(textOfTlsa), usable, what);
});

test("selector and matching type say what is compared", () => {
  const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
  const { whole, publicKey } = certificate;
  const matching = [
    `3 0 0 ${hex(whole)}`,
    `3 1 0 ${hex(publicKey)}`,
    `3 0 1 ${hex(digests.sha256(whole))}`,
    `3 1 1 ${hex(digests.sha256(publicKey))}`,
    `3 0 2 ${hex(digests.sha512(whole))}`,
    `3 1 2 ${hex(digests.sha512(publicKey))}`,
  ];
  for (const text of matching) {
    assert.ok(matchesTlsa(record(text), certificate, digests), text);
    const otherSelector = text.replace(/^3 (.)/, (_all, selector) => `3 ${selector === "0" ? 1 : 0}`);
    assert.ok(!matchesTlsa(record(otherSelector), certificate, digests), otherSelector);
    const otherOctets = text.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    assert.ok(!matchesTlsa(record(otherOctets), certificate, digests), otherOctets);
  }
});

test("an authority may stand in its record", () => {
  const found = anchorsInRecords(["2 0 0 0102", "2 1 0 02", `2 0 1 ${A}`, "3 0 0 03"].map(record));
  assert.deepEqual(
    found.map((octets) => Buffer.from(octets).toString("hex")),
    ["0102"],
  );
});
