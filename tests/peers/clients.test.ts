import assert from "node:assert/strict";
import { test } from "node:test";
import { clients } from "./clients.ts";
import { assertUnchanged, receivedField, sampleMessage } from "./message.ts";
import { missing } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

/** On the list, and its neighbour. */
const listed = "127.0.0.2";
const stranger = "127.0.0.3";

test("mail programs through the relay", async (t) => {
  await using sink = await Sink.start({ answerRecipient: () => null });
  await using relay = await Relay.start({
    localDomains: ["home.example"],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", `ADDSMTPLE TYPE(*ACCEPT) INTNETADR('${listed}')`],
  });
  const directory = relay.directory;

  for (const [index, client] of clients.entries()) {
    const skip = missing(...client.needs);
    const from = "sender@client.example";
    await t.test(`${client.name} relays what it sent, to the octet`, { skip }, async () => {
      const message = sampleMessage(`relayed by client ${index}`);
      const to = [`rcpt${index}@far.example`, `Second.${index}@other.example`];
      const sent = await client.send({ port: relay.port, from, to, message, source: listed, directory });
      assert.ok(sent.accepted, sent.output);
      for (const recipient of to) {
        const sunk = await sink.to(recipient);
        assert.equal(sunk.reversePath.address, from);
        assertUnchanged(sunk.content, message);
        const received = receivedField(sunk.content);
        assert.match(received, /^from client\.example .*\[127\.0\.0\.2\]/);
        assert.match(received, / by relay\.test .*with ESMTP id /);
      }
    });

    await t.test(`${client.name} is refused from an address that is not listed`, { skip }, async () => {
      const to = [`refused${index}@far.example`];
      const message = sampleMessage("refused");
      const sent = await client.send({ port: relay.port, from, to, message, source: stranger, directory });
      assert.ok(!sent.accepted, sent.output);
      const reply = new RegExp(
        String.raw`550[ -]5\.7\.1 <refused${index}@far\.example>: relay denied for 127\.0\.0\.3 \[D-[0-9A-Z]+\]`,
      );
      assert.match(sent.output.replace(/^5\.7\.1/m, "550 5.7.1"), reply);
    });

    await t.test(`${client.name} may send to a local domain from anywhere`, { skip }, async () => {
      const to = [`user${index}@home.example`];
      const message = sampleMessage(`local mail of client ${index}`);
      const sent = await client.send({ port: relay.port, from, to, message, source: stranger, directory });
      assert.ok(sent.accepted, sent.output);
      assertUnchanged((await sink.to(to[0] ?? "")).content, message);
    });
  }

  await t.test("no refused message reached the sink", () => {
    const addresses = sink.messages.flatMap(({ recipients }) => recipients.map(({ address }) => address));
    assert.deepEqual(
      addresses.filter((address) => address.startsWith("refused")),
      [],
    );
  });

  await t.test("the id in a refusal explains it", async () => {
    const client = clients.find(({ name }) => name === "nodemailer");
    assert.ok(client);
    const from = "sender@client.example";
    const to = ["explained@far.example"];
    const message = sampleMessage("explained");
    // A client of its own: refusals of one client may share a row of the journal when they come thick and fast.
    const sent = await client.send({ port: relay.port, from, to, message, source: "127.0.0.4", directory });
    const id = /\[(D-[0-9A-Z]+)\]/.exec(sent.output)?.[1];
    assert.ok(id !== undefined, sent.output);
    const explained = await relay.command(["explain", id]);
    assert.equal(explained.code, 0, explained.output);
    assert.match(explained.stdout, /127\.0\.0\.4/);
    assert.match(explained.stdout, /explained@far\.example/);
    assert.match(explained.stdout, /NO-MATCH/);
  });
});
