import assert from "node:assert/strict";
import { test } from "node:test";
import { reply, type Reply } from "../mail/reply.ts";
import { asksForLess } from "./asks-for-less.ts";

/** The reply as it stands on the wire, without CRLF. */
function read(line: string): Reply {
  const parts = /^(\d{3}) (?:([245]\.\d+\.\d+) )?(.*)$/.exec(line);
  return reply(Number(parts?.[1]), parts?.[2] ?? "", parts?.[3] ?? "");
}

const OF_THE_NEXT_HOP = [
  "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume",
  "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address",
  "421 4.3.2 Service not available",
  "421 Too many messages in this session",
  "421 Service not available, closing transmission channel",
  "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
  "432 4.3.2 Concurrent connections limit exceeded. Visit https://provider.example/concurrent_connections",
  "450 4.7.1 Error: too much mail from 192.0.2.1: rate limit exceeded",
  "450 4.7.0 Too many messages per minute",
  "451 4.7.500 Server busy. Please try again later from [192.0.2.1]",
  "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation",
  "451 4.3.2 Temporary server error. Please try again later ATTR3.2",
  "451 4.3.0 Temporary system problem. Try again later",
  "451 4.4.5 System congested",
  "452 4.7.0 You are sending too fast, slow down",
  "454 Throttling failure: Maximum sending rate exceeded.",
  "454 Throttling failure: Daily message quota exceeded.",
  "451 4.4.1 mx.example [192.0.2.9] answered 421 Too many concurrent SMTP connections",
];

const OF_THE_MESSAGE = [
  "450 4.2.0 <user@example.net>: Recipient address rejected: Greylisted, see http://postgrey.example/help",
  "450 4.7.1 <user@example.net>: Recipient address rejected: Policy restrictions; try again later",
  "451 4.7.1 Greylisting in action, please come back later",
  "451 4.7.1 Please try again later",
  "451 4.7.0 Gray listed, too many new senders",
  "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time.",
  "450 4.1.8 <sender@example.com>: Sender address rejected: Domain not found",
  "451 4.3.0 Mail server temporarily rejected message",
  "451 4.5.0 No answer for this recipient",
  "452 4.2.2 The mailbox is over its quota: limit exceeded",
  "452 4.5.3 Too many recipients",
  "452 4.3.1 Insufficient system storage",
  "452 Too many recipients received this hour",
  "421 4.4.2 mx.example Error: timeout exceeded",
  "451 4.4.1 No server could be reached: connection refused",
  "451 4.4.3 The name mx.example cannot be looked up now: SERVFAIL",
  "451 Requested action aborted: local error in processing",
  "550 5.7.1 Too many messages",
  "554 5.2.0 Submission quota exceeded",
  "250 2.0.0 Ok: rate limit",
];

test("a next hop that asks for less is told from a message that is put off", () => {
  for (const line of OF_THE_NEXT_HOP) assert.equal(asksForLess([read(line)]), true, line);
  for (const line of OF_THE_MESSAGE) assert.equal(asksForLess([read(line)]), false, line);
});

test("it asks for less only where it says so of all whom it put off, and took the message for nobody", () => {
  const [busy, greylisted, refused, taken] = [
    "451 4.7.500 Server busy",
    "450 4.7.1 Greylisted",
    "550 5.1.1 No such user",
    "250 2.0.0 Ok",
  ].map(read) as [Reply, Reply, Reply, Reply];
  const rows: [readonly Reply[], boolean][] = [
    [[busy, busy], true],
    [[busy, refused], true],
    [[busy, greylisted], false],
    [[busy, taken], false],
    [[refused], false],
    [[], false],
  ];
  for (const [replies, expected] of rows) assert.equal(asksForLess(replies), expected);
});

test("a long hostile reply takes no time", () => {
  const begun = performance.now();
  for (let n = 0; n < 1_000; n++) asksForLess([reply(450, "4.7.0", `exceeded ${"the your its ".repeat(200)}`)]);
  assert.ok(performance.now() - begun < 2_000);
});
