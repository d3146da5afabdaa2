import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeNameServer } from "../dns/fake-name-server.ts";
import { assertUnchanged, sampleMessage } from "./message.ts";
import { sendMail } from "./nodemailer.ts";
import { makeCertificate } from "./certificate.ts";
import { eventually, freePort, missing } from "./programs.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { Sink } from "./sink.ts";

const from = "sender@client.example";

function options(smarthostPort: number, more: Partial<RelayOptions> = {}): RelayOptions {
  return {
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${smarthostPort}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
    ...more,
  };
}

test("the name servers of [dns] are asked where the smart host is; while they fail, mail waits", async () => {
  await using sink = await Sink.start();
  const names = await FakeNameServer.start();
  names.zone.set("A smart.test", "SERVFAIL");
  names.zone.set("AAAA smart.test", []);
  const moreConfig = `[dns]\nservers = ["127.0.0.1:${names.port}"]`;
  const delivery = { mode: "smarthost", smarthost: `smart.test:${sink.port}` } as const;
  await using relay = await Relay.start(options(sink.port, { moreConfig, delivery }));
  const message = sampleMessage("through a name");
  await sendMail(relay.port, { from, to: ["someone@far.example"], message });
  await eventually(async () => assert.match(JSON.stringify(await relay.queue()), /SERVFAIL/));
  names.zone.set("A smart.test", [{ type: "A", ttl: 60, data: "127.0.0.1" }]);
  await relay.command(["queue", "flush"]);
  assertUnchanged((await sink.to("someone@far.example")).content, message);
  await empty(relay);
  await names.stop();
});

/** Resolves when the queue has no message left. */
async function empty(relay: Relay): Promise<void> {
  await eventually(async () => {
    assert.deepEqual(await relay.queue(), []);
  });
}

test("4xx defers, and a retry delivers what was deferred, once", async () => {
  let busy = true;
  await using sink = await Sink.start({
    answerRecipient: (address) => (busy && address.startsWith("greylisted") ? "451 4.7.1 try again later" : null),
  });
  await using relay = await Relay.start(options(sink.port));
  const message = sampleMessage("deferred");
  await sendMail(relay.port, { from, to: ["greylisted@far.example", "at-once@far.example"], message });
  await sink.to("at-once@far.example");
  await eventually(async () => {
    const listed = await relay.command(["queue", "list"]);
    assert.match(listed.stdout, /greylisted|deferred/i);
    assert.match(JSON.stringify(await relay.queue()), /try again later/);
  });
  busy = false;
  const flushed = await relay.command(["queue", "flush"]);
  assert.equal(flushed.code, 0, flushed.output);
  assertUnchanged((await sink.to("greylisted@far.example")).content, message);
  await empty(relay);
  const recipients = sink.messages.flatMap((sunk) => sunk.recipients.map(({ address }) => address));
  assert.deepEqual(recipients.sort(), ["at-once@far.example", "greylisted@far.example"]);
});

test("5xx for one recipient sends a DSN to the sender, and the others have their mail", async () => {
  await using home = await Sink.start();
  await using sink = await Sink.start({
    answerRecipient: (address) => (address.startsWith("unknown") ? "550 5.1.1 no such user here" : null),
  });
  const delivery = { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${home.port}` } as const;
  await using relay = await Relay.start(options(sink.port, { localDomains: ["client.example"], delivery }));
  const message = sampleMessage("half of it fails");
  await sendMail(relay.port, { from, to: ["unknown@far.example", "known@far.example"], message });
  assertUnchanged((await sink.to("known@far.example")).content, message);
  const report = await home.to(from);
  assert.equal(report.reversePath.address, "", "a report has the null reverse-path");
  const text = report.content.toString("latin1");
  assert.match(text, /multipart\/report; *(?:\r\n\s)?report-type="?delivery-status"?/i);
  assert.match(text, /^Final-Recipient: rfc822; ?unknown@far\.example\r$/im);
  assert.match(text, /^Action: failed\r$/im);
  assert.match(text, /^Status: 5\.1\.1\r$/im);
  assert.match(text, /^Diagnostic-Code: smtp; ?550 5\.1\.1 no such user here/im);
  assert.doesNotMatch(text, /Final-Recipient: rfc822; ?known@/i);
  await empty(relay);
});

test("a failed message with the null reverse-path is no reason for a DSN", async () => {
  await using home = await Sink.start();
  await using sink = await Sink.start({ answerData: () => "554 5.6.0 no" });
  const delivery = { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${home.port}` } as const;
  await using relay = await Relay.start(options(sink.port, { localDomains: ["client.example"], delivery }));
  await sendMail(relay.port, { from: "", to: ["rcpt@far.example"], message: sampleMessage("report") });
  await empty(relay);
  assert.deepEqual(home.messages, []);
});

