import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

const COMMANDS = ["ADDSMTPLE", "RMVSMTPLE", "CHGSMTPLE", "CHGSMTPA", "DSPSMTPA", "WRKSMTPLE", "WRKACTJOB"];

test("nearest() names the candidate that a slip of the finger missed", () => {
  const cases: [string, readonly string[], string | null][] = [
    ["ADDMSTPLE", COMMANDS, "ADDSMTPLE"], // the misspelling of the articles
    ["addsmtple", COMMANDS, "ADDSMTPLE"],
    ["CHGSMPTA", COMMANDS, "CHGSMTPA"],
    ["WRKACTJB", COMMANDS, "WRKACTJOB"],
    ["INTNETADDR", ["INTNETADR", "SUBNETMASK", "HOSTNAME"], "INTNETADR"],
    ["hostnam", ["hostname", "data_dir"], "hostname"],
    ["conf", ["configuration", "data_dir"], "configuration"],
    ["*LSIT", ["*NONE", "*LIST", "*NEAR"], "*LIST"],
    ["NEXTHOP", ["INTNETADR", "SUBNETMASK", "HOSTNAME"], null],
    ["", COMMANDS, null],
    ["X", [], null],
  ];
  for (const [word, candidates, expected] of cases) assert.equal(nearest(word, candidates), expected, word);
});

test("nearest() stays cheap when the word is huge", () => {
  assert.equal(nearest("A".repeat(1_000_000), COMMANDS), null);
});
