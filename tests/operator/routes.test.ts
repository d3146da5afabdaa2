/** Routes as an operator works them: from the command line to sinks, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, tryToRelay } from "../peers/dialogue.ts";
import { eventually } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

async function send(relay: Relay, recipient: string): Promise<void> {
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  await dialogue.say("MAIL FROM:<erp@client.example>");
  assert.equal((await dialogue.say(`RCPT TO:<${recipient}>`)).code, 250);
  assert.equal((await dialogue.say("DATA")).code, 354);
  assert.equal((await dialogue.say("Subject: x\r\n\r\nx\r\n.")).code, 250);
}

async function outputOf(relay: Relay, ...args: readonly string[]): Promise<string> {
  const answer = await relay.command(args);
  assert.equal(answer.code, 0, answer.output);
  return answer.stdout;
}

test(
  "routes lead mail to other hosts, hold and refuse it, and undo brings the old way back",
  { timeout: 300_000 },
  async () => {
    await using everything = await Sink.start();
    await using partner = await Sink.start();
    await using spare = await Sink.start();
    await using relay = await Relay.start({
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${everything.port}` },
      policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
    });
    await send(relay, "before@partner.example");
    await everything.to("before@partner.example");

    await relay.clDone(
      `ADDSMTPRTE RTE(PARTNER) RCPDMN('partner.example') ACTION(*RELAY) RLYHOST('127.0.0.1:${partner.port}' ('127.0.0.1:${spare.port}' *FALLBACK)) TEXT('until March')`,
    );
    await send(relay, "one@partner.example");
    await partner.to("one@partner.example");
    await send(relay, "one@other.example");
    await everything.to("one@other.example");

    const tested = JSON.parse(
      await outputOf(relay, "route", "test", "--from", "erp@client.example", "--to", "u@partner.example", "--json"),
    ) as { key: string; route: string; hop: { servers: { port: number; tls: string; user: null }[] } };
    assert.equal(tested.key, "PARTNER/relay");
    assert.equal(tested.route, "PARTNER");
    assert.deepEqual(
      tested.hop.servers.map(({ port, tls, user }) => ({ port, tls, user })),
      [partner.port, spare.port].map((port) => ({ port, tls: "may", user: null })),
    );
    const other = await outputOf(relay, "route", "test", "--to", "u@other.example");
    assert.match(other, /Route +none matches/);
    assert.match(await outputOf(relay, "route", "list"), /PARTNER\n +Mail to partner\.example goes to 127\.0\.0\.1:/);
    assert.match(await outputOf(relay, "policy", "export"), /^ADDSMTPRTE RTE\(PARTNER\) RCPDMN\('partner\.example'\)/m);
    await eventually(async () => {
      assert.match(await outputOf(relay, "route", "list"), /Used 1 times/);
      assert.match(await outputOf(relay, "cl", "DSPSMTPJRN", "--json"), /"route": ?"PARTNER"/);
    });

    await partner.stop();
    await send(relay, "two@partner.example");
    await spare.to("two@partner.example");

    await relay.clDone("CHGSMTPRTE RTE(PARTNER) ACTION(*REFUSE)");
    assert.equal((await tryToRelay({ port: relay.port, recipient: "u@partner.example" })).code, 550);
    await relay.clDone("UNDSMTPCHG", "CHGSMTPRTE RTE(PARTNER) ACTION(*HOLD)");
    await send(relay, "held@partner.example");
    await eventually(async () => assert.match(await outputOf(relay, "queue", "list"), /held/i));
    await relay.clDone("RLSSMTPEMM *ALL");
    await everything.to("held@partner.example");

    await relay.clDone("UNDSMTPCHG");
    await relay.clDone("RMVSMTPRTE RTE(PARTNER)");
    await send(relay, "after@partner.example");
    await everything.to("after@partner.example");
  },
);
