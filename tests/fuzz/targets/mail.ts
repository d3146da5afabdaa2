import assert from "node:assert/strict";
import type { Domain } from "../../../src/core/mail/domain.ts";
import { recipientsOfHeader, splitAddressList } from "../../../src/core/mail/header-recipients.ts";
import { scanHeader, type HeaderScan } from "../../../src/core/mail/header.ts";
import { withCrlf } from "../../../src/core/mail/line-ends.ts";
import { formatMailbox } from "../../../src/core/mail/mailbox.ts";
import { parseIpv4 } from "../../../src/core/mail/ip.ts";
import { parseForwardPath } from "../../../src/core/mail/path.ts";
import { formatReceived } from "../../../src/core/mail/trace-header.ts";
import { composeReport, headerOf, type Report } from "../../../src/core/queue/dsn.ts";
import type { QueuedMessage, QueueId } from "../../../src/core/queue/message.ts";
import type { Outcome } from "../../../src/core/queue/outcome.ts";
import { parseCommand } from "../../../src/core/smtp/command.ts";
import { ReplyReader } from "../../../src/core/smtp/reply-reader.ts";
import { assertPlain, latin1, pieces, utf8, type PlantedBug, type Target } from "../target.ts";

const INSIDE = "inside.example" as Domain;
const HOST = "relay.example";
const WORDS = [
  ...["Received: from x by relay.example", "\r\n\tby relay.example;", "To: ", "Bcc: ", "Resent-To: ", "Date: ", "\r\n"],
  ...["Message-ID: <x>", "\r\n\r\n", "\r\n ", "\n", ":", ",", ";", "<", ">", '"', "(", ")", "\\", "@", "[", "]"],
  ...["inside.example", "ü", "\xff", "\0", "group: a@b.example;", "((((", "@a,@b:"],
];

// --- the header of a message ------------------------------------------------------------------------------------------

function headerTarget(scan: typeof scanHeader): Target {
  return {
    name: "header",
    corpus: "header",
    words: WORDS,
    check(input, chance) {
      const whole = found(scan([Uint8Array.from(input)], HOST));
      assert.deepEqual(found(scan([...pieces(input, chance)], HOST)), whole, "wherever it is cut");
      assert.ok(whole.ownReceived <= whole.received);
      assert.equal(whole.received, receivedFields(latin1(input)));
      const head = headerOf([...pieces(input, chance)], 4_096);
      assert.ok(head.length <= 4_096 && Buffer.from(head).equals(input.subarray(0, head.length)));
      checkRecipients(input);
      checkLineEnds(input);
    },
    work(input) {
      scan([input], HOST);
      recipientsOfHeader(input, INSIDE, 1_000);
      withCrlf(input);
      splitAddressList(utf8(input));
    },
  };
}

function found({
  received,
  ownReceived,
  hasDate,
  hasMessageId,
  tlsOptional,
}: HeaderScan): Partial<HeaderScan> & { received: number; ownReceived: number } {
  return { received, ownReceived, hasDate, hasMessageId, tlsOptional };
}

/** Fields of that name in front of the first empty line (RFC 5322 §2.2). A CR or LF alone ends a line here too. */
function receivedFields(text: string): number {
  const head = /^\r\n/.test(text) ? "" : (text.split(/(?<=\n)\r\n/, 1)[0] ?? "");
  return head.split("\n").filter((line) => /^received[ \t]*:/i.test(line)).length;
}

function checkRecipients(input: Uint8Array): void {
  const found = recipientsOfHeader(input, INSIDE, 50);
  assert.ok(found.recipients.length + found.faulty.length <= 50);
  for (const recipient of found.recipients) {
    const path = parseForwardPath(`<${formatMailbox(recipient)}>`, INSIDE);
    assert.ok(path.ok, `${formatMailbox(recipient)} is one`);
    assert.deepEqual(path.value.path, recipient);
  }
}

function checkLineEnds(input: Uint8Array): void {
  const { octets } = withCrlf(input);
  assert.ok(!/(?<!\r)\n|\r(?!\n)/.test(latin1(octets)), "every line ends in CRLF");
  assert.deepEqual(Buffer.from(withCrlf(octets).octets), Buffer.from(octets));
}

// --- what we write ourselves: Received, delivery status ---------------------------------------------------------------

/** One line each: EHLO argument, MAIL, RCPT, and the rest is what a server answered. Lines that are none leave their default. */
interface Strangers {
  readonly helo: string;
  readonly message: QueuedMessage;
  readonly outcome: Outcome;
}

