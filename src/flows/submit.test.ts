import assert from "node:assert/strict";
import { test } from "node:test";
import { TestPolicy } from "../../tests/dialogs/policy.ts";
import { mailbox } from "../../tests/delivery/house.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemorySpool } from "../adapters/memory/spool.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { formatReply } from "../core/mail/reply.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import { Submitter } from "./submit.ts";

/** Hands the text in as a program on this machine does; what was accepted of it, or the refusal. */
async function handIn(text: string): Promise<AcceptedMessage | string> {
  let accepted: AcceptedMessage | null = null;
  const submitter = new Submitter({
    hostname: "relay.example",
    policy: new TestPolicy(["inside.example"]),
    recorder: { decisionIdFor: () => 1, decision: () => undefined, accepted: () => undefined },
    use: { count: () => undefined },
    spool: new MemorySpool(),
    queue: { accept: (message) => void (accepted = message) },
    queuedMessages: () => 0,
    nextQueueId: () => 1 as QueueId,
    clock: new ManualClock(),
    limits: DEFAULT_LIMITS,
  });
  const octets = new TextEncoder().encode(text);
  const answer = await submitter.submit({
    envelope: {
      reversePath: mailbox("a@inside.example"),
      recipients: [{ forwardPath: mailbox("u@inside.example") }],
      body: "7BIT",
      smtpUtf8: false,
    },
    content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
    by: "backup",
  });
  if (answer.kind === "refused") return formatReply(answer.reply);
  assert.ok(accepted);
  return accepted;
}

test("TLS-Required: No of a program on this machine goes along, whatever its line ends, and from the header alone", async () => {
  for (const [text, wanted] of [
    ["TLS-Required: No\nSubject: x\n\nbody\n", false],
    ["TLS-Required: No\r\nSubject: x\r\n\r\nbody\r\n", false],
    ["Subject: x\n\nTLS-Required: No\n", undefined],
  ] as const) {
    const message = await handIn(text);
    assert.ok(typeof message === "object");
    assert.equal(message.envelope.requireTls, wanted, JSON.stringify(text));
  }
});

test("Bcc of a program on this machine is taken out, and what it forgot is added", async () => {
  const message = await handIn("To: Ann <u@inside.example>\nBcc: hidden@inside.example\n\nbody\n");
  assert.ok(typeof message === "object" && message.content.kind === "memory");
  const text = Buffer.concat(message.content.chunks).toString();
  assert.doesNotMatch(text, /hidden|bcc/i);
  assert.match(text, /^Received: [^]*^To: Ann [^]*^From: <a@inside\.example>\r\n[^]*\r\n\r\nbody\r\n$/m);
  for (const name of ["Date", "Message-ID"]) assert.match(text, new RegExp(`^${name}: `, "m"));
});

test("a header too long to be looked through for Bcc is refused", async () => {
  const long = `X: ${"y".repeat(900)}\n`.repeat(DEFAULT_LIMITS.editedHeaderOctets / 900);
  const answer = await handIn(`${long}Bcc: hidden@inside.example\n\nbody\n`);
  assert.ok(typeof answer === "string");
  assert.match(answer, /^554 5\.6\.0 /);
});
