import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf, splitSource } from "./source.ts";

const texts = (source: string): string[] => [...splitSource(source)].map(({ text }) => text);

test("splitSource() gives one command a line and leaves out what is empty", () => {
  assert.deepEqual(texts("CHGSMTPA ALWRLY(*LIST)\n\n  \r\n/* a comment */\nWRKSMTPLE\n"), [
    "CHGSMTPA ALWRLY(*LIST)",
    "WRKSMTPLE",
  ]);
  assert.deepEqual(texts(""), []);
});

test("splitSource() joins continued lines by IBM's rules about blanks", () => {
  const cases: [string, string][] = [
    ["ADDSMTPLE +\n    TYPE(*ACCEPT)", "ADDSMTPLE TYPE(*ACCEPT)"], // + drops the blanks of the next line
    ["ADDSMTPLE -\n    TYPE(*ACCEPT)", "ADDSMTPLE     TYPE(*ACCEPT)"], // - keeps them
    ["ADDSMTPLE+\n TYPE(*ACCEPT)", "ADDSMTPLETYPE(*ACCEPT)"], // no blank before the sign is no blank
    ["ADDSMTPLE +   \n  TYPE(*ACCEPT)", "ADDSMTPLE TYPE(*ACCEPT)"], // blanks after the sign do not count
    ["A TEXT('one +\n   two')", "A TEXT('one two')"],
    ["A TEXT('one -\n   two')", "A TEXT('one    two')"],
    ["A B +\n C +\n D", "A B C D"],
  ];
  for (const [source, expected] of cases) assert.deepEqual(texts(source), [expected], source);
});

test("splitSource() lets a comment go on over lines, but no quoted value", () => {
  assert.deepEqual(texts("/* one\n two */ WRKSMTPLE"), ["/* one  two */ WRKSMTPLE"]);
  assert.deepEqual(texts("A TEXT('/* no')\nB"), ["A TEXT('/* no')", "B"]);
  assert.deepEqual(texts("A image/*.png\nB"), ["A image/*.png", "B"]);
});

test("splitSource() marks a command whose continuation is not there", () => {
  assert.deepEqual(
    [...splitSource("WRKSMTPLE +")].map(({ unfinished }) => unfinished),
    [true],
  );
});

test("placeOf() finds line and column of an offset in a joined command", () => {
  const [, command] = [...splitSource("WRKSMTPLE\n\nADDSMTPLE +\n   TYPE(*ACCEPT)")];
  assert.ok(command);
  assert.deepEqual(placeOf(command, 0), { line: 3, column: 1 });
  assert.deepEqual(placeOf(command, command.text.indexOf("TYPE")), { line: 4, column: 4 });
});

test("splitSource() joins a huge command in linear time, up to a limit", () => {
  const [command] = [...splitSource("A +\n".repeat(200_000))];
  assert.ok(command && command.text.length < 33_000);
});
