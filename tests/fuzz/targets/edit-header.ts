import assert from "node:assert/strict";
import { authorDomain } from "../../../src/core/dkim/author.ts";
import type { Domain } from "../../../src/core/mail/domain.ts";
import {
  editHeader,
  HeadReader,
  type EditedHeader,
  type Head,
  type HeaderEdits,
} from "../../../src/core/mail/edit-header.ts";
import { HeaderReader, type HeaderField } from "../../../src/core/mail/header-fields.ts";
import type { Mailbox } from "../../../src/core/mail/mailbox.ts";
import { latin1, pieces, type PlantedBug, type Target } from "../target.ts";

// Headers of strangers that go out with another author.

const RELAY = "relay.example" as Domain;
const AUTHOR: Mailbox = { localPart: "relay", host: { kind: "domain", domain: RELAY } };
const MENDING = { reversePath: AUTHOR, date: "Tue, 24 Nov 2026 04:20:35 +0000", messageId: "<Q1@relay.example>" };
const BOTH: HeaderEdits = { author: AUTHOR, mending: MENDING };

type Edit = typeof editHeader;

function headOf(input: Uint8Array, chunks: Iterable<Uint8Array>): Head {
  const reader = new HeadReader(10 * 1_048_576);
  for (const chunk of chunks) if (!reader.push(chunk)) break;
  const head = reader.end();
  assert.ok(head !== null && head.octets.length <= input.length);
  return { ...head, octets: Uint8Array.from(head.octets) };
}

function fieldsOf({ octets }: EditedHeader): readonly HeaderField[] {
  const reader = new HeaderReader(10 * 1_048_576);
  assert.equal(reader.push(octets), octets.length, "it ends where its empty line is, and not before");
  const fields = reader.fields();
  assert.ok(fields !== null, "it is a header for everybody");
  return fields;
}

function checkAuthor(input: Uint8Array, head: Head, edit: Edit): void {
  const edited = edit(head, BOTH);
  if (edited === null) return;
  assert.ok(edited.replaces <= input.length);
  assert.ok(
    edited.octets.length <= 3 * head.octets.length + 2_048,
    `${head.octets.length} became ${edited.octets.length}`,
  );
  const fields = fieldsOf(edited);
  assert.equal(authorDomain(fields), RELAY, "one author, whoever reads it");
  const names = fields.map(({ name }) => name);
  for (const name of ["from", "date", "message-id"]) assert.ok(names.includes(name), name);
  for (const name of ["sender", "bcc", "resent-bcc"]) assert.ok(!names.includes(name), name);
  for (const { name, value } of fields)
    if (name === "from")
      for (const line of value.split("\r\n")) assert.ok(line.length <= 998, `a line of ${line.length}`);
  // What was edited needs it no more.
  const again = edit({ octets: edited.octets.subarray(0, -2), isEnded: true }, BOTH);
  assert.equal(again && latin1(again.octets), null, "it is done once");
}

function target(edit: Edit): Target {
  return {
    name: "edit-header",
    corpus: "edit-header",
    words: [
      ...[
        "From: ",
        "Sender: ",
        "Reply-To: ",
        "Bcc: ",
        "Resent-Bcc: ",
        "X-Original-From: ",
        "Date: ",
        "Message-ID: ",
        ".x: ",
      ],
      ...[
        "\r\n",
        "\r\n ",
        "\r\n\r\n",
        "\r",
        "\n",
        "<relay@relay.example>",
        "relay@relay.example",
        "<",
        ">",
        '"',
        "(",
        ")",
        "\\",
      ],
      ...[
        ",",
        ";",
        ":",
        "=?utf-8?Q?=C3=A4?=",
        "=?",
        "?=",
        "\xc3\xa4",
        "\xa0",
        "\0",
        "@",
        "a@b.example",
        "\t",
        "x".repeat(1_200),
      ],
    ],
    check(input, chance) {
      const head = headOf(input, [input]);
      assert.deepEqual(headOf(input, pieces(input, chance)), head, "wherever it is cut");
      checkAuthor(input, head, edit);
      const mended = edit(head, { author: null, mending: MENDING });
      if (mended !== null) assert.ok(!/^(resent-)?bcc[ \t]*:/im.test(latin1(mended.octets)));
    },
    work(input) {
      edit(headOf(input, [input]), BOTH);
    },
  };
}

export const editHeaderTargets: readonly Target[] = [target(editHeader)];

// --- mistakes ---------------------------------------------------------------------------------------------------------

/** The same edit, its text changed afterwards. */
function changed(change: (text: string) => string): Target {
  return target((head, edits) => {
    const edited = editHeader(head, edits);
    return edited && { ...edited, octets: Buffer.from(change(latin1(edited.octets)), "latin1") };
  });
}

export const editHeaderBugs: readonly PlantedBug[] = [
  {
    what: "a name goes in front of the new author as it is",
    target: changed((text) => text.replace(/^From: "([^"]*)"/m, "From: $1")),
  },
  { what: "a second From is left behind", target: changed((text) => text.replace(/^X-Original-From:/m, "From:")) },
  { what: "a CR alone stays in an edited header", target: changed((text) => text.replace(/(?<=Subject:) /, "\r")) },
];
