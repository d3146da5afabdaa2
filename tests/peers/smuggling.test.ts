/** SMTP smuggling through us: whatever a client puts around a dot, the server behind us sees one message for each that we took. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { octetsOf, readSections } from "../hostile/table.ts";
import { Dialogue } from "./dialogue.ts";
import { postfixPrograms, startPostfix } from "./postfix.ts";
import { missingRoot } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const SMUGGLED =
  "MAIL FROM:<smuggled@client.example>\r\nRCPT TO:<smuggled@far.example>\r\nDATA\r\nSubject: y\r\n\r\ny\r\n";
const [ends] = readSections("framing.md");
const payloads = (ends?.rows ?? []).map((row) => row.cell("octets"));

/** Each payload as a message of its own, to a recipient of its own; gives the numbers of those that were taken. */
async function sendAll(port: number, way: "DATA" | "BDAT"): Promise<readonly number[]> {
  using dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  const taken: number[] = [];
  for (const [n, payload] of payloads.entries()) {
    const content = Buffer.concat([Buffer.from("Subject: x\r\n\r\ntext"), octetsOf(payload), Buffer.from(SMUGGLED)]);
    assert.equal((await dialogue.say("MAIL FROM:<s@client.example> BODY=8BITMIME")).code, 250);
    assert.equal((await dialogue.say(`RCPT TO:<${way.toLowerCase()}${n}@far.example>`)).code, 250);
    if (way === "DATA") {
      assert.equal((await dialogue.say("DATA")).code, 354);
      dialogue.write(Buffer.concat([content, Buffer.from(".\r\n")]));
    } else dialogue.write(Buffer.concat([Buffer.from(`BDAT ${content.length} LAST\r\n`), content]));
    const { code } = await dialogue.answer();
    assert.ok(code === 250 || code === 550, `${payload}: ${code}`);
    if (code === 250) taken.push(n);
  }
  return taken;
}

/** Sends all payloads, by DATA and BDAT, with ALWBARELF(*NO) and (*YES), and compares what was taken with what reached the sink. */
async function smuggle(relay: Relay, sink: Sink): Promise<void> {
  for (const allowed of ["*NO", "*YES"]) {
    await relay.clDone(`CHGSMTPA ALWBARELF(${allowed})`);
    for (const way of ["DATA", "BDAT"] as const) {
      const taken = await sendAll(relay.port, way);
      assert.ok(taken.length > 10 && taken.length < payloads.length, `${taken.length} taken`);
      const wanted = taken.map((n) => `${way.toLowerCase()}${n}@far.example`);
      for (const recipient of wanted) await sink.to(recipient);
      const arrived = sink.messages.splice(0);
      assert.deepEqual(
        arrived.flatMap(({ recipients }) => recipients.map(({ address }) => address)).sort(),
        wanted.sort(),
      );
      for (const { reversePath, content } of arrived) {
        assert.equal(reversePath.address, "s@client.example");
        const text = content.toString("latin1");
        assert.ok(text.includes("MAIL FROM:<smuggled@client.example>\r\n"), "what was smuggled is text");
        assert.ok(!/(?<!\r)\n|\r(?!\n)/.test(text), "and every line ends in CRLF");
      }
    }
  }
}

function relayTo(port: number): Parameters<typeof Relay.start>[0] {
  return {
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${port}` },
    policy: ["CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)"],
  };
}

test("smuggling to smtp-server behind us: nothing comes out", async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port));
  await smuggle(relay, sink);
});

test(
  "smuggling to a Postfix that takes LF for a line end: nothing comes out",
  { skip: missingRoot(...postfixPrograms) },
  async () => {
    await using sink = await Sink.start();
    await using postfix = await startPostfix({
      relayhost: `[127.0.0.1]:${sink.port}`,
      main: { smtpd_forbid_bare_newline: "no" },
    });
    // It can be smuggled to: what we may not emit is two messages there.
    using dialogue = await Dialogue.connect({ port: postfix.port });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    for (const line of ["MAIL FROM:<s@client.example>", "RCPT TO:<first@far.example>", "DATA"])
      await dialogue.say(line);
    dialogue.write(`Subject: x\r\n\r\ntext\n.\r\n${SMUGGLED}.\r\n`);
    await sink.to("smuggled@far.example");
    await sink.to("first@far.example");
    sink.messages.length = 0;
    await using relay = await Relay.start(relayTo(postfix.port));
    await smuggle(relay, sink);
  },
);
