import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { ipv4 } from "./ip.ts";
import { formatMailDate, MailDates, formatReceived, protocolName, type Trace } from "./trace-header.ts";

const trace: Trace = {
  client: ipv4(0xc0000207),
  helo: "client.example",
  hostname: "relay.example",
  protocol: "ESMTPS",
  queueId: "Q7",
  tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
  recipient: "user@example.net",
  date: "Tue, 24 Nov 2026 04:20:35 +0000",
};

test("formatReceived() tells from, by, with, id, for and when", () => {
  assert.equal(
    formatReceived(trace),
    "Received: from client.example ([192.0.2.7])\r\n" +
      "\tby relay.example with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n" +
      "\tid Q7\r\n\tfor <user@example.net>; Tue, 24 Nov 2026 04:20:35 +0000\r\n",
  );
});

test("formatReceived() keeps hostile names in their place", () => {
  const from = (helo: string): string => formatReceived({ ...trace, helo }).split("\r\n")[0] ?? "";
  assert.equal(from(""), "Received: from [192.0.2.7]");
  assert.equal(from("[IPv6:2001:db8::1]"), "Received: from [IPv6:2001:db8::1] ([192.0.2.7])");
  assert.equal(from("a) by evil.example ("), "Received: from [192.0.2.7] (HELO a? by evil.example ?)");
  assert.equal(from("a\tX: 1\r\nX: 2\x1b\\"), "Received: from [192.0.2.7] (HELO a?X: 1??X: 2??)");
  assert.equal(from("jörg"), "Received: from [192.0.2.7] (HELO j?rg)");
  assert.doesNotMatch(formatReceived({ ...trace, recipient: "jörg@example.net" }), /for/);
});

test("formatReceived() is one field of ASCII whatever the client says", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
      const field = formatReceived({ ...trace, helo: text, recipient: text, tls: text });
      assert.match(field, /^Received: [\x20-\x7e]*(\r\n\t[\x20-\x7e]*)*\r\n$/);
      assert.ok(field.split("\r\n").every((line) => line.length < 998));
    }),
  );
});

test("formatMailDate() is RFC 5322", () => {
  assert.equal(formatMailDate(0), "Thu, 01 Jan 1970 00:00:00 +0000");
  const dates = new MailDates();
  for (const at of [0, 999, 1_000, 5, -1, 1_795_494_035_123]) assert.equal(dates.at(at), formatMailDate(at));
});

test("protocolName() is of RFC 3848 and RFC 6531", () => {
  const plain = { extended: true, tls: false, authenticated: false, smtpUtf8: false };
  assert.equal(protocolName({ ...plain, extended: false }), "SMTP");
  assert.equal(protocolName(plain), "ESMTP");
  assert.equal(protocolName({ ...plain, tls: true }), "ESMTPS");
  assert.equal(protocolName({ ...plain, tls: true, authenticated: true }), "ESMTPSA");
  assert.equal(protocolName({ ...plain, authenticated: true, smtpUtf8: true }), "UTF8SMTPA");
});
