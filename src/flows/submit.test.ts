import assert from "node:assert/strict";
import { test } from "node:test";
import { TestPolicy } from "../../tests/dialogs/policy.ts";
import { mailbox } from "../../tests/delivery/house.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemorySpool } from "../adapters/memory/spool.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import { Submitter } from "./submit.ts";

test("TLS-Required: No of a program on this machine goes along, whatever its line ends, and from the header alone", async () => {
  for (const [text, wanted] of [
    ["TLS-Required: No\nSubject: x\n\nbody\n", false],
    ["TLS-Required: No\r\nSubject: x\r\n\r\nbody\r\n", false],
    ["Subject: x\n\nTLS-Required: No\n", undefined],
  ] as const) {
    const accepted: AcceptedMessage[] = [];
    const submitter = new Submitter({
      hostname: "relay.example",
      policy: new TestPolicy(["inside.example"]),
      recorder: { decisionIdFor: () => 1, decision: () => undefined, accepted: () => undefined },
      use: { count: () => undefined },
      spool: new MemorySpool(),
      queue: { accept: (message) => void accepted.push(message) },
      queuedMessages: () => 0,
      nextQueueId: () => 1 as QueueId,
      clock: new ManualClock(),
      limits: DEFAULT_LIMITS,
    });
    const octets = new TextEncoder().encode(text);
    const recipients = [{ forwardPath: mailbox("u@inside.example") }];
    const answer = await submitter.submit({
      envelope: { reversePath: mailbox("a@inside.example"), recipients, body: "7BIT", smtpUtf8: false },
      content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
      by: "backup",
    });
    assert.equal(answer.kind, "queued");
    assert.equal(accepted[0]?.envelope.requireTls, wanted, JSON.stringify(text));
  }
});
