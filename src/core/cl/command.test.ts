import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COMMANDS } from "./command-list.ts";
import { readCommand, type ReadCommand } from "./command.ts";
import type { CommandDefinition } from "./definition.ts";
import { quote } from "./entry-text.ts";
import { message } from "./messages.ts";
import { splitSource } from "./source.ts";

function read(text: string): ReturnType<typeof readCommand> {
  const [source] = [...splitSource(text)];
  assert.ok(source, text);
  return readCommand(source);
}

function command(text: string): ReadCommand & { kind: "command" } {
  const result = read(text);
  assert.ok(result.ok && result.value.kind === "command", result.ok ? text : faults(text).join("\n"));
  return result.value;
}

function faults(text: string): string[] {
  const result = read(text);
  return result.ok
    ? []
    : result.error.diagnostics.map((fault) => `${fault.id} ${message(fault.id, ...fault.with).text}`);
}

test("readCommand() finds every fault of a command, not only the first", () => {
  assert.deepEqual(faults("ADDSMTPLE TYP(*ACCEPT) INTNETADR('10.1.1.1') INTNETADR('10.1.1.2')"), [
    "SMR0011 Keyword TYP is not valid for command ADDSMTPLE. Did you mean TYPE?",
    "SMR0012 Keyword INTNETADR is given twice.",
    "SMR0013 Parameter TYPE (List type) is required.",
  ]);
});

test("readCommand() says what is wrong and what was probably meant", () => {
  const cases: [string, string][] = [
    ["ADDMSTPLE TYPE(*ACCEPT)", "SMR0010 Command ADDMSTPLE not found. Did you mean ADDSMTPLE?"],
    ["DSPJRN QZMF", "SMR0010 Command DSPJRN not found. Use DSPSMTPJRN."],
    ["FOO", "SMR0010 Command FOO not found."],
    ["CHGSMTPA ALWRLY(*LSIT)", "SMR0014 Value *LSIT is not valid for parameter ALWRLY. Did you mean *LIST?"],
    [
      "CHGSMTPA ALWRLY(*MAYBE)",
      "SMR0014 Value *MAYBE is not valid for parameter ALWRLY. It takes *SAME *DFT *NONE *LIST *NEAR *BOTH *ALL.",
    ],
    ["CHGSMTPA RTYMIN(3)", "SMR0014 Value 3 is not valid for parameter RTYMIN. It needs time interval."],
    ["CHGSMTPA RTYMIN(3 30 4)", "SMR0015 Parameter RTYMIN takes at most 2 value(s)."],
    ["CHGSMTPA RTYMIN(100 30)", "SMR0021 Value 100 is not valid for parameter RTYMIN: a number from 0 to 99 is."],
    [
      "CHGSMTPA MAXEMMSIZE(big)",
      "SMR0021 Value big is not valid for parameter MAXEMMSIZE: a number from 1 to 2097151 is.",
    ],
    [
      "CHGSMTPA ALIASDMN(*NONE 'a.example')",
      "SMR0035 *NONE is a single value: parameter ALIASDMN takes nothing beside it.",
    ],
    ["ADDSMTPLE TYPE(*ACCEPT) NEXTHOP('x')", "SMR0011 Keyword NEXTHOP is not valid for command ADDSMTPLE."],
    [
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('1.2.3.4') TEXT(two words)",
      "SMR0015 Parameter TEXT takes at most 1 value(s). Text with blanks needs apostrophes.",
    ],
    [
      "ADDSMTPLE TYPE(*NEAR) HOSTNAME('a.example') USERNAME('u')",
      "SMR0016 Parameter USERNAME does not go with TYPE(*NEAR). It takes INTNETADR, SUBNETMASK, HOSTNAME, IP6NETADR, IP6PFX.",
    ],
    [
      "ADDSMTPLE *ACCEPT '10.1.1.1'",
      "SMR0018 Value 10.1.1.1 stands without a keyword. Command ADDSMTPLE takes 1 parameter(s) by position.",
    ],
    [
      "ADDSMTPLE TYPE (*ACCEPT)",
      "SMR0018 Value (*ACCEPT) stands without a keyword. Command ADDSMTPLE takes 1 parameter(s) by position.",
    ],
    [
      "ADDSMTPLE TYPE(*FTRSUBJECT) FTRDATA('x')",
      "SMR0034 Keyword FTRDATA of IBM i is not available here. Content is not filtered here: filter at the next hop, or refuse by client (*REJECT) and by recipient domain.",
    ],
    ["WRKSMTPLE +", "SMR0036 The command goes on in a line that is not there."],
  ];
  for (const [text, expected] of cases)
    assert.ok(faults(text).includes(expected), `${text}\n${faults(text).join("\n")}`);
});

