import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MimeComposer } from "../../../src/adapters/mime/composer.ts";
import { MemorySpool } from "../../../src/adapters/memory/spool.ts";
import { DEFAULT_LIMITS } from "../../../src/core/base/limits.ts";
import { DAY_MS, HOUR_MS } from "../../../src/core/base/time.ts";
import type { Domain } from "../../../src/core/mail/domain.ts";
import type { Envelope } from "../../../src/core/mail/envelope.ts";
import { ipv4 } from "../../../src/core/mail/ip.ts";
import type { Mailbox } from "../../../src/core/mail/mailbox.ts";
import { reply } from "../../../src/core/mail/reply.ts";
import type { ReportedOutcome } from "../../../src/core/queue/dsn.ts";
import type { QueuedMessage, QueueId } from "../../../src/core/queue/message.ts";
import type { Outcome } from "../../../src/core/queue/outcome.ts";
import { makeReport } from "../../../src/flows/report.ts";

/** 2026-11-24T04:20:35Z. */
const ACCEPTED = 1_795_494_035_000;

function mailbox(text: string): Mailbox {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), host: { kind: "domain", domain: text.slice(at + 1) as Domain } };
}

function message(envelope: Partial<Envelope>, sizeOctets: number): QueuedMessage {
  const full: Envelope = {
    reversePath: mailbox("ann@inside.example"),
    recipients: [],
    body: "7BIT",
    smtpUtf8: false,
    ...envelope,
  };
  return {
    id: 1_000_000 as QueueId,
    acceptedAt: ACCEPTED,
    origin: { client: ipv4(0x0a640102), helo: "erp.inside.example", user: null, protocol: "ESMTP" },
    envelope: full,
    sizeOctets,
    outcomes: full.recipients.map(() => null),
    attempts: 1,
    held: false,
  };
}

function outcome(given: Partial<Outcome>): Outcome {
  return {
    kind: "failed",
    recipient: 0,
    at: ACCEPTED + 2_000,
    nextHop: "mx1.example.net:25",
    server: "mx1.example.net [192.0.2.9]",
    reply: reply(550, "5.1.1", "<bob@example.net>: no such user here"),
    tls: "",
    ...given,
  };
}

const CONTENT = "Received: from erp.inside.example\r\nFrom: ann@inside.example\r\nSubject: Backup\r\n\r\nThe body.\r\n.\r\n";

