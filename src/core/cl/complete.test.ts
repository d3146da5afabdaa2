import assert from "node:assert/strict";
import { test } from "node:test";
import { complete } from "./complete.ts";

test("complete() offers what can stand at the cursor", () => {
  const cases: [string, string[]][] = [
    ["ADDSMTPL", ["ADDSMTPLE"]],
    ["adds", ["ADDSMTPLE", "ADDSMTPRTE"]],
    ["?ADDSMTPL", ["ADDSMTPLE"]],
    ["RMVSMTPLE INT", ["INTNETADR("]],
    ["RMVSMTPLE *NE", ["*NEAR"]],
    ["CHGSMTPA ALWRLY(", ["*SAME", "*DFT", "*NONE", "*LIST", "*NEAR", "*BOTH", "*ALL"]],
    ["CHGSMTPA ALWRLY(*N", ["*NONE", "*NEAR"]],
    ["CHGSMTPA ALWRLY(*NONE) ALWR", []],
    ["SNDSMTPEMM RCP(('a@b.example' *C", ["*CC"]],
    ["ADDSMTPLE TEXT('*", []],
    ["NOSUCH X", []],
  ];
  for (const [line, expected] of cases) assert.deepEqual(complete(line, line.length), expected, line);
  assert.ok(complete("", 0).includes("CHGSMTPA"));
  assert.deepEqual(complete("ADDS TYPE(*ACCEPT)", 4), ["ADDSMTPLE", "ADDSMTPRTE"]);
});
