import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readCommandLine, type Call } from "./arguments.ts";
import { helpText } from "./help.ts";
import { VERBS } from "./verbs.ts";

function call(...args: string[]): Call {
  const line = readCommandLine(args);
  assert.ok(line.ok, line.ok ? "" : line.error);
  assert.ok(line.value.kind === "call");
  return line.value.call;
}

describe("readCommandLine()", () => {
  test("reads verbs of one word and of two, with options anywhere behind them", () => {
    assert.equal(call("status").verb.name, "status");
    const hold = call("queue", "hold", "Q1", "--next-hop", "mx:a.example", "Q2", "--json");
    assert.equal(hold.verb.name, "queue hold");
    assert.deepEqual(hold.operands, ["Q1", "Q2"]);
    assert.equal(hold.options.text("next-hop"), "mx:a.example");
    assert.ok(hold.options.flag("json"));
    assert.ok(!hold.options.flag("all"));
  });

  test("takes common options in front of the verb too", () => {
    const status = call("--data-dir", "/d", "--json", "status", "--config=c.toml");
    assert.equal(status.options.text("data-dir"), "/d");
    assert.equal(status.options.text("config"), "c.toml");
    assert.ok(status.options.flag("json"));
  });

  test("keeps CL text, - and what stands behind -- as they are", () => {
    assert.deepEqual(call("cl", "ADDSMTPLE TYPE(*ACCEPT)").operands, ["ADDSMTPLE TYPE(*ACCEPT)"]);
    assert.deepEqual(call("cl", "-").operands, ["-"]);
    assert.deepEqual(call("policy", "apply", "--", "-odd").operands, ["-odd"]);
  });

  test("gives many recipients and an empty sender", () => {
    const { options } = call("send", "--to", "a@x.example", "--to=b@x.example", "--from", "");
    assert.deepEqual(options.texts("to"), ["a@x.example", "b@x.example"]);
    assert.equal(options.text("from"), "");
    assert.equal(options.text("subject"), undefined);
  });

  test("leaves the options of sendmail to sendmail", () => {
    const sendmail = call("sendmail", "--data-dir", "/d", "-t", "-oi", "-f", "a@x.example", "--", "--data-dir");
    assert.equal(sendmail.options.text("data-dir"), "/d");
    assert.deepEqual(sendmail.operands, ["-t", "-oi", "-f", "a@x.example", "--", "--data-dir"]);
  });

  const wrong: [string, RegExp][] = [
    ["", /a verb is needed/],
    ["stauts", /no verb stauts; did you mean status\?/],
    ["sned", /did you mean send\?/],
    ["queue", /queue what\? list, show, hold/],
    ["queue lst", /did you mean queue list\?/],
    ["no-such-command", /there is no verb no-such-command$/],
    ["explain --cleint x", /no option --cleint; did you mean --client\?/],
    ["explain --client", /argument missing/],
    ["status more", /status does not take more/],
    ["policy apply", /policy apply needs FILE/],
    ["-x", /no option -x before a verb/],
    ["\u001b[31m", /\\x1B\[31m/],
  ];
  for (const [line, expected] of wrong) {
    test(`says what is wrong with "${JSON.stringify(line).slice(1, -1)}"`, () => {
      const read = readCommandLine(line === "" ? [] : line.split(" "));
      assert.match(read.ok ? "no fault" : read.error, expected);
    });
  }

  test("knows help of everything, of a group and of a verb", () => {
    for (const [args, topic] of [
      [["--help"], ""],
      [["help"], ""],
      [["queue", "--help"], "queue"],
      [["queue", "hold", "--help"], "queue hold"],
      [["help", "queue", "hold"], "queue hold"],
      [["sendmail", "--help"], "sendmail"],
    ] as const) {
      assert.deepEqual(readCommandLine(args), { ok: true, value: { kind: "help", topic } });
    }
  });
});

test("helpText() has every verb, and every verb its own page with its options", () => {
  for (const { name, options } of VERBS) {
    assert.ok(helpText("").includes(`  ${name} `), name);
    const page = helpText(name);
    assert.ok(page.startsWith(`Usage: relaykeeper ${name}`), page);
    for (const option of [...Object.keys(options), "data-dir", "json"]) assert.ok(page.includes(`--${option}`), option);
  }
  assert.ok(
    helpText("")
      .split("\n")
      .every((line) => line.length <= 110),
  );
});
