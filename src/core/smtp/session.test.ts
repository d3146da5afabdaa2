import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseDomain } from "../mail/domain.ts";
import { describeReply } from "../mail/reply.ts";
import { parseCommand } from "./command.ts";
import { ehloReply, type Offers } from "./extensions.ts";
import {
  authenticated,
  NEW_SESSION,
  recipientTaken,
  secured,
  senderTaken,
  step,
  transactionEnded,
  type Session,
} from "./session.ts";

const own = parseDomain("inside.example");
assert.ok(own.ok);
const domain = own.value;
const offers: Offers = {
  startTls: true,
  auth: "yes",
  eightBit: true,
  etrn: false,
  requireTls: false,
  sizeMaxOctets: 1_000,
  recipientsMax: 100,
};

/** Steps through lines as their owner would, everything asked elsewhere being granted; what was done last. */
function walk(lines: readonly string[], given: Offers = offers): { session: Session; done: string } {
  let session: Session = NEW_SESSION;
  let done = "";
  for (const line of lines) {
    const command = parseCommand(line, domain);
    const next = step(session, command, given);
    session = next.session;
    const { action } = next;
    done = action.do;
    if (action.do === "mail") session = senderTaken(session, action.mail);
    else if (action.do === "rcpt") session = recipientTaken(session);
    else if (action.do === "data") session = transactionEnded(session);
    else if (action.do === "start-tls") session = secured();
    else if (action.do === "authenticate") session = authenticated(session, "user");
    else if (action.do === "chunk") {
      done = action.refusal === null ? "chunk" : `chunk ${describeReply(action.refusal).slice(0, 9)}`;
      if (action.last) session = transactionEnded(session);
    } else if ("reply" in action) done = `${action.do} ${describeReply(action.reply).slice(0, 9)}`;
  }
  return { session, done };
}

const MAIL = "MAIL FROM:<a@b.example>";
const RCPT = "RCPT TO:<u@inside.example>";

test("step() keeps the order of RFC 5321 §4.1.4", () => {
  const cases: [lines: string[], done: string][] = [
    [["EHLO a"], "greet"],
    [[MAIL], "refuse 503 5.5.1"],
    [["EHLO a", RCPT], "refuse 503 5.5.1"],
    [["EHLO a", "DATA"], "refuse 503 5.5.1"],
    [["EHLO a", MAIL], "mail"],
    [["EHLO a", MAIL, MAIL], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, "DATA"], "refuse 554 5.5.1"],
    [["EHLO a", MAIL, RCPT, "DATA"], "data"],
    [["EHLO a", MAIL, RCPT, "DATA", RCPT], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, RCPT, "RSET", "DATA"], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, RCPT, "EHLO b", "DATA"], "refuse 503 5.5.1"],
    [["BDAT 1"], "chunk 503 5.5.1"],
    [["EHLO a", MAIL, "BDAT 1"], "chunk 554 5.5.1"],
    [["EHLO a", MAIL, RCPT, "BDAT 1"], "chunk"],
    [["EHLO a", MAIL, RCPT, "BDAT 1", "DATA"], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, RCPT, "BDAT 1", RCPT], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, RCPT, "BDAT 1", MAIL], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, RCPT, "BDAT 1 LAST", MAIL], "mail"],
    [["EHLO a", `${MAIL} BODY=BINARYMIME`, RCPT, "DATA"], "refuse 503 5.5.1"],
    [["EHLO a", `${MAIL} SIZE=1000`], "mail"],
    [["EHLO a", `${MAIL} SIZE=1001`], "refuse 552 5.3.4"],
    [["EHLO a", "MAIL FROM:<\u00f6@b.example>"], "refuse 553 5.6.7"],
    [["EHLO a", MAIL, "RCPT TO:<\u00f6@inside.example>"], "refuse 553 5.6.7"],
    [["EHLO a", `${MAIL} SMTPUTF8`, "RCPT TO:<\u00f6@inside.example>"], "rcpt"],
    [["STARTTLS"], "start-tls"],
    [["STARTTLS", "STARTTLS"], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, "STARTTLS", RCPT], "refuse 503 5.5.1"],
    [["EHLO a", "STARTTLS", MAIL], "refuse 503 5.5.1"],
    [["AUTH PLAIN"], "refuse 503 5.5.1"],
    [["HELO a", "AUTH PLAIN"], "refuse 503 5.5.1"],
    [["EHLO a", "AUTH PLAIN"], "authenticate"],
    [["EHLO a", "AUTH PLAIN", "AUTH PLAIN"], "refuse 503 5.5.1"],
    [["EHLO a", MAIL, "AUTH PLAIN"], "refuse 503 5.5.1"],
    [["EHLO a", "AUTH ANONYMOUS"], "refuse 504 5.5.4"],
    [["EHLO a", "AUTH EXTERNAL ="], "refuse 504 5.5.4"],
    [["QUIT"], "close 221 2.0.0"],
    [["VRFY a"], "reply 252 2.5.2"],
    [["EXPN a"], "refuse 502 5.5.1"],
  ];
  for (const [lines, done] of cases) assert.equal(walk(lines).done, done, lines.join(" | "));
});

test("step() offers only what there is", () => {
  const nothing: Offers = { ...offers, startTls: false, auth: "no", eightBit: false };
  for (const [lines, given, done] of [
    [["STARTTLS"], nothing, "refuse 502 5.5.1"],
    [["EHLO a", "AUTH PLAIN"], nothing, "refuse 502 5.5.1"],
    [["EHLO a", "AUTH PLAIN"], { ...offers, auth: "after-tls" }, "refuse 538 5.7.1"],
    [["EHLO a", `${MAIL} BODY=8BITMIME`], nothing, "refuse 555 5.5.4"],
    [["EHLO a", `${MAIL} SMTPUTF8`], nothing, "refuse 555 5.5.4"],
    [["EHLO a", `${MAIL} BODY=7BIT`], nothing, "mail"],
  ] as [string[], Offers, string][])
    assert.equal(walk(lines, given).done.slice(0, done.length), done, lines.join(" | "));
  assert.doesNotMatch(ehloReply("relay.example", nothing).text.join(" "), /STARTTLS|AUTH|8BIT|BINARY|UTF8/);
  assert.match(ehloReply("relay.example", offers).text.join(" "), /STARTTLS AUTH SCRAM-SHA-256 PLAIN LOGIN 8BITMIME/);
});

test("secured() forgets greeting, user and transaction (RFC 3207 §4.2)", () => {
  const { session } = walk(["EHLO a", "AUTH PLAIN", MAIL, RCPT, "STARTTLS"]);
  assert.deepEqual(session, { ...NEW_SESSION, tls: true });
});

test("step() never lets content begin without a recipient, whatever comes", () => {
  const line = fc.constantFrom(
    "EHLO a",
    "HELO a",
    MAIL,
    RCPT,
    "DATA",
    "BDAT 1",
    "BDAT 1 LAST",
    "RSET",
    "STARTTLS",
    "x",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      let recipients = 0;
      for (let i = 0; i < lines.length; i++) {
        const { done } = walk(lines.slice(0, i + 1));
        if (done === "data" || done === "chunk") assert.ok(recipients > 0);
        recipients = walk(lines.slice(0, i + 1)).session.recipients;
      }
    }),
  );
});
