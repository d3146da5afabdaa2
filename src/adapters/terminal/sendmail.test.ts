import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { describe, test } from "node:test";
import { err, ok, type Result } from "../../core/base/result.ts";
import { readCommandLine } from "./arguments.ts";
import type { Caller, RelayAnswer, RelayClient } from "./caller.ts";
import { encodedWords, formatFrom, readLocalMessage, recipientsOf, writeLocalMessage } from "./mail-header.ts";
import { readSendmailOptions } from "./sendmail-options.ts";
import { beforeLoneDot, exitStatusOf, sendmail } from "./sendmail.ts";

describe("readSendmailOptions()", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["-t -i", { recipientsFromHeader: true, ignoreDots: true }],
    ["-ti", { recipientsFromHeader: true, ignoreDots: true }],
    [
      "-oi -oem -odi -f a@b.example c@d.example",
      { ignoreDots: true, from: "a@b.example", recipients: ["c@d.example"] },
    ],
    ["-fa@b.example -FName x", { from: "a@b.example", fullName: "Name", recipients: ["x"] }],
    ["-f <> -- -odd", { from: "", recipients: ["-odd"] }],
    ["-FCronDaemon -i -B8BITMIME -oem root", { fullName: "CronDaemon", recipients: ["root"] }],
    ["-bs", { mode: "smtp" }],
    ["-bp", { mode: "print-queue" }],
    ["-q30m", { mode: "flush" }],
    ["-bi", { mode: "nothing" }],
  ];
  for (const [line, expected] of cases) {
    test(line, () => {
      const options = readSendmailOptions(line.split(" "));
      assert.ok(options.ok);
      assert.deepEqual({ ...options.value, ...expected }, options.value);
    });
  }
  for (const line of ["-bd", "-f", "-y"]) {
    test(`${line} is wrong`, () => assert.ok(!readSendmailOptions(line.split(" ")).ok));
  }
});

const message = (text: string) => readLocalMessage(Buffer.from(text));

