import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { assertLinear } from "../../../tests/linear.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { describeReply } from "../mail/reply.ts";
import { parseCommand, type Command } from "./command.ts";

const own = parseDomain("inside.example");
assert.ok(own.ok);
const domain = own.value;

function shown(command: Command): string {
  switch (command.verb) {
    case "refused":
    case "hang-up":
      return `${command.verb} ${describeReply(command.reply).slice(0, 9)}`;
    case "MAIL":
    case "RCPT":
      return `${command.verb} <${command.path === null ? "" : formatMailbox(command.path)}>`;
    case "EHLO":
    case "HELO":
      return `${command.verb} ${command.name}`;
    case "BDAT":
      return `BDAT ${command.octets}${command.last ? " LAST" : ""}`;
    case "AUTH":
      return `AUTH ${command.mechanism} ${String(command.initial)}`;
    default:
      return command.verb;
  }
}

test("parseCommand() reads every command, in any case, and names what is wrong with the others", () => {
  const cases: [line: string, command: string][] = [
    ["ehlo client.example ", "EHLO client.example"],
    ["HELO [192.0.2.1]", "HELO [192.0.2.1]"],
    ["EHLO jörg", "refused 501 5.5.4"],
    [`EHLO ${"a".repeat(256)}`, "refused 501 5.5.4"],
    ["MAIL FROM:<a@b.example>", "MAIL <a@b.example>"],
    ["mail  from: <> body=7bit", "MAIL <>"],
    ["MAIL FROM:<>", "MAIL <>"],
    ["MAIL FROM:a@b.example", "refused 501 5.5.4"],
    ["MAIL FROM", "refused 501 5.5.4"],
    ["MAIL", "refused 501 5.5.4"],
    ["MAILFROM:<>", "refused 500 5.5.1"],
    ["MAIL TO:<>", "refused 501 5.5.4"],
    ["MAIL FROM:<a@b..example>", "refused 501 5.1.7"],
    ["MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x AUTH=<>", "MAIL <a@b.example>"],
    ["MAIL FROM:<a@b.example> SIZE", "refused 501 5.5.4"],
    ["MAIL FROM:<a@b.example> SIZE=123456789012345678901", "refused 501 5.5.4"],
    ["MAIL FROM:<a@b.example> SMTPUTF8=yes", "refused 501 5.5.4"],
    ["MAIL FROM:<a@b.example> AUTH", "refused 501 5.5.4"],
    [`MAIL FROM:<a@b.example> ENVID=${"x".repeat(101)}`, "refused 501 5.5.4"],
    ["MAIL FROM:<a@b.example> XYZ", "refused 555 5.5.4"],
    ["RCPT TO:<Postmaster>", "RCPT <Postmaster@inside.example>"],
    ["RCPT TO:<a@b.example> NOTIFY=never", "RCPT <a@b.example>"],
    ["RCPT TO:<a@b.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;j\u00f6rg@b.example", "RCPT <a@b.example>"],
    ["RCPT TO:<a@b.example> NOTIFY=SUCCESS,SUCCESS", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> NOTIFY=", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> NOTIFY", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> ORCPT=;x", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> ORCPT=rfc(822);x", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> ORCPT=rfc822", "refused 501 5.5.4"],
    ["RCPT TO:<a@b.example> ORCPT=X-Mail-7;x+20y", "RCPT <a@b.example>"],
    ["RCPT TO:<>", "refused 501 5.1.3"],
    ["RCPT TO:<a@b.example>,<c@d.example>", "refused 501 5.5.4"],
    ["DATA", "DATA"],
    ["DATA now", "refused 501 5.5.4"],
    ["BDAT 0 LAST", "BDAT 0 LAST"],
    ["BDAT 10", "BDAT 10"],
    ["BDAT 1.5", "hang-up 501 5.5.4"],
    ["BDAT 10 FIRST", "hang-up 501 5.5.4"],
    ["BDAT LAST", "hang-up 501 5.5.4"],
    ["BDAT 9007199254740993", "hang-up 501 5.5.4"],
    ["AUTH plain dGVzdA==", "AUTH PLAIN dGVzdA=="],
    ["AUTH LOGIN", "AUTH LOGIN null"],
    ["AUTH", "refused 501 5.5.4"],
    ["AUTH PLAIN a b", "refused 501 5.5.4"],
    ["RSET", "RSET"],
    ["NOOP x y z", "NOOP"],
    ["VRFY a", "VRFY"],
    ["EXPN a", "EXPN"],
    ["HELP", "HELP"],
    ["QUIT", "QUIT"],
    ["STARTTLS", "STARTTLS"],
    ["STARTTLS x", "refused 501 5.5.4"],
    ["ETRN site.example", "ETRN"],
    ["etrn @Site.Example", "ETRN"],
    ["ETRN", "refused 501 5.5.4"],
    ["ETRN -", "refused 501 5.5.4"],
    ["ETRN #queue", "refused 458 4.5.4"],
    ["XCLIENT ADDR=127.0.0.1", "refused 500 5.5.1"],
    ["", "refused 500 5.5.1"],
    ["GET / HTTP/1.1", "hang-up 421 4.7.0"],
    ["OPTIONS * HTTP/1.1", "hang-up 421 4.7.0"],
    [" MAIL FROM:<>", "hang-up 421 4.7.0"],
    ["\ufeffEHLO a", "hang-up 421 4.7.0"],
  ];
  for (const [line, command] of cases) assert.equal(shown(parseCommand(line, domain)), command, line);
});

test("parseCommand() keeps the parameters of MAIL and RCPT", () => {
  const mail = parseCommand(
    "MAIL FROM:<a@b.example> SIZE=10 BODY=binarymime SMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=x requiretls",
    domain,
  );
  assert.ok(mail.verb === "MAIL");
  assert.deepEqual(mail.parameters, {
    sizeOctets: 10,
    body: "BINARYMIME",
    smtpUtf8: true,
    ret: "HDRS",
    envelopeId: "a+2Bb",
    requireTls: true,
  });
  const rcpt = parseCommand("RCPT TO:<a@b.example> notify=failure,delay ORCPT=rfc822;c@d.example", domain);
  assert.ok(rcpt.verb === "RCPT");
  assert.deepEqual(rcpt.parameters, { notify: ["FAILURE", "DELAY"], originalRecipient: "rfc822;c@d.example" });
});

test("parseCommand() knows what needs SMTPUTF8", () => {
  for (const [line, ascii] of [
    ["MAIL FROM:<a@b.example>", true],
    ["MAIL FROM:<\u00f6@b.example>", false],
    ["RCPT TO:<a@b\u00fc.example>", false],
    ["RCPT TO:<a@b.example> ORCPT=utf-8;\u00f6", false],
  ] as const) {
    const command = parseCommand(line, domain);
    assert.ok(command.verb === "MAIL" || command.verb === "RCPT");
    assert.equal(command.ascii, ascii, line);
  }
});

test("parseCommand() never throws and always answers", () => {
  const verb = fc.constantFrom("MAIL FROM:", "RCPT TO:<a@b.example>", "EHLO", "BDAT", "AUTH", "DATA", "x", "");
  fc.assert(
    fc.property(verb, fc.string({ unit: "binary" }), (start, rest) => {
      const command = parseCommand(`${start} ${rest}`, domain);
      assert.ok(command.verb);
    }),
    { numRuns: 3_000 },
  );
});

test("parseCommand() is linear", () => {
  const hostile: readonly ((size: number) => string)[] = [
    (size) => `MAIL FROM:<a@b.example>${" X=Y".repeat(size)}`,
    (size) => `MAIL FROM:<a@b.example> ENVID=${"+41".repeat(size)}`,
    (size) => `RCPT TO:<a@b.example> ORCPT=rfc822;${"x".repeat(size)}`,
    (size) => `RCPT TO:<a@b.example> NOTIFY=${"DELAY,".repeat(size)}`,
    (size) => `RCPT TO:<@a:b@${"A".repeat(size)}>`,
    (size) => `RCPT TO:<${"(".repeat(size)}`,
    (size) => `RCPT TO:<${"@a,".repeat(size)}`,
    (size) => `RCPT TO:<"x"@a${" ".repeat(size)}`,
    (size) => `MAIL FROM:<"${"\\a".repeat(size)}"@b.example>`,
    (size) => `EHLO ${"a".repeat(size)}`,
    (size) => `BDAT ${"9".repeat(size)}`,
    (size) => `AUTH PLAIN ${"=".repeat(size)}`,
    (size) => `NOOP${" ".repeat(size)}x`,
  ];
  for (const make of hostile) {
    const lines = new Map<number, string>();
    const line = (size: number): string => lines.get(size) ?? lines.set(size, make(size)).get(size) ?? "";
    assertLinear(make(3), 25_000, (size) => void parseCommand(line(size), domain));
  }
});
