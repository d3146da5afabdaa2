import assert from "node:assert/strict";
import { test } from "node:test";
import type { Domain } from "../mail/domain.ts";
import type { Envelope, Recipient } from "../mail/envelope.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import { reply } from "../mail/reply.ts";
import { commandLine, formatMail, formatRcpt } from "./client-commands.ts";
import { NO_OFFERS, parseOffers } from "./offers.ts";

const ALL = parseOffers(
  reply(
    250,
    "",
    "mx.example greets you",
    "PIPELINING",
    "size 10240000",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "RequireTLS",
    "STARTTLS",
    "AUTH=LOGIN",
    "AUTH PLAIN login",
    "CHUNKING",
    "BINARYMIME",
    "XUNKNOWN",
  ),
);
const USER: Mailbox = { localPart: "user", host: { kind: "domain", domain: "example.net" as Domain } };

test("parseOffers() reads EHLO, and nothing from its greeting", () => {
  assert.deepEqual(ALL, {
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    requireTls: true,
    startTls: true,
    chunking: true,
    binaryMime: true,
    size: true,
    sizeOctetsMax: 10_240_000,
    auth: ["LOGIN", "PLAIN", "LOGIN"],
  });
  assert.deepEqual(parseOffers(reply(250, "", "PIPELINING STARTTLS")), NO_OFFERS);
  assert.equal(parseOffers(reply(250, "", "x", "SIZE")).sizeOctetsMax, 0);
  assert.equal(parseOffers(reply(250, "", "x", "SIZE -1")).sizeOctetsMax, 0);
  assert.equal(parseOffers(reply(250, "", "x", `SIZE ${"9".repeat(30)}`)).sizeOctetsMax, 0);
});

test("formatMail() and formatRcpt() say what was offered and needed, and nothing else", () => {
  const envelope: Omit<Envelope, "recipients"> = {
    reversePath: USER,
    body: "8BITMIME",
    smtpUtf8: true,
    ret: "HDRS",
    envelopeId: "a+2Bb",
  };
  const recipient: Recipient = {
    forwardPath: USER,
    notify: ["SUCCESS", "FAILURE"],
    originalRecipient: "rfc822;user@example.net",
  };
  assert.equal(
    formatMail(envelope, 77, true, ALL),
    "MAIL FROM:<user@example.net> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n",
  );
  assert.equal(formatMail(envelope, 77, false, NO_OFFERS), "MAIL FROM:<user@example.net>\r\n");
  assert.equal(
    formatMail({ reversePath: null, body: "7BIT", smtpUtf8: false }, 1, false, ALL),
    "MAIL FROM:<> SIZE=1\r\n",
  );
  assert.equal(
    formatRcpt(recipient, ALL, true),
    "RCPT TO:<user@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;user@example.net\r\n",
  );
  assert.equal(
    formatRcpt({ forwardPath: USER, notify: "NEVER" }, ALL, true),
    "RCPT TO:<user@example.net> NOTIFY=NEVER\r\n",
  );
  assert.equal(formatRcpt(recipient, NO_OFFERS, false), "RCPT TO:<user@example.net>\r\n");
  const tagged = { reversePath: null, body: "7BIT", smtpUtf8: false } as const;
  assert.equal(formatMail({ ...tagged, requireTls: true }, 1, false, ALL), "MAIL FROM:<> SIZE=1 REQUIRETLS\r\n");
  assert.equal(formatMail({ ...tagged, requireTls: false }, 1, false, ALL), "MAIL FROM:<> SIZE=1\r\n");
  assert.equal(formatMail({ ...tagged, requireTls: true }, 1, false, NO_OFFERS), "MAIL FROM:<>\r\n");
  const international: Recipient = { forwardPath: USER, originalRecipient: "utf-8;jürgen@example.net" };
  const said = (smtpUtf8: boolean): string => formatRcpt(international, ALL, smtpUtf8);
  assert.equal(said(true), "RCPT TO:<user@example.net> ORCPT=utf-8;jürgen@example.net\r\n");
  assert.equal(said(false), "RCPT TO:<user@example.net> ORCPT=utf-8;j\\x{FC}rgen@example.net\r\n");
});

test("no command is written that could be two", () => {
  for (const evil of ["a\r\nRCPT TO:<b@c.example>", "a\nb", "a\rb", "a\0b"]) {
    assert.throws(() => commandLine(evil), /CR, LF or NUL/);
    const forwardPath: Mailbox = { localPart: evil, host: USER.host };
    assert.throws(() => formatRcpt({ forwardPath }, NO_OFFERS, false));
    assert.throws(() => formatRcpt({ forwardPath: USER, originalRecipient: evil }, ALL, true));
    assert.throws(() =>
      formatMail({ reversePath: USER, body: "7BIT", smtpUtf8: false, envelopeId: evil }, 1, false, ALL),
    );
  }
});
