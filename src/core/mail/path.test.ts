import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseDomain, type Domain } from "./domain.ts";
import { formatMailbox } from "./mailbox.ts";
import {
  parseForwardPath,
  parseMailbox,
  parseReversePath,
  pathFaultReply,
  PATH_FAULTS,
  type PathFault,
} from "./path.ts";

const L64 = "l".repeat(64);
const D63 = "d".repeat(63);
const D253 = `${D63}.${D63}.${D63}.${"d".repeat(61)}`;

const good: [path: string, mailbox: string, rest?: string][] = [
  ["<user@example.net>", "user@example.net"],
  ["<User.Name+tag@EXAMPLE.Net>", "User.Name+tag@example.net"],
  ["<user@example.net.>", "user@example.net"],
  ["<user@example.net> SIZE=10", "user@example.net", " SIZE=10"],
  ["<v%outside.example@inside.example>", "v%outside.example@inside.example"],
  ["<outside.example!v@inside.example>", "outside.example!v@inside.example"],
  ["<|/usr/bin/id@inside.example>", "|/usr/bin/id@inside.example"],
  ["<${run{id}}@inside.example>", "${run{id}}@inside.example"],
  ['<"v@outside.example"@inside.example>', '"v@outside.example"@inside.example'],
  ['<"a\\"@inside.example"@outside.example>', '"a\\"@inside.example"@outside.example'],
  ['<"a > b"@example.net> BODY=7BIT', '"a > b"@example.net', " BODY=7BIT"],
  ['<""@example.net>', '""@example.net'],
  ["<@inside.example:v@outside.example>", "v@outside.example"],
  ["<@a.example,@b.example:v@outside.example>", "v@outside.example"],
  ["<@[192.0.2.9]:v@outside.example>", "v@outside.example"],
  ["<@[IPv6:2001:db8::9],@b.example:v@outside.example>", "v@outside.example"],
  ["<v@[192.0.2.1]>", "v@[192.0.2.1]"],
  ["<v@[IPv6:2001:DB8::1]>", "v@[IPv6:2001:db8::1]"],
  ["<v@[ipv6:::ffff:192.0.2.1]>", "v@[192.0.2.1]"],
  [`<${L64}@example.net>`, `${L64}@example.net`],
  [`<${"é".repeat(32)}@example.net>`, `${"é".repeat(32)}@example.net`],
  ["<jörg@bücher.example>", "jörg@xn--bcher-kva.example"],
  ["<😀@example.net>", "😀@example.net"],
  ["<v@inside。example>", "v@inside.example"],
  [`<v@${D63}.example>`, `v@${D63}.example`],
];

const bad: [path: string, fault: PathFault][] = [
  ["", "brackets"],
  ["user@example.net", "brackets"],
  ["Name <user@example.net>", "brackets"],
  ["<user@example.net", "brackets"],
  ["<user@example.net>,<v@outside.example>", "brackets"],
  ["<user@example.net>x", "brackets"],
  ["<>", "null-path"],
  ["<user>", "no-domain"],
  ["<outside.example!v>", "no-domain"],
  ["<v%outside.example>", "no-domain"],
  ["<user@>", "no-domain"],
  ["<@>", "source-route"],
  ["<@a>", "source-route"],
  ["<@a:@b:v@c.example>", "local-part"],
  ["<@a,b:v@c.example>", "source-route"],
  ["<@a..b:v@c.example>", "source-route"],
  [`<@a:b@${"A".repeat(10_240)}>`, "domain-too-long"],
  [`<@${"a".repeat(10_240)}`, "source-route"],
  ["<v@outside.example@inside.example>", "domain"],
  ["<v@in side.example>", "domain"],
  ["<u@inside.example\0.outside.example>", "domain"],
  ["<u@inside.example\t>", "domain"],
  ["<u@inside.example\r>", "domain"],
  ["<u@.inside.example>", "domain"],
  ["<u@inside..example>", "domain"],
  ["<u@inside.example..>", "domain"],
  ["<v@127.0.0.1>", "domain"],
  ["<v@[127.1]>", "literal"],
  ["<v@[0300.0.2.1]>", "literal"],
  ["<v@[3221225985]>", "literal"],
  ["<v@[0xC0000201]>", "literal"],
  ["<v@[192.0.2.1>", "literal"],
  ["<v@[192.0.2.1]x>", "literal"],
  ["<v@[2001:db8::1]>", "literal"],
  ["<v@[IPv6:fe80::1%eth0]>", "literal"],
  ["<v@[IPv6:192.0.2.1]>", "literal"],
  ["<.a@example.net>", "local-part"],
  ["<a.@example.net>", "local-part"],
  ["<a..b@example.net>", "local-part"],
  ["<../../etc/passwd@example.net>", "local-part"],
  ["<;id;@example.net>", "local-part"],
  ["<a b@example.net>", "local-part"],
  ["<a\0b@example.net>", "local-part"],
  ['<"a\rX: 1"@example.net>', "local-part"],
  ['<"a@example.net>', "local-part"],
  ['<"a"b@example.net>', "local-part"],
  ['<a"b"@example.net>', "local-part"],
  ["<a\u0085@example.net>", "local-part"],
  ["<a\u2028@example.net>", "local-part"],
  ["<\ud800a@example.net>", "local-part"],
  ["<group:a@example.net;>", "local-part"],
  [`<l${L64}@example.net>`, "local-part-too-long"],
  [`<"${"l".repeat(63)}"@example.net>`, "local-part-too-long"],
  [`<"x"${"@a".repeat(8_192)}>`, "domain-too-long"],
  [`<${"é".repeat(33)}@example.net>`, "local-part-too-long"],
  [`<v@d${D63}.example>`, "domain-too-long"],
  [`<v@${D253}.de>`, "domain-too-long"],
  [`<${L64}@${D253}>`, "path-too-long"],
  [`<@${D63}.example,@${D63}.example,@${D63}.example:${L64}@example.net>`, "path-too-long"],
];

