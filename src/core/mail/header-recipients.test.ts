import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertLinear } from "../../../tests/linear.ts";
import type { Domain } from "./domain.ts";
import { recipientsOfHeader, splitAddressList } from "./header-recipients.ts";
import { withCrlf } from "./line-ends.ts";
import { formatMailbox } from "./mailbox.ts";

const HOME = "home.example" as Domain;

function read(header: string, max = 100): { found: string[]; faulty: readonly string[]; tooMany: boolean } {
  const { recipients, faulty, tooMany } = recipientsOfHeader(Buffer.from(header), HOME, max);
  return { found: recipients.map(formatMailbox), faulty, tooMany };
}

test("splitAddressList() reads the address lists of RFC 5322", () => {
  const cases: [string, string[]][] = [
    ["a@b.example", ["a@b.example"]],
    ["a@b.example, c@d.example", ["a@b.example", "c@d.example"]],
    ['Ann <a@b.example>, "B, b" <c@d.example>', ["<a@b.example>", "<c@d.example>"]],
    ["friends: a@b.example, c@d.example;, e@f.example", ["a@b.example", "c@d.example", "e@f.example"]],
    ["undisclosed-recipients:;", []],
    ["a@b.example (Ann (the first), really)", ["a@b.example"]],
    ["a(x)@(y)b.example", ["a@b.example"]],
    ['"a b"@c.example', ['"a b"@c.example']],
    ['"a\\"b,c"@d.example', ['"a\\"b,c"@d.example']],
    ["<@r.example,@s.example:a@b.example>", ["<@r.example,@s.example:a@b.example>"]],
    ["a@[IPv6:2001:db8::1], b@[192.0.2.1]", ["a@[IPv6:2001:db8::1]", "b@[192.0.2.1]"]],
    [" a @ b.example ,, ", ["a@b.example"]],
    ["<>", []],
    ["(open, a@b.example", []],
    ['"open, a@b.example', ['"open, a@b.example']],
  ];
  for (const [text, expected] of cases) assert.deepEqual(splitAddressList(text), expected, text);
});

test("recipientsOfHeader() takes To, Cc and Bcc, unfolded, each address once", () => {
  const header =
    "From: x@y.example\r\nTo: Ann <a@b.example>,\r\n\troot\r\ncc : c@d.example\r\nBCC: a@b.example, e@f.example\r\n" +
    "Subject: To: no@no.example\r\n\r\nTo: body@no.example\r\n";
  assert.deepEqual(read(header).found, ["a@b.example", "root@home.example", "c@d.example", "e@f.example"]);
  assert.deepEqual(read("To: a@b.example\nResent-To: r@s.example\nResent-Bcc: t@u.example\n\nx").found, [
    "r@s.example",
    "t@u.example",
  ]);
  assert.deepEqual(read("To: <a@b.example>, <@r.example:c@d.example>, <root>\n\n").found, [
    "a@b.example",
    "c@d.example",
    "root@home.example",
  ]);
  assert.deepEqual(read("To: a@b..example, good@b.example\n\n"), {
    found: ["good@b.example"],
    faulty: ["a@b..example"],
    tooMany: false,
  });
  assert.equal(read(`To: ${Array.from({ length: 20 }, (_, i) => `u${i}@b.example`).join(",")}\n\n`, 10).tooMany, true);
});

test("header-recipients never throws, and its time grows with the length alone", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("To: ", "a@b", "<", ">", "(", ")", '"', "\\", ",", ":", ";", "\n", " ", "["), {
        maxLength: 200,
      }),
      (pieces) => {
        read(`To: ${pieces.join("")}\n\n`);
      },
    ),
  );
  for (const hostile of ["(", "<", '"\\', "a,"])
    assertLinear(hostile, 8_000, (size) => void read(`To: ${hostile.repeat(size)}\n\n`));
});

test("withCrlf() ends every line in CRLF, once", () => {
  const cases: [string, string, boolean][] = [
    ["a\nb\n", "a\r\nb\r\n", false],
    ["a\r\nb\r\n", "a\r\nb\r\n", false],
    ["a\rb", "a\r\nb\r\n", false],
    ["a\n\n.b", "a\r\n\r\n.b\r\n", true],
    [".a", ".a\r\n", true],
    ["a.\n", "a.\r\n", false],
    ["a\r\r\n", "a\r\n\r\n", false],
    ["", "", false],
  ];
  for (const [text, expected, dotLines] of cases) {
    const crlf = withCrlf(Buffer.from(text));
    assert.equal(Buffer.from(crlf.octets).toString(), expected, JSON.stringify(text));
    assert.equal(crlf.dotLines, dotLines, JSON.stringify(text));
  }
});
