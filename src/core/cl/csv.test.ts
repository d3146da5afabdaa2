import assert from "node:assert/strict";
import { test } from "node:test";
import { csvRow } from "./csv.ts";

test("csvRow() quotes by RFC 4180 and defuses formulas", () => {
  const cases: [string[], string][] = [
    [["a", "b"], "a,b"],
    [["a,b", 'say "x"', "two\nlines"], '"a,b","say ""x""","two\nlines"'],
    [["=cmd()", "+1+1", "@SUM(A1)", "-2+3"], "'=cmd(),'+1+1,'@SUM(A1),'-2+3"],
    [["\t=x", "-5", "12"], "'\t=x,-5,12"],
    [["", "="], ",'="],
  ];
  for (const [cells, expected] of cases) assert.equal(csvRow(cells), expected);
});
