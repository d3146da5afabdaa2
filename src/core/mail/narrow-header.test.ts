import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { recipientsOfHeader } from "./header-recipients.ts";
import type { Domain } from "./domain.ts";
import { formatMailbox, type Mailbox } from "./mailbox.ts";
import { narrowHeader } from "./narrow-header.ts";
import { parseMailbox } from "./path.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** Lines by `|`. */
function narrow(content: string, ...recipients: readonly string[]): string {
  const octets = Buffer.from(content.replaceAll("|", "\r\n"), "latin1");
  return Buffer.from(narrowHeader(octets, recipients.map(mailbox)))
    .toString("latin1")
    .replaceAll("\r\n", "|");
}

const A = "a@one.example";
const B = "b@two.example";
const C = "c@three.example";

describe("a header for those who have no envelope", () => {
  const table: readonly (readonly [what: string, content: string, recipients: readonly string[], expected: string])[] =
    [
      [
        "all are shown: it stays",
        "Subject: x|To: Ann <a@one.example>,| b@two.example||body|",
        [A, B],
        "Subject: x|To: Ann <a@one.example>,| b@two.example||body|",
      ],
      ["case of letters is none", "To: A@One.Example||x", [A], "To: A@One.Example||x"],
      ["who is not shown is blind", "To: a@one.example||x", [A, C], "To: a@one.example|Bcc: <c@three.example>||x"],
      ["nobody is shown", "Subject: x||x", [A, B], "Subject: x|Bcc: <a@one.example>,| <b@two.example>||x"],
      [
        "somebody else is shown: they go another way, and get it once",
        'Subject: x|To: "Doe, Ann" <a@one.example>, Bob <b@two.example>|Cc: c@three.example||x',
        [A, C],
        'Subject: x|To: <a@one.example>|X-Original-To: "Doe, Ann" <a@one.example>, Bob <b@two.example>|Cc: <c@three.example>|X-Original-Cc: c@three.example||x',
      ],
      [
        "none of To is a recipient",
        "To: list@two.example|Date: d||x",
        [A],
        "Date: d|X-Original-To: list@two.example|Bcc: <a@one.example>||x",
      ],
      ["a Bcc that came in names nobody", "To: a@one.example|Bcc: b@two.example||x", [A], "To: a@one.example||x"],
      [
        "neither do Resent fields",
        "Resent-To: b@two.example|To: a@one.example|Resent-Bcc: c@three.example||x",
        [A],
        "To: a@one.example||x",
      ],
      [
        "no addresses at all",
        "To: undisclosed-recipients:;||x",
        [A],
        "X-Original-To: undisclosed-recipients:;|Bcc: <a@one.example>||x",
      ],
      [
        "what is no address names nobody",
        "To: root, a@one.example||x",
        [A],
        "To: <a@one.example>|X-Original-To: root, a@one.example||x",
      ],
      [
        "readers differ about two fields",
        "To: a@one.example|To: b@two.example||x",
        [A, B],
        "To: <a@one.example>,| <b@two.example>|X-Original-To: a@one.example|X-Original-To: b@two.example||x",
      ],
      [
        "readers differ about comments",
        "To: a@one.example (x), b@two.example||x",
        [A, B],
        "To: <a@one.example>,| <b@two.example>|X-Original-To: a@one.example (x), b@two.example||x",
      ],
      [
        "readers differ about two addresses in one",
        "To: c@three.example <a@one.example>||x",
        [A],
        "To: <a@one.example>|X-Original-To: c@three.example <a@one.example>||x",
      ],
      ["a blank before the colon", "To : a@one.example||x", [A], "To: <a@one.example>|X-Original-To: a@one.example||x"],
      [
        "shown twice is a recipient once",
        "To: a@one.example|Cc: b@two.example, a@one.example, c@three.example||x",
        [A, B],
        "To: <a@one.example>|X-Original-To: a@one.example|Cc: <b@two.example>|X-Original-Cc: b@two.example, a@one.example, c@three.example||x",
      ],
      ["no body", "To: a@one.example|", [A], "To: a@one.example||"],
      ["no header", "|body|", [A], "Bcc: <a@one.example>||body|"],
      ["nothing", "", [A], "Bcc: <a@one.example>||"],
      [
        "what is no field begins the body",
        "To: a@one.example|no field|To: b@two.example||x",
        [A],
        "To: a@one.example||no field|To: b@two.example||x",
      ],
    ];
  for (const [what, content, recipients, expected] of table) {
    test(what, () => {
      assert.equal(narrow(content, ...recipients), expected);
    });
  }

  test("an address with more than ASCII is written in UTF-8", () => {
    const octets = narrowHeader(Buffer.from("Subject: x\r\n\r\n"), [mailbox("jörg@one.example")]);
    assert.match(Buffer.from(octets).toString("utf8"), /Bcc: <jörg@one\.example>/);
  });

  test("whatever the header is, it names exactly the recipients afterwards", () => {
    const piece = fc.constantFrom(
      ...[
        "To",
        "Cc",
        "Bcc",
        "Resent-To",
        ":",
        " ",
        "\r\n",
        "\r\n ",
        ",",
        ";",
        "<",
        ">",
        '"',
        "(",
        ")",
        "\\",
        "\r",
        "\n",
      ],
      ...[
        A,
        B,
        C,
        "x@evil.example",
        "root",
        "Ann",
        "=?utf-8?Q?a=40evil.example?=",
        "[",
        "]",
        "\r\n\r\n",
        "To: ",
        "Cc: ",
      ],
    );
    const content = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
    const recipients = fc.subarray([A, B, C], { minLength: 1 });
    fc.assert(
      fc.property(content, recipients, (text, wanted) => {
        const narrowed = narrowHeader(Buffer.from(text, "latin1"), wanted.map(mailbox));
        const { recipients: named, faulty } = recipientsOfHeader(narrowed, "default.example" as Domain, 100);
        assert.deepEqual(
          named
            .map(formatMailbox)
            .map((one) => one.toLowerCase())
            .sort(),
          [...wanted].sort(),
        );
        assert.deepEqual(faulty, []);
      }),
      { seed: 4, numRuns: 3_000 },
    );
  });
});
