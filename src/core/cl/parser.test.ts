import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCommand, show, type ParsedCommand } from "./parser.ts";

function parsed(text: string): ParsedCommand {
  const command = parseCommand(text);
  assert.ok(command.ok, command.ok ? "" : `${command.error.id} ${command.error.with.join(" ")}`);
  return command.value;
}

/** A command in one line: what is left when case, comments and separators are gone. */
function outline(text: string): string {
  const { label, library, name, prompted, positional, keywords } = parsed(text);
  const parts = [
    ...(label === null ? [] : [`${label}:`]),
    ...(prompted ? ["?"] : []),
    library === null ? name : `${library}/${name}`,
    ...positional.map(show),
    ...keywords.map(
      ({ keyword, values }) => `${keyword}(${values.map((v) => (v.kind === "atom" ? v.text : show(v))).join("|")})`,
    ),
  ];
  return parts.join(" ");
}

test("parseCommand() reads every form of a command", () => {
  const cases: [string, string][] = [
    ["ADDSMTPLE TYPE(*ACCEPT)", "ADDSMTPLE TYPE(*ACCEPT)"],
    ["addsmtple type(*accept)", "ADDSMTPLE TYPE(*ACCEPT)"],
    ["ADDSMTPLE *ACCEPT INTNETADR('10.1.1.1')", "ADDSMTPLE *ACCEPT INTNETADR(10.1.1.1)"],
    ["ADDSMTPLE  TYPE( *ACCEPT )  ", "ADDSMTPLE TYPE(*ACCEPT)"],
    ["QSYS/ADDSMTPLE TYPE(*ACCEPT)", "QSYS/ADDSMTPLE TYPE(*ACCEPT)"],
    ["START: ADDSMTPLE TYPE(*ACCEPT)", "START: ADDSMTPLE TYPE(*ACCEPT)"],
    ["START:ADDSMTPLE", "START: ADDSMTPLE"],
    ["?CHGSMTPA", "? CHGSMTPA"],
    ["? CHGSMTPA", "? CHGSMTPA"],
    ["CHGSMTPA ?", "? CHGSMTPA"],
    ["CHGSMTPA ??ALWRLY(*LIST)", "? CHGSMTPA ALWRLY(*LIST)"],
    ["CHGSMTPA RTYMIN(3 30)", "CHGSMTPA RTYMIN(3|30)"],
    ["CHGSMTPA RTYMIN(3,30)", "CHGSMTPA RTYMIN(3|30)"],
    ["A TEXT('quoted ''strings''')", "A TEXT(quoted 'strings')"],
    ["A TEXT('')", "A TEXT()"],
    ["A TEXT('Mixed Case') B(Mixed)", "A TEXT(Mixed Case) B(MIXED)"],
    ["A RCP(('a@b.example' *PRI) ('c@d.example'))", "A RCP((a@b.example *PRI)|(c@d.example))"],
    ["A INTNETADR(10.1.0.0/16)", "A INTNETADR(10.1.0.0/16)"],
    ["A HOSTNAME(X'4D6F')", "A HOSTNAME(Mo)"],
    ["/* before */ A /* within */ B(C) /* after */", "A B(C)"],
    ["A B(image/*) C('/* no */')", "A B(IMAGE/*) C(/* no */)"],
    ["A *N B", "A *N B"],
  ];
  for (const [text, expected] of cases) assert.equal(outline(text), expected, text);
});

test("parseCommand() refuses what is no command, with the fault and its place", () => {
  const cases: [string, string, number][] = [
    ["", "SMR0031", 0],
    ["(A)", "SMR0031", 0],
    ["1A", "SMR0010", 0],
    ["A TEXT('open", "SMR0022", 7],
    ["A B(C", "SMR0023", 5],
    ["A B)", "SMR0024", 3],
    ["A /* open", "SMR0028", 2],
    ["A B(X'4')", "SMR0029", 4],
    ["A B(X'FF')", "SMR0029", 4],
    ["A B(((((1)))))", "SMR0027", 6],
    ["A B(C(1))", "SMR0025", 5],
    ["A B('x'y)", "SMR0025", 7],
    ["A B(x'y')", "SMR0029", 4],
    ["A B(&VAR)", "SMR0025", 4],
    ['A B("x")', "SMR0025", 4],
    ["A B(\u2018x\u2019)", "SMR0025", 4],
    ["A B(1);", "SMR0025", 6],
    ["A B(1) C", "SMR0019", 7],
    [`A B('${"x".repeat(33_000)}')`, "SMR0026", 32_702],
  ];
  for (const [text, id, at] of cases) {
    const command = parseCommand(text);
    assert.ok(!command.ok, text.slice(0, 40));
    assert.deepEqual([command.error.id, command.error.at], [id, at], text.slice(0, 40));
  }
});

test("parseCommand() never throws, whatever it is given", () => {
  const piece = fc.constantFrom(
    "A",
    "B(",
    ")",
    "(",
    "'",
    "''",
    " ",
    ",",
    "/*",
    "*/",
    "?",
    "*N",
    "X'",
    ":",
    "/",
    "&",
    "+",
    "10.1.1.1",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      parseCommand(pieces.join(""));
    }),
    { numRuns: 2_000 },
  );
});

test("parseCommand() takes linear time for what is nested or repeated without end", () => {
  for (const text of [
    "(".repeat(32_000),
    "A " + "B(1) ".repeat(6_000),
    "A " + "'x' ".repeat(8_000),
    "A B(" + "''".repeat(16_000) + ")",
  ]) {
    parseCommand(text);
  }
});