const cases: Record<string, { envelope: Partial<Envelope>; reported: ReportedOutcome[]; content?: string }> = {
  "failed": {
    envelope: { recipients: [{ forwardPath: mailbox("bob@example.net") }] },
    reported: [{ outcome: outcome({}), action: "failed" }],
  },
  "failed-full": {
    envelope: {
      recipients: [
        { forwardPath: mailbox("bob@example.net"), originalRecipient: "rfc822;bobby+2Btag@example.net" },
        { forwardPath: mailbox("eve@example.net") },
      ],
      ret: "FULL",
      envelopeId: "QQ+2B314",
    },
    reported: [
      { outcome: outcome({}), action: "failed" },
      {
        outcome: outcome({
          kind: "expired",
          recipient: 1,
          at: ACCEPTED + 5 * DAY_MS,
          server: "",
          reply: reply(451, "4.4.1", "Connecting to mx1.example.net [192.0.2.9]:25: connection refused"),
        }),
        action: "failed",
      },
    ],
  },
  "delayed": {
    envelope: { recipients: [{ forwardPath: mailbox("bob@example.net") }] },
    reported: [
      {
        outcome: outcome({
          kind: "deferred",
          at: ACCEPTED + 4 * HOUR_MS,
          reply: reply(450, "4.2.0", "Greylisted", "see https://example.net/grey"),
        }),
        action: "delayed",
      },
    ],
  },
  "relayed": {
    envelope: { recipients: [{ forwardPath: mailbox("bob@example.net"), notify: ["SUCCESS"] }] },
    reported: [{ outcome: outcome({ kind: "delivered", reply: reply(250, "2.0.0", "Queued") }), action: "relayed" }],
  },
  "hostile-reply": {
    envelope: { recipients: [{ forwardPath: mailbox("bob@example.net") }] },
    reported: [
      {
        outcome: outcome({
          reply: reply(550, "", "x".repeat(700), "\\x1B[31m Action: delivered", "Grüße"),
          server: "evil.example [192.0.2.66]",
        }),
        action: "failed",
      },
    ],
  },
  "international": {
    envelope: {
      reversePath: mailbox("jürgen@inside.example"),
      recipients: [{ forwardPath: mailbox("用户@example.net") }],
      smtpUtf8: true,
    },
    reported: [{ outcome: outcome({}), action: "failed" }],
    content: "From: jürgen@inside.example\r\nSubject: Grüße\r\n\r\nText\r\n",
  },
  // RET=FULL cannot be met: content that came by BINARYMIME has no lines. The code of the reply goes before its status.
  "binary": {
    envelope: { recipients: [{ forwardPath: mailbox("bob@example.net") }], ret: "FULL", body: "BINARYMIME" },
    reported: [
      {
        outcome: outcome({
          nextHop: "192.0.2.9:25",
          server: "192.0.2.9 [192.0.2.9]",
          reply: reply(554, "2.0.0", "Delivered"),
          tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
        }),
        action: "failed",
      },
    ],
    content: "Subject: =?utf-8?q?Fa=C3=9F?=\r\nX-Bare: a\nX-Next: b\rc\r\n\r\n\0\n.\n",
  },
  // The sender said no SMTPUTF8: the report is 7-bit, and no character of the address is lost.
  "original-in-utf-8": {
    envelope: {
      recipients: [
        { forwardPath: mailbox("bob@example.net"), originalRecipient: "utf-8;b\\x{F6}b\\x{2B}tag@example.net" },
      ],
    },
    reported: [{ outcome: outcome({}), action: "failed" }],
  },
};

for (const [name, { envelope, reported, content = CONTENT }] of Object.entries(cases)) {
  test(`the report "${name}" is as it is written`, async () => {
    const octets = new TextEncoder().encode(content);
    const report = await makeReport(
      {
        hostname: "relay.example",
        clock: { now: () => ACCEPTED + 3_000, after: () => ({ cancel: () => {} }) },
        spool: new MemorySpool(),
        composer: new MimeComposer(),
        limits: DEFAULT_LIMITS,
        nextQueueId: () => 1_000_001 as QueueId,
      },
      message(envelope, octets.length),
      reported,
      [octets.subarray(0, 20), octets.subarray(20)],
    );
    assert.ok(report);
    assert.equal(report.envelope.reversePath, null);
    assert.deepEqual(report.envelope.recipients[0]?.notify, "NEVER");
    assert.equal(report.content.kind, "memory");
    const text = report.content.kind === "memory" ? Buffer.concat(report.content.chunks).toString("utf8") : "";
    for (const line of text.split("\r\n")) {
      assert.ok(!line.includes("\n") && !line.includes("\r"), "every line ends in CRLF");
      assert.ok(Buffer.byteLength(line) <= 998);
    }
    assert.equal(report.envelope.body === "8BITMIME", /[^\x00-\x7f]/.test(text));
    const golden = join(import.meta.dirname, `${name}.eml`);
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(golden, text.replaceAll("\r\n", "\n"));
    assert.equal(text.replaceAll("\r\n", "\n"), readFileSync(golden, "utf8"));
  });
}

test("no report is made about a report", async () => {
  const bounced = message({ reversePath: null, recipients: [{ forwardPath: mailbox("ann@inside.example") }] }, 10);
  const none = await makeReport(
    {
      hostname: "relay.example",
      clock: { now: () => ACCEPTED, after: () => ({ cancel: () => {} }) },
      spool: new MemorySpool(),
      composer: new MimeComposer(),
      limits: DEFAULT_LIMITS,
      nextQueueId: () => 1 as QueueId,
    },
    bounced,
    [{ outcome: outcome({}), action: "failed" }],
    null,
  );
  assert.equal(none, null);
});
