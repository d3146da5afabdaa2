import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "node:path";
import { assertUnchanged, receivedField, withoutReceived } from "./message.ts";
import { missing, run } from "./programs.ts";
import { Relay, repository } from "./relay.ts";
import { Sink } from "./sink.ts";

const sendmail = join(repository, "bin/sendmail.mjs");
const listed = ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"];

test("the sendmail entry", async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: listed,
  });
  const env = { RELAYKEEPER_DATA_DIR: relay.dataDirectory };
  const call = async (args: readonly string[], input: string) =>
    await run(process.execPath, [sendmail, ...args], { input, env });

  await t.test("cron's way: -t -i, recipients from the header, a lone dot is text", async () => {
    const input = [
      "From: root (Cron Daemon)",
      "To: ops@far.example",
      "Cc: Second <second@far.example>",
      "Bcc: hidden@far.example",
      "Subject: Cron <root@host> /bin/backup",
      "",
      "backup done",
      ".",
      "after the dot",
      "",
    ].join("\n");
    const sent = await call(["-t", "-i", "-f", "root@client.example", "-FCronDaemon"], input);
    assert.equal(sent.code, 0, sent.output);
    const sunk = await sink.to("ops@far.example");
    assert.equal(sunk.reversePath.address, "root@client.example");
    const recipients = sink.messages.flatMap((message) => message.recipients.map(({ address }) => address));
    assert.deepEqual(recipients.sort(), ["hidden@far.example", "ops@far.example", "second@far.example"]);
    const content = sunk.content.toString("latin1");
    assert.doesNotMatch(content, /^Bcc:/im);
    assert.match(content, /^Message-ID: <.+>\r$/im);
    assert.match(content, /^Date: /im);
    assert.match(content, /\r\nbackup done\r\n\.\r\nafter the dot\r\n$/);
  });

  await t.test("recipients as arguments; a complete message is not touched", async () => {
    const header = [
      "From: <sender@client.example>",
      "To: <rcpt@far.example>",
      "Date: Thu, 01 Jan 2026 00:00:00 +0000",
      "Message-ID: <complete@client.example>",
      "Subject: complete",
    ];
    const input = `${header.join("\n")}\n\nbody\n`;
    const sent = await call(["-i", "-f", "sender@client.example", "--", "args@far.example"], input);
    assert.equal(sent.code, 0, sent.output);
    const sunk = await sink.to("args@far.example");
    assertUnchanged(sunk.content, Buffer.from(input.replaceAll("\n", "\r\n")));
    assert.match(receivedField(sunk.content), /by relay\.test/);
  });

  await t.test("a lone dot ends the message without -i", async () => {
    const input = "From: <a@client.example>\nSubject: dot\n\nbefore\n.\nafter\n";
    const sent = await call(["-f", "a@client.example", "dot@far.example"], input);
    assert.equal(sent.code, 0, sent.output);
    const content = withoutReceived((await sink.to("dot@far.example")).content).toString("latin1");
    assert.match(content, /before\r\n$/);
  });

  await t.test("perl opens a pipe to it, as a CGI program does", { skip: missing("perl") }, async () => {
    const script = `
      open(my $mail, "|-", $ARGV[0], $ARGV[1], "-t", "-oi", "-f", "www\\@client.example") or die "cannot start: $!";
      print $mail "From: www\\@client.example\\nTo: perl\\@far.example\\nSubject: from perl\\n\\nform data\\n";
      close($mail) or exit($? >> 8);`;
    const sent = await run("perl", ["-e", script, process.execPath, sendmail], { env });
    assert.equal(sent.code, 0, sent.output);
    const sunk = await sink.to("perl@far.example");
    assert.match(sunk.content.toString("latin1"), /form data\r\n$/);
  });

  await t.test("-bs speaks SMTP on standard input and output", async () => {
    const lines = ["EHLO client.example", "MAIL FROM:<bs@client.example>", "RCPT TO:<bs@far.example>", "DATA"];
    const input = [...lines, "Subject: bs", "", "body", ".", "QUIT", ""].join("\r\n");
    const sent = await call(["-bs"], input);
    assert.equal(sent.code, 0, sent.output);
    const codes = [...sent.stdout.matchAll(/^(\d{3}) /gm)].map(([, code]) => code);
    assert.deepEqual(codes, ["220", "250", "250", "250", "354", "250", "221"], sent.stdout);
    await sink.to("bs@far.example");
  });

  await t.test("a wrong call is EX_USAGE, an address that is none EX_DATAERR or EX_NOUSER", async () => {
    const nobody = await call(["-i"], "Subject: x\n\nbody\n");
    assert.equal(nobody.code, 64, nobody.output);
    const broken = await call(["-i", "-f", "a@client.example", "not an address@@far.example"], "Subject: x\n\nbody\n");
    assert.ok([65, 67, 68].includes(broken.code ?? 0), broken.output);
  });

  await t.test("a refusal says why, as any client would hear it", async () => {
    await relay.clDone("CHGSMTPA ALWRLY(*NONE)");
    const sent = await call(["-i", "-f", "a@client.example", "refused@far.example"], "Subject: x\n\nbody\n");
    assert.ok([69, 77].includes(sent.code ?? 0), `EX_UNAVAILABLE or EX_NOPERM: ${sent.code} ${sent.output}`);
    assert.match(sent.stderr, /550 5\.7\.1 <refused@far\.example>: relay denied for 127\.0\.0\.1 \[D-/);
  });
});

test("the sendmail entry is EX_TEMPFAIL where the relay is not running", async () => {
  const relay = await Relay.start();
  const env = { RELAYKEEPER_DATA_DIR: relay.dataDirectory };
  await relay.terminate();
  const args = [sendmail, "-i", "-f", "a@client.example", "rcpt@far.example"];
  const sent = await run(process.execPath, args, { input: "Subject: x\n\nbody\n", env });
  assert.equal(sent.code, 75, sent.output);
  await relay.stop();
});
