import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { sendByExim } from "./exim.ts";
import { assertUnchanged, receivedField, sampleMessage, withoutReceived } from "./message.ts";
import { postfixPrograms, startPostfix } from "./postfix.ts";
import { ended, freePort, greets, missing, missingRoot, programPath, run } from "./programs.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { Sink } from "./sink.ts";
import { sendMail } from "./nodemailer.ts";

const from = "sender@client.example";

function relayTo(port: number, more: Partial<RelayOptions> = {}): RelayOptions {
  return {
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.0') SUBNETMASK('255.255.255.252')"],
    ...more,
  };
}

test("Postfix relays through us as its smart host", { skip: missingRoot(...postfixPrograms) }, async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port));
  await using postfix = await startPostfix({
    relayhost: `[127.0.0.1]:${relay.port}`,
    main: { smtp_bind_address: "127.0.0.2" },
  });
  const message = sampleMessage("by Postfix as client");
  await sendMail(postfix.port, { from, to: ["rcpt@far.example"], message });
  const sunk = await sink.to("rcpt@far.example");
  assertUnchanged(sunk.content, message, 2);
  assert.match(receivedField(sunk.content), /^from postfix\.test .*\[127\.0\.0\.2\].* by relay\.test /);
});

test("Postfix returns our refusal to its sender", { skip: missingRoot(...postfixPrograms) }, async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port, { policy: ["CHGSMTPA ALWRLY(*NONE)"] }));
  await using postfix = await startPostfix({
    relayhost: `[127.0.0.1]:${relay.port}`,
    // The report about the refusal goes straight to the sink.
    main: {
      smtp_bind_address: "127.0.0.2",
      transport_maps: `inline:{ {client.example=smtp:[127.0.0.1]:${sink.port}} }`,
    },
  });
  await sendMail(postfix.port, { from, to: ["rcpt@far.example"], message: sampleMessage("refused") });
  const report = await sink.to(from);
  assert.equal(report.reversePath.address, "");
  const text = report.content.toString("latin1").replaceAll(/\s+/g, " ");
  assert.match(text, /550 5\.7\.1 <rcpt@far\.example>: relay denied for 127\.0\.0\.2 \[D-[0-9A-Z]+\]/);
});

test("Postfix is our next hop", { skip: missingRoot(...postfixPrograms) }, async () => {
  await using sink = await Sink.start();
  await using postfix = await startPostfix({ relayhost: `[127.0.0.1]:${sink.port}` });
  await using relay = await Relay.start(relayTo(postfix.port));
  const message = sampleMessage("to Postfix as next hop");
  await sendMail(relay.port, { from, to: ["one@far.example", "two@other.example"], message });
  for (const recipient of ["one@far.example", "two@other.example"]) {
    const sunk = await sink.to(recipient);
    assertUnchanged(sunk.content, message, 2);
    assert.match(receivedField(sunk.content), /^from relay\.test .* by postfix\.test /);
  }
});

test("Exim sends by BDAT, and with its QUIT behind it", { skip: missingRoot("exim4") }, async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port));
  const message = sampleMessage("by Exim in chunks");
  const { log, output } = await sendByExim({ port: relay.port, from, to: ["rcpt@far.example"], message });
  assert.match(log, /=> rcpt@far\.example .* K /, `${output}\n${log}`);
  const sunk = await sink.to("rcpt@far.example");
  // Exim adds its own Received field and, like sendmail, drops nothing and folds nothing else.
  assertUnchanged(sunk.content, message, 2);
});

test("Exim takes our refusal as final", { skip: missingRoot("exim4") }, async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port, { policy: ["CHGSMTPA ALWRLY(*NONE)"] }));
  const message = sampleMessage("refused");
  const { log } = await sendByExim({ port: relay.port, from, to: ["rcpt@far.example"], message });
  assert.match(log, /\*\* rcpt@far\.example .*550 5\.7\.1 <rcpt@far\.example>: relay denied for 127\.0\.0\.1/);
});

for (const [name, args] of [
  ["one message a connection", []],
  ["many messages a session", ["-d"]],
] as const) {
  test(
    `smtp-source to smtp-sink through the relay: ${name}`,
    { skip: missing("smtp-source", "smtp-sink") },
    async () => {
      const sinkPort = await freePort();
      const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
      const sink = spawn(programPath("smtp-sink"), [...user, "-c", `127.0.0.1:${sinkPort}`, "100"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const sunk = countOf(sink.stdout);
      const end = ended(sink);
      try {
        await greets(sinkPort);
        await using relay = await Relay.start(relayTo(sinkPort));
        const source = await run("smtp-source", [
          ...["-s", "20", "-m", "500", "-l", "4096", "-f", from, "-t", "rcpt@far.example", ...args],
          `127.0.0.1:${relay.port}`,
        ]);
        assert.equal(source.code, 0, source.output);
        await sunk.reaches(500);
        const summary = await relay.status();
        assert.ok(summary.active);
      } finally {
        sink.kill("SIGTERM");
        await end;
      }
      assert.equal(sunk.last(), 500, "every message once");
    },
  );
}

/** Follows the count that `smtp-sink -c` keeps writing to its standard output. */
function countOf(stream: NodeJS.ReadableStream): { reaches: (count: number) => Promise<void>; last: () => number } {
  let last = 0;
  let wake: () => void = () => undefined;
  let text = "";
  stream.on("data", (octets: Buffer) => {
    text = (text + octets.toString("latin1")).slice(-400);
    for (const [, count] of text.matchAll(/mesg=(\d+)/g)) last = Number(count);
    wake();
  });
  return {
    last: () => last,
    async reaches(count) {
      while (last < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

test("our own Received field is the only thing that a kept session adds", async () => {
  await using sink = await Sink.start();
  await using relay = await Relay.start(relayTo(sink.port));
  const message = sampleMessage("twice");
  await sendMail(relay.port, { from, to: ["first@far.example"], message });
  await sendMail(relay.port, { from, to: ["second@far.example"], message });
  const first = await sink.to("first@far.example");
  const second = await sink.to("second@far.example");
  assert.ok(withoutReceived(first.content).equals(withoutReceived(second.content)));
});