function strangersOf(input: Uint8Array): Strangers {
  const [greeting = "", mailLine = "", rcptLine = "", ...answer] = utf8(input).replaceAll("\0", "").split("\n");
  const ehlo = parseCommand(`EHLO ${greeting.replace("\r", "")}`, INSIDE);
  const mail = parseCommand(`MAIL FROM:${mailLine.replace("\r", "")}`, INSIDE);
  const rcpt = parseCommand(`RCPT TO:${rcptLine.replace("\r", "")}`, INSIDE);
  const reader = new ReplyReader();
  reader.push(Buffer.from(`${answer.join("\n")}\n`, "utf8").toString("latin1"));
  const words = reader.next() ?? { code: 550, enhanced: "", text: ["no"] };
  const [notify, originalRecipient] =
    rcpt.verb === "RCPT" ? [rcpt.parameters.notify, rcpt.parameters.originalRecipient] : [null, null];
  return {
    helo: ehlo.verb === "EHLO" ? ehlo.name : "x",
    message: {
      id: 1 as QueueId,
      acceptedAt: 0,
      origin: { client: { family: 4, bits: 1 }, helo: "x", user: null, protocol: "ESMTP" },
      envelope: {
        reversePath: mail.verb === "MAIL" ? mail.path : null,
        recipients: [
          {
            forwardPath:
              rcpt.verb === "RCPT" ? rcpt.path : { localPart: "u", host: { kind: "domain", domain: INSIDE } },
            ...(notify === null ? {} : { notify }),
            ...(originalRecipient === null ? {} : { originalRecipient }),
          },
        ],
        body: "7BIT",
        smtpUtf8: true,
        ...(mail.verb === "MAIL" && mail.parameters.envelopeId !== null
          ? { envelopeId: mail.parameters.envelopeId }
          : {}),
      },
      sizeOctets: 1,
      outcomes: [null],
      attempts: 1,
      held: false,
    },
    outcome: {
      kind: "failed",
      recipient: 0,
      at: 0,
      nextHop: "mx.example:25",
      server: `${HOST} [192.0.2.1]`,
      reply: words,
      tls: "",
    },
  };
}

function reportTarget(compose: typeof composeReport): Target {
  return {
    name: "report",
    corpus: "report",
    words: [
      ...[
        "<u@inside.example>",
        " ORCPT=rfc822;",
        "+0D+0A",
        "+00",
        "+1B",
        "X-Injected:+20yes",
        " ENVID=",
        " SMTPUTF8",
        "\n",
      ],
      ...["550-", "550 5.1.1 ", "\r", "ü", "\u202e", "\ud83d\udce7", "x".repeat(1_200), "(", ")", "\\", "utf-8;"],
    ],
    check(input) {
      const { helo, message, outcome } = strangersOf(input);
      checkReceived(helo, formatMailbox(message.envelope.recipients[0]!.forwardPath));
      checkReport(compose(HOST, message, [{ outcome, action: "failed" }], 0, helo), message);
    },
    work(input) {
      const { helo, message, outcome } = strangersOf(input);
      compose(HOST, message, [{ outcome, action: "failed" }], 0, helo);
    },
  };
}

const CLIENT = parseIpv4("192.0.2.9");

function checkReceived(helo: string, recipient: string): void {
  assert.ok(CLIENT.ok);
  const trace = { client: CLIENT.value, helo, hostname: HOST, protocol: "ESMTP", queueId: "Q1", tls: "" };
  const field = formatReceived({ ...trace, recipient, date: "Thu, 01 Jan 1970 00:00:00 +0000" });
  assert.match(field, /^Received: from [\x20-\x7e]+(\r\n\t[\x20-\x7e]+){2,3}\r\n$/, "one field, in ASCII");
  for (const line of field.split("\r\n")) assert.ok(line.length <= 998, `a line of ${line.length}`);
}

const FIELDS = new Set([
  ...["Reporting-MTA", "Original-Envelope-Id", "Arrival-Date", "Original-Recipient", "Final-Recipient", "Action"],
  ...["Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"],
  ...["Received-From-MTA", "X-Relaykeeper-Queue-Id", "X-Relaykeeper-TLS"],
]);

function checkReport(report: Report, { envelope }: QueuedMessage): void {
  assert.match(report.status, /^(?:[^\r\n]*\r\n)+$/);
  const names = new Map<string, number>();
  for (const line of report.status.split("\r\n")) {
    assert.ok(Buffer.byteLength(line) <= 998, `a line of ${Buffer.byteLength(line)}`);
    assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line));
    if (line === "" || line.startsWith(" ")) continue;
    const name = line.slice(0, line.indexOf(":"));
    assert.ok(FIELDS.has(name), `${name} is no field of ours`);
    names.set(name, (names.get(name) ?? 0) + 1);
  }
  for (const [name, count] of names) assert.equal(count, 1, `${name} is there once`);
  assert.equal(names.has("Original-Recipient"), envelope.recipients[0]?.originalRecipient !== undefined);
  if (!report.international) assert.match(report.status, /^[\t\r\n\x20-\x7e]*$/);
  for (const line of report.text.split("\n")) assertPlain(line, 4_000);
  assertPlain(report.subject, 100);
}

export const mailTargets: readonly Target[] = [headerTarget(scanHeader), reportTarget(composeReport)];

// --- mistakes ---------------------------------------------------------------------------------------------------------

export const mailBugs: readonly PlantedBug[] = [
  {
    what: "each chunk of content is taken for a header",
    target: headerTarget((chunks, hostname) => {
      const scans = chunks.map((chunk) => scanHeader([chunk], hostname));
      const sum = (of: "received" | "ownReceived"): number => scans.reduce((total, scan) => total + scan[of], 0);
      return { ...scanHeader(chunks, hostname), received: sum("received"), ownReceived: sum("ownReceived") };
    }),
  },
  {
    what: "the answer of a server stands in the report as it is",
    target: reportTarget((hostname, message, reported, until, subject) => {
      const report = composeReport(hostname, message, reported, until, subject);
      return { ...report, status: report.status.replaceAll("\\x0D", "\r\n") };
    }),
  },
  {
    what: "ORCPT is decoded and not looked at again",
    target: reportTarget((hostname, message, reported, until, subject) => {
      const report = composeReport(hostname, message, reported, until, subject);
      const injected = /\+0D\+0A/.test(message.envelope.recipients[0]?.originalRecipient ?? "")
        ? "X-Injected: yes\r\n"
        : "";
      return { ...report, status: report.status + injected };
    }),
  },
];
