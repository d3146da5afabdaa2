import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { HEADER_SCAN_OCTETS_MAX, lacksCare, scanHeader, scanOn } from "./header.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const OURS =
  "Received: from a ([192.0.2.1])\r\n\tby relay.example with ESMTP id Q1; Tue, 24 Nov 2026 04:20:35 +0000\r\n";
const OTHER = "Received: from a by relay.example.net with ESMTP id 1;\r\n Tue, 24 Nov 2026 04:20:35 +0000\r\n";

test("scanHeader() counts hops and knows its own name, Date and Message-ID", () => {
  const cases: [header: string, received: number, own: number, date: boolean, id: boolean][] = [
    ["", 0, 0, false, false],
    ["Subject: x\r\n\r\nDate: in the body\r\nReceived: too\r\n", 0, 0, false, false],
    ["\r\nDate: in the body\r\n", 0, 0, false, false],
    ["DATE: x\r\nmessage-id : <1@a>\r\n\r\n", 0, 0, true, true],
    ["X-Date: x\r\nDated: y\r\nReceived-SPF: z\r\n\r\n", 0, 0, false, false],
    ["Subject: a\r\n Date: folded\r\n\r\n", 0, 0, false, false],
    [`${OURS}${OTHER}RECEIVED: x\r\n\r\n`, 3, 1, false, false],
    [`${OURS}${OURS}${OURS}\r\n`, 3, 3, false, false],
    [OURS, 1, 1, false, false],
    ["Received: from by\r\n\tby RELAY.example;\r\n\r\n", 1, 1, false, false],
    ["Subject: by relay.example\r\n\r\n", 0, 0, false, false],
  ];
  for (const [header, received, ownReceived, hasDate, hasMessageId] of cases) {
    const expected = { received, ownReceived, hasDate, hasMessageId };
    for (const size of [1, 7, 10_000]) {
      const all = octets(header);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size));
      const scan = { ...scanHeader(chunks, "relay.example") };
      assert.deepEqual({ ...scan, ...expected }, scan, JSON.stringify(header));
    }
  }
});

test("scanHeader() sees TLS-Required: No, and nothing else in that field", () => {
  const cases: [header: string, wanted: boolean][] = [
    ["TLS-Required: No\r\n\r\n", true],
    ["Subject: x\r\ntls-required:NO\r\n", true],
    ["TLS-Required:\r\n No \r\n\r\n", true],
    ["TLS-Required: Yes\r\n\r\n", false],
    ["TLS-Required: Nope\r\n\r\n", false],
    ["TLS-Required: No, never\r\n\r\n", false],
    ["TLS-Required:\r\n", false],
    ["TLS-Required: No", false],
    ["TLS-Required:\r\n\r\nNo\r\n", false],
    ["TLS-Required:\r\nNo\r\n", false],
    ["TLS-Required-By: No\r\n\r\n", false],
    ["Subject: x\r\n\r\nTLS-Required: No\r\n", false],
    ["Subject: x\r\n TLS-Required: No\r\n\r\n", false],
  ];
  for (const [header, wanted] of cases)
    assert.equal(scanHeader([octets(header)], "relay.example").tlsOptional, wanted, JSON.stringify(header));
});

test("scanHeader() looks no further than its limit", () => {
  const long = `X: ${"y".repeat(HEADER_SCAN_OCTETS_MAX)}\r\nDate: z\r\n\r\n`;
  assert.equal(scanHeader([octets(long)], "relay.example").hasDate, false);
  assert.equal(scanHeader([octets("X: y\r\n"), octets(long)], "relay.example").hasDate, false);
});

test("scanOn() goes on where the header came in pieces, to its end and no further", () => {
  const scan = (...pieces: string[]) => {
    const [first = "", ...more] = pieces;
    let seen = scanHeader([octets(first)], "relay.example");
    for (const piece of more) seen = scanOn(seen, [octets(piece)], "relay.example");
    return seen;
  };
  const own = "Received: from a by relay.example; x\r\n";
  assert.partialDeepStrictEqual(scan(own, own, `Date: x\r\n\r\n${own}`), {
    received: 2,
    ownReceived: 2,
    hasDate: true,
  });
  assert.partialDeepStrictEqual(scan(`${own}\r\n`, own), { received: 1, complete: true });
  const half = `X: ${"y".repeat(HEADER_SCAN_OCTETS_MAX / 2)}\r\n`;
  assert.partialDeepStrictEqual(scan(half, half, own), { received: 0 });
});

test("scanHeader() never throws", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      assert.ok(scanHeader(chunks, "relay.example").received >= 0);
    }),
  );
});

test("lacksCare() where a mail program forgot something, or the header was not seen whole", () => {
  const whole = "From: a\r\nDate: x\r\nMessage-ID: <1@a>\r\n";
  const lacks = (text: string): boolean => lacksCare(scanHeader([octets(text)], "relay.example"));
  assert.equal(lacks(`${whole}\r\nBcc: body\r\n`), false);
  for (const name of ["From", "Date", "Message-ID"]) assert.ok(lacks(`${whole.replace(name, "X")}\r\n`), name);
  for (const name of ["Bcc", "bcc ", "Resent-BCC"]) assert.ok(lacks(`${whole}${name}: b\r\n\r\n`), name);
  assert.ok(lacks(`${whole}X: ${"y".repeat(HEADER_SCAN_OCTETS_MAX)}\r\n\r\n`));
  const first = scanHeader([octets(whole)], "relay.example");
  assert.ok(lacksCare(scanOn(first, [octets("X: y\r\n\r\n")], "relay.example")));
  const complete = scanHeader([octets(`${whole}\r\n`)], "relay.example");
  assert.ok(!lacksCare(scanOn(complete, [octets("Bcc: body\r\n\r\n")], "relay.example")));
});
