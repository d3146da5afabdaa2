import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Dialogue } from "./dialogue.ts";
import { assertUnchanged, sampleMessage, withoutReceived } from "./message.ts";
import { sendMail } from "./nodemailer.ts";
import { missing, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const from = "sender@client.example";
const listed = ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"];

test("extensions, towards a next hop that has them", async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: listed,
  });

  await t.test("EHLO offers them", async () => {
    using dialogue = await Dialogue.connect({ port: relay.port });
    await dialogue.answer();
    const { text } = await dialogue.say("EHLO client.example");
    for (const keyword of ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"])
      assert.match(text, new RegExp(`^250[ -]${keyword}\\b`, "m"));
  });

  await t.test("python's smtplib sends SMTPUTF8", { skip: missing("python3") }, async () => {
    const script = [
      "import smtplib, sys",
      `client = smtplib.SMTP("127.0.0.1", ${relay.port}, "client.example")`,
      "client.ehlo()",
      `client.sendmail("gr\\u00fc\\u00dfe@client.example", ["\\u7528\\u6237@far.example"], sys.stdin.buffer.read(), ["SMTPUTF8", "BODY=8BITMIME"])`,
      "client.quit()",
    ];
    const message = Buffer.from("Subject: Grüße\r\nFrom: <grüße@client.example>\r\n\r\nžluťoučký kůň\r\n");
    const sent = await run("python3", ["-c", script.join("\n")], { input: message });
    assert.equal(sent.code, 0, sent.output);
    const sunk = await sink.to("用户@far.example");
    assert.equal(sunk.reversePath.address, "grüße@client.example");
    assert.equal(sunk.envelope.smtpUtf8, true);
    assertUnchanged(sunk.content, message);
  });

  await t.test("8BITMIME is passed on with its octets", async () => {
    const message = Buffer.concat([sampleMessage("eight bits"), Buffer.from([0xe9, 0x80, 0xff, 0xa0, 13, 10])]);
    using dialogue = await Dialogue.connect({ port: relay.port });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    await dialogue.say(`MAIL FROM:<${from}> BODY=8BITMIME`);
    await dialogue.say("RCPT TO:<eight@far.example>");
    await dialogue.say("DATA");
    const stuffed = Buffer.from(message.toString("latin1").replaceAll(/^\./gm, ".."), "latin1");
    dialogue.write(Buffer.concat([stuffed, Buffer.from(".\r\n")]));
    assert.equal((await dialogue.answer()).code, 250);
    const sunk = await sink.to("eight@far.example");
    assert.equal(sunk.envelope.bodyType, "8bitmime");
    assertUnchanged(sunk.content, message);
  });

  await t.test("DSN parameters go on to a next hop that offers DSN", async () => {
    using dialogue = await Dialogue.connect({ port: relay.port });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    const mail = await dialogue.say(`MAIL FROM:<${from}> RET=HDRS ENVID=batch+2B42`);
    assert.equal(mail.code, 250, mail.text);
    const args = "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old+3Dname@far.example";
    const rcpt = await dialogue.say(`RCPT TO:<dsn@far.example> ${args}`);
    assert.equal(rcpt.code, 250, rcpt.text);
    const never = await dialogue.say("RCPT TO:<never@far.example> NOTIFY=NEVER");
    assert.equal(never.code, 250, never.text);
    await dialogue.say("DATA");
    dialogue.write("Subject: dsn\r\n\r\nbody\r\n.\r\n");
    assert.equal((await dialogue.answer()).code, 250);
    const sunk = await sink.to("dsn@far.example");
    // The sink shows xtext decoded (RFC 3461 §4): +2B is a plus sign.
    assert.deepEqual(sunk.envelope.dsn, { ret: "HDRS", envid: "batch+42" });
    const recipient = sunk.recipients.find(({ address }) => address === "dsn@far.example");
    assert.deepEqual([...(recipient?.dsn?.notify ?? [])].sort(), ["FAILURE", "SUCCESS"]);
    assert.match(recipient?.dsn?.orcpt ?? "", /^rfc822;old=name@far\.example$/i);
    const silent = (await sink.to("never@far.example")).recipients.find(
      ({ address }) => address === "never@far.example",
    );
    assert.deepEqual(silent?.dsn?.notify, ["NEVER"]);
  });

  await t.test("DATA, BDAT and pipelining give the same message", async () => {
    const message = sampleMessage("three ways");
    const stuffed = message.toString("latin1").replaceAll(/^\./gm, "..");
    const ways: Readonly<Record<string, string>> = {
      data: `DATA\r\n`,
      bdat: `BDAT ${message.length} LAST\r\n${message.toString("latin1")}`,
      chunks: `BDAT 100\r\n${message.toString("latin1", 0, 100)}BDAT ${message.length - 100}\r\n${message.toString("latin1", 100)}BDAT 0 LAST\r\n`,
    };
    for (const [way, octets] of Object.entries(ways)) {
      using dialogue = await Dialogue.connect({ port: relay.port });
      await dialogue.answer();
      await dialogue.say("EHLO client.example");
      dialogue.write(`MAIL FROM:<${from}>\r\nRCPT TO:<${way}@far.example>\r\n${octets}`);
      assert.equal((await dialogue.answer()).code, 250);
      assert.equal((await dialogue.answer()).code, 250);
      if (way === "data") {
        assert.equal((await dialogue.answer()).code, 354);
        dialogue.write(`${stuffed}.\r\n`);
      }
      if (way === "chunks") for (let i = 0; i < 2; i++) assert.equal((await dialogue.answer()).code, 250);
      assert.equal((await dialogue.answer()).code, 250);
      assertUnchanged((await sink.to(`${way}@far.example`)).content, message);
    }
  });

  await t.test("a message of 30 MB streams through without filling memory", { timeout: 300_000 }, async () => {
    const before = await peakMemory(relay.pid);
    const line = `${"0123456789abcdef".repeat(4)}0123456789\r\n`;
    const message = Buffer.from(`Subject: large\r\n\r\n${line.repeat(Math.ceil(30_000_000 / line.length))}`);
    await sendMail(relay.port, { from, to: ["large@far.example"], message });
    const sunk = await sink.to("large@far.example");
    const digest = (octets: Uint8Array) => createHash("sha256").update(octets).digest("hex");
    assert.equal(digest(withoutReceived(sunk.content)), digest(message));
    const grown = (await peakMemory(relay.pid)) - before;
    assert.ok(grown < 100_000_000, `peak memory grew by ${grown} octets`);
  });

  await t.test("SIZE above the limit is refused at MAIL", async () => {
    using dialogue = await Dialogue.connect({ port: relay.port });
    await dialogue.answer();
    const ehlo = await dialogue.say("EHLO client.example");
    const limit = Number(/SIZE (\d+)/.exec(ehlo.text)?.[1]);
    assert.ok(limit > 0, ehlo.text);
    const answer = await dialogue.say(`MAIL FROM:<${from}> SIZE=${limit + 1}`);
    assert.match(answer.text, /^552 5\.3\.4 /);
  });
});

test("a next hop without SMTPUTF8 fails what needs it, and says so", async () => {
  await using sink = await Sink.start({ server: { hideSMTPUTF8: true } });
  await using relay = await Relay.start({
    localDomains: ["client.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
    policy: listed,
  });
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  await dialogue.say(`MAIL FROM:<${from}> SMTPUTF8`);
  const rcpt = await dialogue.say(`RCPT TO:<${Buffer.from("用户").toString("latin1")}@far.example>`);
  assert.equal(rcpt.code, 250, rcpt.text);
  await dialogue.say("DATA");
  dialogue.write("Subject: utf8\r\n\r\nbody\r\n.\r\n");
  assert.equal((await dialogue.answer()).code, 250);
  const report = await sink.to(from);
  assert.match(report.content.toString("latin1"), /5\.6\.7/);
});

/** The largest resident set so far, in octets. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
