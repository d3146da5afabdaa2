import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "./dialogue.ts";
import { postfixPrograms, startPostfix } from "./postfix.ts";
import { missing, missingRoot, run } from "./programs.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { Sink } from "./sink.ts";

const from = "sender@client.example";
const listed = [
  "CHGSMTPA ALWRLY(*LIST)",
  "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.0') SUBNETMASK('255.255.255.252')",
];

function relayTo(port: number): RelayOptions {
  return { delivery: { mode: "smarthost", smarthost: `127.0.0.1:${port}` }, policy: listed };
}

async function hand(port: number, mail: string, rcpt: readonly string[], content: string): Promise<void> {
  using dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  for (const line of ["EHLO client.example", mail, ...rcpt]) {
    const { code, text } = await dialogue.say(Buffer.from(line, "utf8").toString("latin1"));
    assert.equal(code, 250, text);
  }
  await dialogue.say("DATA");
  dialogue.write(Buffer.from(`${content}\r\n.\r\n`, "utf8"));
  assert.equal((await dialogue.answer()).code, 250);
}

interface Read {
  readonly type: string;
  readonly report: string;
  readonly parts: readonly string[];
  readonly defects: number;
  /** The fields of the message, then those of each recipient. */
  readonly groups: readonly Readonly<Record<string, string>>[];
  readonly subject: string;
}

/** What Python's parser of mail finds in a report: it knows nothing of how it was written. */
async function readByPython(content: Buffer): Promise<Read> {
  const script = [
    "import sys, json, email, email.policy",
    "m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTPUTF8)",
    "parts = [p for p in m.iter_parts()]",
    // It knows the parts of message/delivery-status, and not those of its global form.
    "whole = parts[1].as_bytes().decode('utf-8').replace('\\r\\n', '\\n').split('\\n\\n', 1)[1].strip()",
    "groups = [dict(l.split(': ', 1) for l in b.replace('\\n ', ' ').split('\\n')) for b in whole.split('\\n\\n')]",
    "third = parts[2].get_payload()",
    "inner = third[0] if isinstance(third, list) else email.message_from_bytes(parts[2].get_payload(decode=True), policy=email.policy.SMTPUTF8)",
    "print(json.dumps(dict(type=m.get_content_type(), report=m.get_param('report-type'), parts=[p.get_content_type() for p in parts], defects=sum(len(p.defects) for p in m.walk()), groups=groups, subject=str(inner['subject']))))",
  ];
  const { code, output, stdout } = await run("python3", ["-c", script.join("\n")], { input: content });
  assert.equal(code, 0, output);
  return JSON.parse(stdout) as Read;
}

const refuseUnknown = (address: string): string | null =>
  address.startsWith("unknown") ? "550 5.1.1 no such user here" : null;

test("Python reads our reports: types, fields, and what is returned", { skip: missing("python3") }, async () => {
  await using sink = await Sink.start({ answerRecipient: refuseUnknown });
  await using relay = await Relay.start(relayTo(sink.port));
  const content = "Subject: Nightly backup\r\nFrom: <sender@client.example>\r\n\r\nbody";
  const rcpt = ["RCPT TO:<unknown@far.example> ORCPT=rfc822;Old+2BName@far.example", "RCPT TO:<unknown2@far.example>"];
  await hand(relay.port, `MAIL FROM:<${from}> RET=FULL ENVID=batch+2B42`, rcpt, content);
  const read = await readByPython((await sink.to(from)).content);
  assert.deepEqual([read.type, read.report, read.defects], ["multipart/report", "delivery-status", 0]);
  assert.deepEqual(read.parts, ["text/plain", "message/delivery-status", "message/rfc822"]);
  assert.equal(read.subject, "Nightly backup");
  const [whole, first, second] = read.groups;
  assert.equal(whole?.["Original-Envelope-Id"], "batch+42");
  assert.equal(whole?.["Reporting-MTA"], "dns; relay.test");
  assert.equal(whole?.["Received-From-MTA"], "dns; client.example");
  assert.equal(first?.["Original-Recipient"], "rfc822; Old+Name@far.example");
  assert.equal(first?.["Final-Recipient"], "rfc822; unknown@far.example");
  assert.equal(first?.["Action"], "failed");
  assert.equal(first?.["Status"], "5.1.1");
  assert.equal(first?.["Remote-MTA"], "dns; [127.0.0.1]");
  assert.equal(first?.["Diagnostic-Code"], "smtp; 550 5.1.1 no such user here");
  assert.equal(second?.["Original-Recipient"], undefined);
  assert.equal(read.groups.length, 3, "one report tells of both");
});

test(
  "international: the report has its global forms, and Python reads them",
  { skip: missing("python3") },
  async () => {
    await using sink = await Sink.start({ answerRecipient: refuseUnknown });
    await using relay = await Relay.start(relayTo(sink.port));
    const content = "Subject: Grüße\r\nFrom: <jürgen@client.example>\r\n\r\nbody";
    await hand(
      relay.port,
      "MAIL FROM:<jürgen@client.example> SMTPUTF8 BODY=8BITMIME",
      ["RCPT TO:<unknown用户@far.example> ORCPT=utf-8;unknown\\x{7528}户@far.example"],
      content,
    );
    const report = await sink.to("jürgen@client.example");
    assert.equal(report.envelope.smtpUtf8, true);
    const read = await readByPython(report.content);
    assert.deepEqual(read.parts, ["text/plain", "message/global-delivery-status", "message/global-headers"]);
    assert.equal(read.groups[1]?.["Original-Recipient"], "utf-8; unknown用户@far.example");
    assert.equal(read.groups[1]?.["Final-Recipient"], "utf-8; unknown用户@far.example");
    assert.equal(read.subject, "Grüße");
  },
);

test(
  "through Postfix, as sender and as next hop: what is asked of reports arrives to the letter",
  { skip: missingRoot(...postfixPrograms) },
  async () => {
    await using sink = await Sink.start();
    await using second = await Relay.start(relayTo(sink.port));
    await using postfix = await startPostfix({
      relayhost: `[127.0.0.1]:${second.port}`,
      main: { smtp_bind_address: "127.0.0.2" },
    });
    await using first = await Relay.start(relayTo(postfix.port));
    const rcpt = [
      "RCPT TO:<dsn@far.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Old+2BName@Far.Example",
      "RCPT TO:<never@far.example> NOTIFY=NEVER",
      "RCPT TO:<plain@far.example>",
    ];
    await hand(first.port, `MAIL FROM:<${from}> RET=HDRS ENVID=batch+2B42`, rcpt, "Subject: dsn\r\n\r\nbody");
    const sunk = await sink.to("dsn@far.example");
    assert.deepEqual(sunk.envelope.dsn, { ret: "HDRS", envid: "batch+42" });
    const asked = async (address: string) =>
      (await sink.to(address)).recipients.find((recipient) => recipient.address === address)?.dsn;
    assert.deepEqual([...((await asked("dsn@far.example"))?.notify ?? [])].sort(), ["DELAY", "SUCCESS"]);
    // Postfix writes the domain as it compares it; the local part is the sender's.
    assert.match((await asked("dsn@far.example"))?.orcpt ?? "", /^rfc822;Old\+Name@far\.example$/i);
    assert.deepEqual((await asked("never@far.example"))?.notify, ["NEVER"]);
    assert.equal(sink.messages.filter(({ reversePath }) => reversePath.address === "").length, 0);
  },
);
