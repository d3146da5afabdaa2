/** A device that cannot be taught: its mail goes out as the sender that the provider takes, and what it forgot is put right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const FORGOT =
  "From: Scanner <scan@floor.example>\r\nTo: ann@far.example\r\nBcc: boss@far.example\r\nSubject: a scan\r\n\r\n.page\r\n";
const LARGE = `${FORGOT}${"a line of a large scan\r\n".repeat(20_000)}`;

test("a route rewrites the sender of a client network, in envelope and header, and all else stays", async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: [
      "CHGSMTPA ALWRLY(*LIST)",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2')",
      "ADDSMTPRTE RTE(DEVICES) CLTADR('127.0.0.2/32') ACTION(*DFT) SNDRWT('relay@example.com') HDRFIX(*LIST)",
    ],
  });
  /** What comes out, without our Received field. */
  const sent = async (client: string, recipient: string, content: string, sender = "<scan@floor.example>") => {
    using dialogue = await Dialogue.connect({ port: relay.port, localAddress: client });
    await dialogue.answer();
    await dialogue.say("EHLO floor.example");
    await dialogue.say(`MAIL FROM:${sender}`);
    assert.equal((await dialogue.say(`RCPT TO:<${recipient}>`)).code, 250);
    assert.equal((await dialogue.say("DATA")).code, 354);
    dialogue.write(Buffer.from(`${content.replaceAll(/^\./gm, "..")}.\r\n`));
    assert.equal((await dialogue.answer()).code, 250);
    const sunk = await sink.to(recipient);
    const text = sunk.content.toString("latin1").replace(/^Received: .*\r\n(?:\s.*\r\n)*/, "");
    return { reversePath: sunk.reversePath.address, text };
  };

  for (const [recipient, content] of [
    ["small@far.example", FORGOT],
    ["large@far.example", LARGE],
  ] as const) {
    const { reversePath, text } = await sent("127.0.0.2", recipient, content);
    assert.equal(reversePath, "relay@example.com");
    const [header = "", ...body] = text.split("\r\n\r\n");
    assert.match(
      header.replaceAll("\r\n", "|"),
      /^From: Scanner <relay@example\.com>\|Reply-To: Scanner <scan@floor\.example>\|X-Original-From: Scanner <scan@floor\.example>\|To: ann@far\.example\|Subject: a scan\|Date: [^|]+ \+0000\|Message-ID: <Q[^|@]+@relay\.test>$/,
    );
    assert.equal(body.join("\r\n\r\n"), content.slice(content.indexOf("\r\n\r\n") + 4));
  }

  assert.equal(
    (await sent("127.0.0.1", "other@far.example", FORGOT)).text,
    FORGOT,
    "another client's goes out as it came",
  );
  const report = await sent("127.0.0.2", "null@far.example", FORGOT, "<>");
  assert.ok(!report.reversePath, "the null reverse-path stays null");
  assert.match(report.text, /^From: Scanner <relay@example\.com>/);

  const journal = await relay.cl("DSPSMTPJRN OUTPUT(*PRINT)");
  assert.ok(journal.stdout.includes("scan@floor.example"), "the journal speaks of who sent it");
  await relay.clDone("RMVSMTPRTE RTE(DEVICES)");
  assert.equal((await sent("127.0.0.2", "after@far.example", FORGOT)).text, FORGOT, "at once");
});

test("a report of what was rewritten goes to who sent it", async () => {
  await using sink = await Sink.start({
    answerRecipient: (address) => (address.startsWith("nobody@") ? "550 5.1.1 no such user" : null),
  });
  await using relay = await Relay.start({
    localDomains: ["floor.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
    policy: [
      "CHGSMTPA ALWRLY(*LIST)",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')",
      "ADDSMTPRTE RTE(DEVICES) CLTADR('127.0.0.1/32') SNDRWT('relay@example.com')",
    ],
  });
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  await dialogue.say("EHLO floor.example");
  await dialogue.say("MAIL FROM:<scan@floor.example>");
  await dialogue.say("RCPT TO:<nobody@far.example>");
  await dialogue.say("DATA");
  dialogue.write(Buffer.from(`${FORGOT.replaceAll(/^\./gm, "..")}.\r\n`));
  assert.equal((await dialogue.answer()).code, 250);
  const report = await sink.to("scan@floor.example");
  assert.ok(report.content.includes("550 5.1.1"), report.content.toString("latin1"));
});
