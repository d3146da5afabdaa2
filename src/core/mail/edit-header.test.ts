import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Domain } from "./domain.ts";
import { editHeader, HeadReader, type HeaderEdits } from "./edit-header.ts";
import type { Mailbox } from "./mailbox.ts";

const mailbox = (localPart: string, domain: string): Mailbox => ({
  localPart,
  host: { kind: "domain", domain: domain as Domain },
});
const RELAY = mailbox("relay", "example.com");
const MENDING = { reversePath: mailbox("scan", "floor.example"), date: "DATE", messageId: "<ID>" };

/** Content with the edits made; lines by `|`. null where it stays as it is. */
function edited(content: string, edits: Partial<HeaderEdits>): string | null {
  const octets = Buffer.from(content.replaceAll("|", "\r\n"), "latin1");
  const reader = new HeadReader(10_000);
  reader.push(octets);
  const head = reader.end();
  assert.ok(head !== null);
  const header = editHeader(head, { author: null, mending: null, ...edits });
  if (header === null) return null;
  return Buffer.concat([header.octets, octets.subarray(header.replaces)])
    .toString("latin1")
    .replaceAll("\r\n", "|");
}

describe("another author", () => {
  const table: readonly (readonly [string, string, string | null])[] = [
    [
      "the name stays, replies go to who wrote, and who that was is said",
      "Received: x|From: Ann <a@b.example>|To: c@d.example||body|",
      "Received: x|From: Ann <relay@example.com>|Reply-To: Ann <a@b.example>|X-Original-From: Ann <a@b.example>|To: c@d.example||body|",
    ],
    [
      "Reply-To of the sender stays, Sender goes",
      "Sender: s@b.example|From: a@b.example|Reply-To: r@b.example||",
      "From: <relay@example.com>|X-Original-From: a@b.example|Reply-To: r@b.example||",
    ],
    [
      "an empty Reply-To is none",
      "Reply-To: |From: a@b.example||",
      "From: <relay@example.com>|Reply-To: a@b.example|X-Original-From: a@b.example||",
    ],
    [
      "several From fields become one",
      "From: a@b.example|Subject: x|From: Bank <c@d.example>||",
      "From: <relay@example.com>|Reply-To: a@b.example|X-Original-From: a@b.example|X-Original-From: Bank <c@d.example>|Subject: x||",
    ],
    [
      "several authors become one, with the name of the first",
      "From: Ann <a@b.example>, Bo <c@d.example>||",
      "From: Ann <relay@example.com>|Reply-To: Ann <a@b.example>, Bo <c@d.example>|X-Original-From: Ann <a@b.example>, Bo <c@d.example>||",
    ],
    ["no From", "Subject: x||", "Subject: x|From: <relay@example.com>||"],
    ["an empty header", "|body", "From: <relay@example.com>||body"],
    ["nothing at all", "", "From: <relay@example.com>||"],
    [
      "a header without its end",
      "From: a@b.example",
      "From: <relay@example.com>|Reply-To: a@b.example|X-Original-From: a@b.example||",
    ],
    [
      "a From that names nobody is kept, and nobody is to be replied to",
      "From: undisclosed:;||",
      "From: <relay@example.com>|X-Original-From: undisclosed:;||",
    ],
    [
      "what was said of another From before is replaced",
      "X-Original-From: bank@bank.example|From: a@b.example||",
      "From: <relay@example.com>|Reply-To: a@b.example|X-Original-From: a@b.example||",
    ],
    ["the author is the right one already", "From: Relay <relay@example.com>||x", null],
    ["and so is this", "From:|\trelay@example.com||x", null],
    [
      "two addresses where some see one",
      "From: <bank@bank.example> <relay@example.com>||",
      "From: <relay@example.com>|Reply-To: <bank@bank.example> <relay@example.com>|X-Original-From: <bank@bank.example> <relay@example.com>||",
    ],
    [
      "folded, and octets above 127",
      "FROM:\t=?utf-8?q?=C3=A4?=|\tJ\xc3\xb6rg| <a@b.example>||",
      "From: =?utf-8?q?=C3=A4?= J\xc3\xb6rg <relay@example.com>|Reply-To:\t=?utf-8?q?=C3=A4?=|\tJ\xc3\xb6rg| <a@b.example>|X-Original-From:\t=?utf-8?q?=C3=A4?=|\tJ\xc3\xb6rg| <a@b.example>||",
    ],
    [
      "a line that is no field ends the header for everybody",
      "Subject: x|no field|From: bank@bank.example||body",
      "Subject: x|From: <relay@example.com>||no field|From: bank@bank.example||body",
    ],
    [
      "a bare LF begins no field",
      "From: relay@example.com|X: y\nFrom: b@bank.example||",
      "From: relay@example.com|X: y From: b@bank.example||",
    ],
  ];
  for (const [name, content, wanted] of table) {
    test(name, () => assert.equal(edited(content, { author: RELAY }), wanted));
  }

  test("long names and values are folded below 998 octets", () => {
    const long =
      edited(`From: "${"n".repeat(200)}" <a@b.example>, ${"x".repeat(750)}@b.example||`, { author: RELAY }) ?? "";
    assert.match(long, /^From: "n{200}"\| <relay@example\.com>\|Reply-To:\| +"n.*\|X-Original-From:\| +"n/);
    for (const line of long.split("|")) assert.ok(line.length <= 998);
  });
});

describe("what a mail program forgot", () => {
  const table: readonly (readonly [string, string, string | null])[] = [
    ["everything", "Received: x||body", "Received: x|From: <scan@floor.example>|Date: DATE|Message-ID: <ID>||body"],
    ["nothing", "DATE: x|message-id : y|From: a@b.example||body", null],
    ["Date", "From: a@b.example|Message-ID: y||", "From: a@b.example|Message-ID: y|Date: DATE||"],
    [
      "Bcc, wherever and however it is written",
      "Bcc: a@b.example,| c@d.example|From: a@b.example|bCC : x|Date: x|Message-ID: y|Resent-Bcc:z||Bcc: body",
      "From: a@b.example|Date: x|Message-ID: y||Bcc: body",
    ],
    [
      "text without a header gets one",
      "hello|world|",
      "From: <scan@floor.example>|Date: DATE|Message-ID: <ID>||hello|world|",
    ],
  ];
  for (const [name, content, wanted] of table) {
    test(name, () => assert.equal(edited(content, { mending: MENDING }), wanted));
  }

  test("a report has no sender who could be its author", () => {
    assert.equal(
      edited("Subject: x||", { mending: { ...MENDING, reversePath: null } }),
      "Subject: x|Date: DATE|Message-ID: <ID>||",
    );
  });

  test("the reverse-path is the author that was, where both is asked for", () => {
    assert.equal(
      edited("Date: x|Message-ID: y||", { author: RELAY, mending: MENDING }),
      "Date: x|Message-ID: y|From: <relay@example.com>|Reply-To: <scan@floor.example>|X-Original-From: <scan@floor.example>||",
    );
  });
});

test("a header longer than is looked at is said to be", () => {
  const reader = new HeadReader(10_000);
  assert.equal(reader.push(Buffer.from(`X: ${"y".repeat(12_000)}`)), false);
  assert.equal(reader.end(), null);
});
