import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { describe, test } from "node:test";
import { err, ok, type Result } from "../../core/base/result.ts";
import { readCommandLine } from "./arguments.ts";
import type { Caller, RelayAnswer, RelayClient } from "./caller.ts";
import { encodedWords, formatFrom, scanLocalHeader, withField, withoutMailboxLine } from "./mail-header.ts";
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

test("scanLocalHeader() tells header and From field", () => {
  const cases: [text: string, hasHeader: boolean, hasFrom: boolean][] = [
    ["A: 1\nFrom: x\n\nbody", true, true],
    ["A: 1\r\n folded\r\nFROM : x\r\n\r\nbody", true, true],
    ["A: 1\n\nFrom: x\n", true, false],
    ["A: 1\nno field\nFrom: x\n", true, false],
    ["hello\nFrom: x\n", false, false],
    ["\nFrom: x\n", false, false],
    ["From: x", true, true],
    ["", false, false],
  ];
  for (const [text, hasHeader, hasFrom] of cases) {
    assert.deepEqual(scanLocalHeader(Buffer.from(text)), { hasHeader, hasFrom }, text);
  }
});

test("withField() puts a field in front, with an empty line where there is no header", () => {
  const cases: [text: string, expected: string][] = [
    ["A: 1\n\nbody", "From: f\nA: 1\n\nbody"],
    ["hello\nworld\n", "From: f\n\nhello\nworld\n"],
    ["\nTo: x\n", "From: f\n\nTo: x\n"],
  ];
  for (const [text, expected] of cases) assert.equal(withField(Buffer.from(text), "From: f").toString(), expected);
});

test("withoutMailboxLine() takes the From line of a mailbox file away and nothing else", () => {
  for (const text of ["A: 1\n\nFrom b\n", "From: x\n", "From nobody, no line"]) {
    assert.equal(withoutMailboxLine(Buffer.from(text)).toString(), text);
  }
  assert.equal(withoutMailboxLine(Buffer.from("From a@b Tue\nA: 1\n")).toString(), "A: 1\n");
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
    readonly recipientsFromHeader: boolean;
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
      get: async () =>
        answer.ok ? ok(whole({ value: { hostname: "relay.example", messageOctetsMax: 1_024 } })) : answer,
      send: async (envelope: Omit<Sent, "text">, octets: Uint8Array) => {
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
    assert.deepEqual(sent, [{ from: null, to: ["root"], recipientsFromHeader: false, text: input }]);
  });

  test("adds From where it lacks", async () => {
    const { sent } = await run(["-F", "A B", "<x@y.example>"], "Subject: s\n\nb\n", ok({}));
    assert.deepEqual(sent[0]?.to, ["x@y.example"]);
    assert.equal(sent[0]?.text, "From: A B <root@relay.example>\nSubject: s\n\nb\n");
  });

  test("leaves the recipients of the header to the relay", async () => {
    const { sent } = await run(["-ti", "<x@y.example>"], "From: f\nBcc: b@x.example\n\n", ok({}));
    assert.deepEqual(sent[0]?.to, ["x@y.example"]);
    assert.equal(sent[0]?.recipientsFromHeader, true);
  });

  test("refuses what is too large before it is all read", async () => {
    const { status, sent, errors } = await run(["a@b.example"], "x".repeat(1_025), ok({}));
    assert.equal(status, 69);
    assert.deepEqual(sent, []);
    assert.match(errors, /larger than 1 kilobytes/);
  });

  const said = (id: string) => ok({ ok: false, messages: [{ id, severity: 40, text: "no" }] });
  const refused = (reply: string) =>
    ok({ ok: false, messages: [{ id: "SMR0503", severity: 40, text: reply }], value: { refused: [{ reply }] } });
  const statuses: [string, string[], string, Result<Partial<RelayAnswer>, string>, number][] = [
    ["no recipient", [], "x", ok({}), 64],
    ["no recipient in the header", ["-t"], "Subject: s\n\n", said("SMR0507"), 64],
    ["no room", ["a@b.example"], "x", said("SMR0508"), 75],
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