test("readCommand() knows what of IBM i has no effect here, and says what has", () => {
  const { arguments: args } = command("CHGSMTPA ALWRLY(*LIST) POPWDW(30) DIRTYPE(*SDD)");
  assert.deepEqual(
    args.warnings.map(({ id, with: [keyword] }) => `${id} ${keyword}`),
    ["SMR0033 POPWDW", "SMR0033 DIRTYPE"],
  );
  assert.ok(args.is("ALWRLY", "*LIST"));
});

test("readCommand() binds values with their defaults, by position and by keyword", () => {
  const add = command("addsmtple *accept intnetadr(10.1.1.1) text('ERP ''old''')").arguments;
  assert.equal(add.text("TYPE"), "*ACCEPT");
  assert.equal(add.text("INTNETADR"), "10.1.1.1");
  assert.equal(add.text("SUBNETMASK"), "255.255.255.255");
  assert.equal(add.plain("TEXT"), "ERP 'old'");
  assert.ok(!add.given("SUBNETMASK") && add.is("EXPDATE", "*NONE") && add.is("CONFIRM", "*NO"));
  const send = command(
    "SNDSMTPEMM RCP(('Ops@example.net') ('b@example.net' *CC)) SUBJECT('*NONE') NOTE(*NONE)",
  ).arguments;
  assert.deepEqual(
    send.rows("RCP").map((row) => row.map(({ text }) => text)),
    [
      ["Ops@example.net", "*PRI"],
      ["b@example.net", "*CC"],
    ],
  );
  assert.equal(send.plain("SUBJECT"), "*NONE"); // in apostrophes it is text
  assert.equal(send.plain("NOTE"), null);
  const loose = command("SNDSMTPEMM Ops@Example.net Hello").arguments;
  assert.equal(loose.rows("RCP")[0]?.[0]?.text, "Ops@Example.net"); // addresses keep their case
  assert.equal(loose.text("SUBJECT"), "HELLO"); // other text without apostrophes is folded
  assert.deepEqual(
    command("WRKACTJOB *N *NO SBS(QSYSWRK QINTER)")
      .arguments.rows("SBS")
      .map((row) => row[0]?.text),
    ["QSYSWRK", "QINTER"],
  );
});

test("readCommand() takes secrets out of the text that is kept", () => {
  const text = "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('a.example') PASSWORD('s(e)c''ret') USERNAME('u')";
  assert.equal(command(text).text, "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('a.example') PASSWORD(*SECRET) USERNAME('u')");
});

test("every definition is whole: its examples are commands, its defaults are values, its names are no one else's", () => {
  const names = new Set<string>();
  const definitions: readonly CommandDefinition[] = COMMANDS;
  for (const definition of definitions) {
    assert.ok(!names.has(definition.name) && /^[A-Z]{3,10}$/.test(definition.name), definition.name);
    names.add(definition.name);
    const keywords = definition.parameters.map(({ keyword }) => keyword);
    assert.equal(new Set(keywords).size, keywords.length, definition.name);
    const positions = definition.parameters.flatMap(({ positional }) => positional ?? []);
    assert.deepEqual(
      positions.sort(),
      positions.map((_, i) => i + 1),
      definition.name,
    );
    for (const example of definition.examples) {
      const { arguments: args } = command(example.command);
      assert.equal(args.definition.name, definition.name, example.command);
      for (const keyword of keywords) args.rows(keyword);
    }
    for (const keyword of Object.keys(definition.elsewhere?.keywords ?? {}))
      assert.ok(!keywords.includes(keyword), keyword);
  }
});

test("readCommand() never throws, and what it takes can be read parameter by parameter", () => {
  const definitions: readonly CommandDefinition[] = COMMANDS;
  const words = [
    ...definitions.flatMap(({ parameters }) => parameters.map(({ keyword }) => `${keyword}(`)),
    "*ACCEPT",
    "*ALL",
    "*NONE",
    "*N",
  ];
  const piece = fc.oneof(
    fc.constantFrom(...words),
    fc.constantFrom(
      ")",
      "(",
      "'",
      " ",
      "'10.1.1.1'",
      "'255.255.0.0'",
      "3 30",
      "E17",
      "*30D",
      "'a@b.example'",
      "?",
      "/*",
      "*/",
    ),
  );
  fc.assert(
    fc.property(fc.constantFrom(...definitions), fc.array(piece, { maxLength: 12 }), ({ name }, pieces) => {
      const result = read(`${name} ${pieces.join("")}`);
      if (!result.ok || result.value.kind !== "command") return;
      const { arguments: args } = result.value;
      for (const { keyword } of args.definition.parameters) args.rows(keyword);
    }),
    { numRuns: 3_000 },
  );
});

test("quote() is read back as the same text, whatever it holds", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 100 }), (text) => {
      fc.pre(text.length <= 255);
      const { arguments: args } = command(`ADDSMTPLE *ACCEPT INTNETADR(10.1.1.1) TEXT(${quote(text)})`);
      assert.equal(args.plain("TEXT"), text);
    }),
  );
});