test("mail waits while the next hop is away, and goes when it is back", async () => {
  const port = await freePort();
  await using relay = await Relay.start(options(port));
  const message = sampleMessage("patience");
  for (let i = 0; i < 5; i++) await sendMail(relay.port, { from, to: [`rcpt${i}@far.example`], message });
  await eventually(async () => {
    const queue = JSON.stringify(await relay.queue());
    assert.match(queue, /deferred/);
  });
  await using sink = await Sink.start({ port });
  const flushed = await relay.command(["queue", "flush"]);
  assert.equal(flushed.code, 0, flushed.output);
  for (let i = 0; i < 5; i++) await sink.to(`rcpt${i}@far.example`);
  await empty(relay);
  assert.equal(sink.messages.length, 5);
});

test("a held message stays through a flush, and can be tried again when it is released", async () => {
  const port = await freePort();
  await using relay = await Relay.start(options(port));
  await sendMail(relay.port, { from, to: ["held@far.example"], message: sampleMessage("held") });
  const listed = await relay.command(["queue", "list"]);
  const id = /\bQ[0-9A-Z]+\b/.exec(listed.stdout)?.[0];
  assert.ok(id !== undefined, listed.output);
  assert.equal((await relay.command(["queue", "hold", id])).code, 0);
  await using sink = await Sink.start({ port });
  assert.equal((await relay.command(["queue", "flush"])).code, 0);
  assert.match(JSON.stringify(await relay.queue()), /held/);
  assert.equal(sink.messages.length, 0);
  assert.equal((await relay.command(["queue", "release", id])).code, 0);
  assert.equal((await relay.command(["queue", "retry", id])).code, 0);
  await sink.to("held@far.example");
  await empty(relay);
});

test("the next hop's STARTTLS is used where it is offered", async () => {
  await using sink = await Sink.start({ starttls: true });
  await using relay = await Relay.start(options(sink.port));
  await sendMail(relay.port, { from, to: ["rcpt@far.example"], message: sampleMessage("opportunistic") });
  assert.equal((await sink.to("rcpt@far.example")).secure, true);
});

const hostAuth = "ADDSMTPLE TYPE(*HOSTAUTH) HOSTNAME('127.0.0.1') USERNAME('relay') PASSWORD('let me in')";
const account = { name: "relay", password: "let me in" };

test("*HOSTAUTH authenticates us at a next hop whose certificate is known", { skip: missing("openssl") }, async () => {
  await using certificate = await makeCertificate("IP:127.0.0.1");
  const { cert, key } = certificate;
  await using sink = await Sink.start({ user: account, server: { cert, key } });
  const base = options(sink.port, { env: { NODE_EXTRA_CA_CERTS: certificate.file } });
  await using relay = await Relay.start({ ...base, policy: [...(base.policy ?? []), hostAuth] });
  await sendMail(relay.port, { from, to: ["rcpt@far.example"], message: sampleMessage("authenticated") });
  const sunk = await sink.to("rcpt@far.example");
  assert.equal(sunk.user, "relay");
  assert.equal(sunk.secure, true);
  const shown = await relay.clDone("WRKSMTPLE OUTPUT(*PRINT)");
  assert.doesNotMatch(shown, /let me in/);
  const exported = await relay.command(["policy", "export"]);
  assert.doesNotMatch(exported.output, /let me in/);
  assert.doesNotMatch(relay.log, /let me in/);
});

test("*HOSTAUTH is not shown to a next hop whose certificate is nobody's", async () => {
  const secrets: string[] = [];
  await using sink = await Sink.start({
    user: account,
    server: {
      onAuth({ username, password }, _session, callback) {
        secrets.push(`${username} ${password}`);
        callback(null, { user: username });
      },
    },
  });
  const base = options(sink.port);
  await using relay = await Relay.start({ ...base, policy: [...(base.policy ?? []), hostAuth] });
  await sendMail(relay.port, { from, to: ["rcpt@far.example"], message: sampleMessage("not sent") });
  await eventually(async () => {
    assert.match(JSON.stringify(await relay.queue()), /certificate/i);
  });
  assert.deepEqual(secrets, []);
  assert.deepEqual(sink.messages, []);
});

test("local domains go to the local next hop, all else to the smart host, and domains as compared", async () => {
  await using home = await Sink.start();
  await using far = await Sink.start();
  await using relay = await Relay.start(
    options(far.port, {
      localDomains: ["home.example"],
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${far.port}`, local: `127.0.0.1:${home.port}` },
    }),
  );
  const to = ["User@HOME.example", "user%far.example@home.example", "other@far.example"];
  await sendMail(relay.port, { from, to, message: sampleMessage("routes") });
  await home.to("User@home.example");
  await far.to("other@far.example");
  await far.to("user@far.example");
  assert.equal(home.messages.length, 1);
});

test("capture keeps accepted mail here, for all to see", async () => {
  await using relay = await Relay.start(options(1, { delivery: { mode: "capture" } }));
  await sendMail(relay.port, { from, to: ["rcpt@far.example"], message: sampleMessage("captured") });
  await eventually(async () => {
    assert.match(JSON.stringify(await relay.queue()), /captured/);
  });
  const listed = await relay.command(["queue", "list"]);
  const id = /\bQ[0-9A-Z]+\b/.exec(listed.stdout)?.[0];
  assert.ok(id !== undefined, listed.output);
  const shown = await relay.command(["queue", "show", id]);
  assert.match(shown.stdout, /Subject: captured/);
});