test("parseForwardPath() reads what RFC 5321 and RFC 6531 allow", () => {
  for (const [path, mailbox, rest = ""] of good) {
    const parsed = parseForwardPath(path, null);
    assert.ok(parsed.ok, `${path}: ${parsed.ok ? "" : parsed.error}`);
    assert.equal(formatMailbox(parsed.value.path), mailbox);
    assert.equal(path.slice(parsed.value.end), rest);
    assert.equal(parsed.value.ascii, /^[\0-\x7f]*$/.test(path), path);
  }
});

test("parseForwardPath() names the fault of everything else", () => {
  for (const [path, fault] of bad) {
    const parsed = parseForwardPath(path, null);
    assert.ok(!parsed.ok, path);
    assert.equal(parsed.error, fault, JSON.stringify(path.slice(0, 80)));
  }
});

test("parseForwardPath() knows the postmaster without a domain", () => {
  const domain = parseDomain("relay.example");
  assert.ok(domain.ok);
  for (const [path, own, expected] of [
    ["<Postmaster>", domain.value, "Postmaster@relay.example"],
    ["<POSTMASTER> NOTIFY=NEVER", domain.value, "POSTMASTER@relay.example"],
    ["<postmaster@other.example>", domain.value, "postmaster@other.example"],
    ["<Postmaster>", null, "no-domain"],
    ["<abuse>", domain.value, "no-domain"],
  ] as [string, Domain | null, string][]) {
    const parsed = parseForwardPath(path, own);
    assert.equal(parsed.ok ? formatMailbox(parsed.value.path) : parsed.error, expected);
  }
});

test("parseReversePath() knows the null reverse-path", () => {
  assert.deepEqual(parseReversePath("<>"), { ok: true, value: { path: null, end: 2, ascii: true } });
  assert.deepEqual(parseReversePath("<> BODY=7BIT"), { ok: true, value: { path: null, end: 2, ascii: true } });
  assert.deepEqual(parseReversePath("<>x"), { ok: false, error: "brackets" });
  const parsed = parseReversePath("<@a.example:user@example.net>");
  assert.ok(parsed.ok && parsed.value.path !== null);
  assert.equal(formatMailbox(parsed.value.path), "user@example.net");
});

test("parseMailbox() takes the same mailboxes without brackets, and nothing around them", () => {
  for (const [text, expected] of [
    ["user@Example.net", "user@example.net"],
    ['"a b"@example.net', '"a b"@example.net'],
    ["user", "no-domain"],
    ["", "no-domain"],
    ["<user@example.net>", "local-part"],
    ["user@example.net ", "domain"],
    ["a@b.example, c@d.example", "domain"],
    [`${L64}@${D253}`, "path-too-long"],
  ] as const) {
    const parsed = parseMailbox(text);
    assert.equal(parsed.ok ? formatMailbox(parsed.value) : parsed.error, expected, text);
  }
});

test("pathFaultReply() answers every fault with 501", () => {
  for (const fault of Object.keys(PATH_FAULTS) as PathFault[]) {
    assert.equal(pathFaultReply(fault, "RCPT").code, 501);
    assert.match(pathFaultReply(fault, "MAIL").enhanced, /^5\.(1\.7|5\.4)$/);
  }
});

test("parsePath functions never throw, and what they read is read the same again", () => {
  const piece = fc.constantFrom(
    "<",
    ">",
    "@",
    ".",
    ",",
    ":",
    '"',
    "\\",
    "[",
    "]",
    "a",
    "é",
    " ",
    "%",
    "!",
    "IPv6:",
    "1",
    "😀",
    "\ud800",
    "\0",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece).map((parts) => `<${parts.join("")}>`),
  );
  fc.assert(
    fc.property(text, (path) => {
      const reverse = parseReversePath(path);
      const forward = parseForwardPath(path, null);
      const bare = parseMailbox(path);
      if (bare.ok) assert.deepEqual(parseMailbox(formatMailbox(bare.value)), bare);
      if (!forward.ok) return;
      assert.deepEqual(reverse, forward);
      const again = parseForwardPath(`<${formatMailbox(forward.value.path)}>`, null);
      assert.ok(again.ok);
      assert.deepEqual(again.value.path, forward.value.path);
    }),
    { numRuns: 5_000 },
  );
});
