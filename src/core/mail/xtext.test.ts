import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asciiOriginalRecipient, decodeUnitext, decodeXtext, encodeUnitext, isPrintableAscii } from "./xtext.ts";

const cases: readonly [(text: string) => string, string, string][] = [
  [decodeXtext, "bobby+2Btag@example.net", "bobby+tag@example.net"],
  [decodeXtext, "a+3Db+20c", "a=b c"],
  [decodeXtext, "no+0D+0Aline+7F+FF", "no+0D+0Aline+7F+FF"],
  [decodeXtext, "+2b+2", "+2b+2"],
  [decodeUnitext, "j\\x{FC}rgen@example.net", "jürgen@example.net"],
  [decodeUnitext, "\\x{7528}\\x{6237}@\\x{1F600}", "用户@😀"],
  [decodeUnitext, "a\\x{5C}b\\x{2B}c\\x{3D}d", "a\\b+c=d"],
  [decodeUnitext, "\\x{0D}\\x{0A}\\x{85}\\x{D800}\\x{FFFFFF}", "\\x{0D}\\x{0A}\\x{85}\\x{D800}\\x{FFFFFF}"],
  [encodeUnitext, "jürgen+tag@example.net", "j\\x{FC}rgen\\x{2B}tag@example.net"],
  [encodeUnitext, "a\\b=c d😀", "a\\x{5C}b\\x{3D}c\\x{20}d\\x{1F600}"],
  [asciiOriginalRecipient, "utf-8;jürgen@example.net", "utf-8;j\\x{FC}rgen@example.net"],
  [asciiOriginalRecipient, "rfc822;Bob+2BTag@Example.net", "rfc822;Bob+2BTag@Example.net"],
];

for (const [code, text, wanted] of cases) {
  test(`${code.name}() of ${JSON.stringify(text)}`, () => assert.equal(code(text), wanted));
}

test("encodeUnitext() is 7-bit and can be undone", () => {
  const printable = fc.string({ unit: "grapheme" }).filter((text) => !/[\x00-\x1f\x7f-\x9f]/.test(text));
  fc.assert(
    fc.property(printable, (text) => {
      const encoded = encodeUnitext(text);
      assert.ok(isPrintableAscii(encoded));
      assert.equal(decodeUnitext(encoded), text);
    }),
  );
});

test("what is decoded has no more line ends than what was encoded", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("+", "0", "D", "A", "\\", "x", "{", "}", "8", "5", "7", "F") }),
      (text) => {
        assert.doesNotMatch(decodeXtext(text) + decodeUnitext(text), /[\x00-\x1f\x7f-\x9f]/);
      },
    ),
  );
});