describe("readLocalMessage()", () => {
  test("finds the recipients of To, Cc and Bcc, folded, in groups, with names and comments", () => {
    const to = 'To: "Last, First" <a@x.example>,\n b@x.example (a comment)\nCC: team: c@x.example, <d@x.example>;\n';
    const found = recipientsOf(message(`${to}Bcc: e@x.example\nSubject: to: nobody\n\nTo: not@x.example\n`));
    assert.deepEqual(found, ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"]);
  });

  test("takes the Resent- fields where there are some", () => {
    assert.deepEqual(recipientsOf(message("To: a@x.example\nResent-To: b@x.example\n\n")), ["b@x.example"]);
  });

  test("takes a quoted at for what it is", () => {
    assert.deepEqual(recipientsOf(message('To: "v@outside.example x"@inside.example\n\n')), [
      '"v@outside.example x"@inside.example',
    ]);
  });

  test("takes a bare user for a recipient", () => {
    assert.deepEqual(recipientsOf(message("To: root\n\n")), ["root"]);
  });

  const written: [what: string, text: string, more: string[], expected: string][] = [
    ["nothing is changed", "A: 1\r\nB:2\r\n c\r\n\r\nbody\n", [], "A: 1\r\nB:2\r\n c\r\n\r\nbody\n"],
    ["Bcc goes", "A: 1\nBcc: x\n y\nB: 2\n\nbody", [], "A: 1\nB: 2\n\nbody"],
    ["a field is added", "A: 1\n\nbody", ["From: f"], "From: f\nA: 1\n\nbody"],
    ["text without a header", "hello\nworld\n", ["From: f"], "From: f\n\nhello\nworld\n"],
    ["text that begins with an empty line", "\nTo: x\n", ["From: f"], "From: f\n\nTo: x\n"],
    ["a header that is broken off", "A: 1\nno field\n", ["From: f"], "From: f\nA: 1\n\nno field\n"],
    ["a From line of a mailbox", "From a@b Tue\nA: 1\n\nbody", [], "A: 1\n\nbody"],
    ["a header alone", "A: 1", ["From: f"], "From: f\nA: 1\n\n"],
  ];
  for (const [what, text, more, expected] of written) {
    test(`writes it again: ${what}`, () => {
      assert.equal(writeLocalMessage(message(text), more, true).toString(), expected);
    });
  }
});

test("formatFrom() quotes and encodes names", () => {
  assert.equal(formatFrom("a@b.example", null), "From: a@b.example");
  assert.equal(formatFrom("a@b.example", "Cron Daemon"), "From: Cron Daemon <a@b.example>");
  assert.equal(formatFrom("a@b.example", 'Root, "the" \r\nBcc: x'), 'From: "Root, \\"the\\" Bcc: x" <a@b.example>');
  assert.equal(formatFrom("a@b.example", "Jürgen"), "From: =?utf-8?B?SsO8cmdlbg==?= <a@b.example>");
  assert.ok(
    encodedWords("ü".repeat(200))
      .split("\n")
      .every((line) => line.trim().length <= 75),
  );
});

test("beforeLoneDot() ends at a line of a dot and nowhere else", () => {
  const cases = [
    ["a\n.\nb", "a\n"],
    ["a\r\n.\r\nb", "a\r\n"],
    ["a\n.", "a\n"],
    [".\nb", ""],
    ["a.\n..\n.b\n", "a.\n..\n.b\n"],
  ] as const;
  for (const [text, expected] of cases) assert.equal(beforeLoneDot(Buffer.from(text)).toString(), expected);
});

test("exitStatusOf() says what sysexits.h has for a reply", () => {
  const cases: [string, number][] = [
    ["550 5.7.1 <a@b.example>: relay denied", 77],
    ["550 5.1.1 no such user", 67],
    ["552 5.3.4 too large", 69],
    ["451 4.7.1 later", 75],
    ["452 4.3.1 full", 75],
  ];
  for (const [reply, status] of cases) assert.equal(exitStatusOf(reply), status, reply);
});

describe("sendmail()", () => {
  interface Sent {
    readonly from: string | null;
    readonly to: readonly string[];
    readonly text: string;
  }

  async function run(args: string[], input: string, answer: Result<Partial<RelayAnswer>, string>) {
    const sent: Sent[] = [];
    const written = { output: "", errors: "" };
    const into = (name: "output" | "errors") =>
      new Writable({
        write(chunk, _encoding, done) {
          written[name] += String(chunk);
          done();
        },
      });
    const whole = (part: Partial<RelayAnswer>): RelayAnswer => ({
      ok: true,
      messages: [],
      output: "",
      value: null,
      ...part,
    });
    const relay = {
      get: async () => ok(whole({ value: { hostname: "relay.example" } })),
      send: async (envelope: { from: string | null; to: readonly string[] }, octets: Uint8Array) => {
        sent.push({ ...envelope, text: Buffer.from(octets).toString() });
        return answer.ok ? ok(whole(answer.value)) : answer;
      },
      openSession: async () => err("gone"),
    } as unknown as RelayClient;
    const caller: Caller = {
      input: Readable.from([Buffer.from(input)]),
      output: into("output"),
      errors: into("errors"),
      environment: {},
      directory: "/",
      user: "root",
    };
    const line = readCommandLine(["sendmail", ...args]);
    assert.ok(line.ok && line.value.kind === "call");
    return { status: await sendmail(line.value.call, caller, relay), sent, ...written };
  }

  test("hands in what cron writes", async () => {
    const input = "From: root (Cron Daemon)\nTo: root\nSubject: x\n\n.\nbody\n";
    const { status, sent, errors } = await run(["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], input, ok({}));
    assert.equal(status, 0, errors);
    assert.deepEqual(sent, [{ from: null, to: ["root"], text: input }]);
  });

  test("adds From where it lacks", async () => {
    const { sent } = await run(["-F", "A B", "<x@y.example>"], "Subject: s\n\nb\n", ok({}));
    assert.deepEqual(sent[0]?.to, ["x@y.example"]);
    assert.equal(sent[0]?.text, "From: A B <root@relay.example>\nSubject: s\n\nb\n");
  });

  const refused = (reply: string) =>
    ok({ ok: false, messages: [{ id: "SMR0503", severity: 40, text: reply }], value: { refused: [{ reply }] } });
  const statuses: [string, string[], string, Result<Partial<RelayAnswer>, string>, number][] = [
    ["no recipient", [], "x", ok({}), 64],
    ["no recipient in the header", ["-t"], "Subject: s\n\n", ok({}), 64],
    ["an option that is none", ["-y"], "x", ok({}), 64],
    ["no relay", ["a@b.example"], "x", err("nobody answers"), 75],
    ["-bs without relay", ["-bs"], "", ok({}), 75],
    ["relay denied", ["a@b.example"], "x", refused("550 5.7.1 relay denied"), 77],
    ["a full queue", ["a@b.example"], "x", refused("452 4.3.1 no room"), 75],
    [
      "an address that is none",
      ["a@@b"],
      "x",
      ok({ ok: false, messages: [{ id: "SMR0504", severity: 30, text: "a@@b is not a valid mail address." }] }),
      67,
    ],
  ];
  for (const [what, args, input, answer, expected] of statuses) {
    test(`exits with ${expected} for ${what}`, async () => {
      const { status, errors, output } = await run(args, input, answer);
      assert.equal(status, expected);
      assert.notEqual(errors + output, "");
    });
  }
});
