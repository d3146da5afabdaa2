import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "./dialogue.ts";
import { postfixPrograms, startPostfix } from "./postfix.ts";
import { missing, missingRoot } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

test(
  "Postfix is asked for its mailboxes: one is known, and what it does not know makes no report",
  { skip: missing(...postfixPrograms) || missingRoot() },
  async () => {
    await using home = await Sink.start();
    await using victim = await Sink.start();
    await using postfix = await startPostfix({
      relayhost: `[127.0.0.1]:${home.port}`,
      main: {
        relay_domains: "inside.example",
        relay_recipient_maps: "inline:{{known@inside.example=x}, {postmaster@inside.example=x}}",
      },
    });
    await using relay = await Relay.start({
      localDomains: ["inside.example"],
      delivery: {
        mode: "smarthost",
        smarthost: `127.0.0.1:${victim.port}`,
        local: `127.0.0.1:${postfix.port}`,
        verifyRecipients: true,
      },
    });
    using client = await Dialogue.connect({ port: relay.port });
    await client.answer();
    await client.say("EHLO client.example");
    await client.say("MAIL FROM:<forged@victim.example>");
    let refusal = "";
    for (let i = 0; i < 12; i++) {
      const { code, text } = await client.say(`RCPT TO:<guess${i}@inside.example>`);
      assert.equal(code, 550, text);
      refusal = text;
    }
    const id = /\[(D-\w+)\]/.exec(refusal)?.[1] ?? "";
    assert.equal((await client.say("RCPT TO:<known@inside.example>")).code, 250);
    await client.say("DATA");
    client.write("Subject: to one who is there\r\n\r\nbody\r\n.\r\n");
    assert.equal((await client.answer()).code, 250);
    const { recipients } = await home.to("known@inside.example");
    assert.deepEqual(
      recipients.map(({ address }) => address),
      ["known@inside.example"],
    );
    assert.deepEqual(victim.messages, []);
    const explained = await relay.command(["explain", id]);
    assert.match(explained.stdout, /VERIFY/);
    const asking = await relay.command(["explain", "--client", "198.51.100.1", "--to", "guess0@inside.example"]);
    assert.match(asking.output, /is asked whether it knows the mailbox/, asking.output);
  },
);
