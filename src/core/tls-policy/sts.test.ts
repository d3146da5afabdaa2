import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNamedBySts, parseStsPolicy, parseStsRecord } from "./sts.ts";

test("the record of a domain (RFC 8461 §3.1)", () => {
  const cases: [texts: string[], id: string | null][] = [
    [["v=STSv1; id=20160831085700Z;"], "20160831085700Z"],
    [["v=STSv1;id=1"], "1"],
    [["v=STSv1 ; other=x ; id=a1 ; more=y"], "a1"],
    [["v=spf1 -all", "v=STSv1; id=1;"], "1"],
    [[], null],
    [["v=STSv1;"], null],
    [["v=STSv1; id=;"], null],
    [["v=STSv1; id=not-letters;"], null],
    [[`v=STSv1; id=${"1".repeat(33)};`], null],
    [["id=1; v=STSv1"], null],
    [["v=STSv10; id=1"], null],
    [["V=STSv1; id=1"], null],
    [["v=STSv1; id=1", "v=STSv1; id=1"], null],
  ];
  for (const [texts, id] of cases) assert.equal(parseStsRecord(texts), id, texts.join(" | "));
});

const POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n";

test("a policy (RFC 8461 §3.2)", () => {
  assert.deepEqual(parseStsPolicy(POLICY), {
    ok: true,
    value: {
      mode: "enforce",
      mx: ["mail.example.com", "*.example.net"],
      maxAgeSeconds: 604_800,
      lines: ["version: STSv1", "mode: enforce", "mx: mail.example.com", "mx: *.example.net", "max_age: 604800"],
    },
  });
});

test("policies and what is none", () => {
  const with_ = (from: string | RegExp, to: string): string => POLICY.replace(from, to);
  const cases: [what: string, text: string, fault: RegExp | null][] = [
    ["LF alone", POLICY.replaceAll("\r\n", "\n"), null],
    ["no end of the last line", POLICY.trimEnd(), null],
    ["fields that are not known", `${POLICY}x-new: 1\r\n`, null],
    ["a field twice: the first counts", `${POLICY}mode: none\r\n`, null],
    ["mode none without mx", "version: STSv1\nmode: none\nmax_age: 1\n", null],
    ["empty", "", /version/],
    ["a page of a web server", "<!DOCTYPE html>\n<p>Not found", /no field/],
    ["another version", with_("STSv1", "STSv2"), /version/],
    ["another mode", with_("enforce", "report"), /mode/],
    ["no max_age", with_("max_age: 604800\r\n", ""), /max_age/],
    ["a negative max_age", with_("604800", "-1"), /max_age/],
    ["no mx", with_(/mx: .*\r\n/g, ""), /names no mx/],
    ["an mx with a wildcard within", with_("*.example", "mx.*.example"), /mx is no name/],
    ["an mx that is everything", with_("*.example.net", "*"), /mx is no name/],
    ["too many", `${POLICY}${"mx: a.example\r\n".repeat(64)}`, /too many mx/],
    ["too many lines", `${POLICY}${"x: y\n".repeat(300)}`, /too many lines/],
  ];
  for (const [what, text, fault] of cases) {
    const parsed = parseStsPolicy(text);
    assert.equal(parsed.ok, fault === null, what);
    if (!parsed.ok && fault !== null) assert.match(parsed.error, fault, what);
  }
  const long = parseStsPolicy(with_("604800", "9999999999"));
  assert.ok(long.ok && long.value.maxAgeSeconds === 31_557_600);
});

test("any text is read in time, to a policy that keeps its bounds or to a fault", () => {
  const line = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.constantFrom("version: STSv1", "mode: testing", "max_age: 5", "mx: a.example", `mx: ${" ".repeat(5_000)}x`),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const parsed = parseStsPolicy(lines.join("\n"));
      assert.ok(!parsed.ok || (parsed.value.mx.length <= 64 && parsed.value.maxAgeSeconds >= 0));
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("patterns (RFC 8461 §4.1)", () => {
  const policy = { mx: ["mail.example.com", "*.example.net"] };
  const cases: [host: string, isNamed: boolean][] = [
    ["mail.example.com", true],
    ["MAIL.Example.com.", true],
    ["mx1.example.net", true],
    ["example.net", false],
    ["a.b.example.net", false],
    ["other.example.com", false],
    ["evilexample.net", false],
    [".example.net", false],
    ["mail.example.com.evil.example", false],
  ];
  for (const [host, isNamed] of cases) assert.equal(isNamedBySts(host, policy), isNamed, host);
});
