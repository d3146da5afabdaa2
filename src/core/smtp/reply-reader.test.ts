import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertLinear } from "../../../tests/linear.ts";
import { formatReply, type Reply } from "../mail/reply.ts";
import { ReplyReader } from "./reply-reader.ts";

function readAll(...segments: string[]): { replies: Reply[]; fault: string | null } {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  for (const segment of segments) {
    reader.push(segment);
    for (let reply = reader.next(); reply !== null; reply = reader.next()) replies.push(reply);
  }
  return { replies, fault: reader.fault };
}

test("ReplyReader reads what servers send", () => {
  const cases: [string, number, string, string[]][] = [
    ["250 2.1.0 Ok\r\n", 250, "2.1.0", ["Ok"]],
    ["250 Ok\r\n", 250, "", ["Ok"]],
    ["250\r\n", 250, "", [""]],
    ["250 \r\n", 250, "", [""]],
    ["250 Ok\n", 250, "", ["Ok"]], // some servers end lines so
    ["354 go on\r\n", 354, "", ["go on"]],
    ["250-mx.example\r\n250-PIPELINING\r\n250 SIZE 0\r\n", 250, "", ["mx.example", "PIPELINING", "SIZE 0"]],
    ["550-5.7.1 no\r\n550 5.7.1 way\r\n", 550, "5.7.1", ["no", "way"]],
    ["550 5.1.10\r\n", 550, "5.1.10", [""]],
    ["550 5.7.1.2 x\r\n", 550, "", ["5.7.1.2 x"]],
    ["550 4.7.1 x\r\n", 550, "", ["4.7.1 x"]], // another class than the code
    ["550 5.1234.1 x\r\n", 550, "", ["5.1234.1 x"]],
    ["421 \u001b[31mred\u0007\r\n", 421, "", ["\\x1B[31mred\\x07"]],
    ["550 Gr\u00c3\u00bc\u00c3\u009fe\r\n", 550, "", ["Grüße"]], // UTF-8
    ["550 caf\u00e9\r\n", 550, "", ["café"]], // latin1 after all
    ["250 a\rb\r\n", 250, "", ["a\\x0Db"]],
  ];
  for (const [wire, code, enhanced, text] of cases) {
    assert.deepEqual(readAll(wire), { replies: [{ code, enhanced, text }], fault: null }, JSON.stringify(wire));
  }
});

test("ReplyReader trusts nothing behind a line that is no reply", () => {
  const cases: [string, string][] = [
    ["hello\r\n250 Ok\r\n", "not-a-reply"],
    ["\r\n", "not-a-reply"],
    ["999 x\r\n", "not-a-reply"],
    ["199 x\r\n", "not-a-reply"],
    ["600 x\r\n", "not-a-reply"],
    ["25 Ok\r\n", "not-a-reply"],
    ["250Ok\r\n", "not-a-reply"],
    ["2500 Ok\r\n", "not-a-reply"],
    ["HTTP/1.1 400 Bad Request\r\n", "not-a-reply"],
    ["250-a\r\n550 b\r\n", "mixed-codes"],
    ["250-a\r\n".repeat(101), "reply-too-long"],
    [`250 ${"x".repeat(65_536)}`, "reply-too-long"],
    [`250-${"x".repeat(40_000)}\r\n250-${"x".repeat(40_000)}\r\n`, "reply-too-long"],
  ];
  for (const [wire, fault] of cases) {
    const read = readAll(wire, "250 Ok\r\n");
    assert.equal(read.fault, fault, JSON.stringify(wire.slice(0, 40)));
    assert.equal(read.replies.length, 0);
  }
});

test("ReplyReader gives the same replies however the octets are cut", () => {
  const text = fc.stringMatching(/^[ -\[\]-~]{0,40}$/);
  const reply = fc
    .record({ code: fc.integer({ min: 200, max: 559 }), lines: fc.array(text, { minLength: 1, maxLength: 5 }) })
    .map(({ code, lines }): Reply => ({ code, enhanced: `${Math.floor(code / 100)}.1.1`, text: lines }));
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 8 }), fc.array(fc.nat(30), { maxLength: 60 }), (replies, cuts) => {
      const wire = replies.map(formatReply).join("");
      const segments: string[] = [];
      let at = 0;
      for (const cut of cuts) segments.push(wire.slice(at, (at += cut)));
      const read = readAll(...segments, wire.slice(at));
      assert.equal(read.fault, null);
      assert.deepEqual(read.replies, replies);
    }),
  );
});

test("ReplyReader never throws, and holds no more than its limit", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 50 }), { maxLength: 40 }), (segments) => {
      readAll(...segments.map((segment) => Buffer.from(segment).toString("latin1")));
    }),
  );
});

test("reset() forgets what was said in the clear", () => {
  const reader = new ReplyReader();
  reader.push("220 go\r\n250-FAKE\r\n250 ");
  assert.equal(reader.next()?.code, 220);
  assert.equal(reader.hasRest, true);
  reader.reset();
  assert.equal(reader.hasRest, false);
  reader.push("250 true\r\n");
  assert.deepEqual(reader.next()?.text, ["true"]);
});

test("ReplyReader takes a line that comes octet by octet at no more than its length", () => {
  const read = (size: number): void => {
    const reader = new ReplyReader();
    for (let i = 0; i < size; i++) {
      reader.push("\r");
      reader.next();
    }
    assert.equal(reader.fault, null);
  };
  // Cold code is slow enough on a short line to hide what a long one costs.
  for (let round = 0; round < 20; round++) read(4_000);
  assertLinear("octet by octet", 4_000, read);
});
