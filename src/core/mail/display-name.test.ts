import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { assertLinear } from "../../../tests/linear.ts";
import { displayName } from "./display-name.ts";
import { splitAddressList } from "./header-recipients.ts";

test("displayName() is that of the first address, fit to stand before another", () => {
  const cases: [string, string][] = [
    ["a@b.example", ""],
    ["<a@b.example>", ""],
    [" Ann Bell <a@b.example>", "Ann Bell"],
    ['"Bell, Ann" <a@b.example>, Other <c@d.example>', '"Bell, Ann"'],
    ['"a \\"b\\" \\\\c" <a@b.example>', '"a \\"b\\" \\\\c"'],
    ["Ann J. Bell <a@b.example>", 'Ann "J." Bell'],
    ["Ann\r\n\t Bell\r\n <a@b.example>", "Ann Bell"],
    ["=?utf-8?Q?J=C3=B6rg?= =?UTF-8?B?w6Q=?= <a@b.example>", "=?utf-8?Q?J=C3=B6rg?= =?UTF-8?B?w6Q=?="],
    ["=?utf-8?Q?M.?= <a@b.example>", "=?utf-8?Q?M.?="],
    ["=?utf-8?Q?a<b>?= <a@b.example>", "=?utf-8?Q?a"],
    ["J\xc3\xb6rg \xc3\xa0 <a@b.example>", "J\xc3\xb6rg \xc3\xa0"],
    ["a@b.example (Ann (the first))", '"Ann (the first)"'],
    ["Ann (not this) Bell <a@b.example>", "Ann Bell"],
    ["Friends: Ann <a@b.example>, c@d.example;", "Ann"],
    ["undisclosed-recipients:;", ""],
    [", , Ann <a@b.example>", "Ann"],
    ['"" <a@b.example>', ""],
    ["bank@bank.example <a@b.example>", '"bank@bank.example"'],
    ['"open <a@b.example>', ""],
    [`${"x".repeat(300)} <a@b.example>`, ""],
    ["", ""],
  ];
  for (const [text, name] of cases) assert.equal(displayName(text), name, text);
});

test("displayName() lets nothing out of the name, and its time grows with the length alone", () => {
  const piece = fc.constantFrom(...'<>()[]",;:@\\ \t\r\n.a=?_-\0\x7f\xa0\xff', "=?utf-8?q?", "?=", "a@b.example");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const name = displayName(pieces.join(""));
      assert.ok(name.length <= 256 && !/[\x00-\x1f\x7f]/.test(name), JSON.stringify(name));
      assert.deepEqual(splitAddressList(`${name} <r@relay.example>`), ["<r@relay.example>"], JSON.stringify(name));
    }),
    { numRuns: 3_000, seed: 5322 },
  );
  for (const hostile of ["(", '"', "\\", "=?a?q?", "x ", ",", ":", "<", "\t"])
    assertLinear(hostile, 8_000, (size) => void displayName(hostile.repeat(size)));
});
