import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue, tryToRelay } from "./dialogue.ts";
import { startHaproxy } from "./haproxy.ts";
import { receivedField, sampleMessage } from "./message.ts";
import { sendMail } from "./nodemailer.ts";
import { missing } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const from = "sender@client.example";

/** A PROXY v2 header for TCP over IPv4 (haproxy's proxy-protocol.txt §2.2). */
function proxyV2(source: string, command = 0x21): Buffer {
  const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
  const octets = (address: string) => address.split(".").map(Number);
  const addresses = [...octets(source), ...octets("192.0.2.1"), 0x30, 0x39, 0x00, 0x19];
  return Buffer.concat([signature, Buffer.from([command, 0x11, 0x00, addresses.length, ...addresses])]);
}

test("PROXY protocol", async (t) => {
  await using sink = await Sink.start();
  await using relay = await Relay.start({
    listeners: [{ proxyProtocolFrom: ["127.0.0.1/32"] }, {}],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: [
      "CHGSMTPA ALWRLY(*LIST)",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.9')",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('10.100.1.2')",
      "ADDSMTPLE TYPE(*REJECT) INTNETADR('10.100.3.0') SUBNETMASK('255.255.255.0')",
      "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('2001:db8:1::/48')",
    ],
  });
  const { port } = relay;

  for (const version of [1, 2] as const) {
    await t.test(`HAProxy tells the client's address by version ${version}`, { skip: missing("haproxy") }, async () => {
      await using haproxy = await startHaproxy(port, version);
      const message = sampleMessage(`through HAProxy ${version}`);
      const to = `haproxy${version}@far.example`;
      await sendMail(haproxy.port, { from, to: [to], message, source: "127.0.0.9" });
      assert.match(receivedField((await sink.to(to)).content), /\[127\.0\.0\.9\]/);
      const refused = await tryToRelay({ port: haproxy.port, localAddress: "127.0.0.10" });
      assert.match(refused.text, /^550 5\.7\.1 <rcpt@far\.example>: relay denied for 127\.0\.0\.10 \[D-/);
    });
  }

  const headers: readonly [name: string, header: (client: string) => string | Buffer][] = [
    ["version 1", (client) => `PROXY TCP4 ${client} 192.0.2.1 12345 25\r\n`],
    ["version 2", (client) => proxyV2(client)],
  ];
  for (const [name, header] of headers) {
    await t.test(`${name}: a listed host relays, its neighbour does not, a rejected one hears 554`, async () => {
      const listed = await tryToRelay({ port, header: header("10.100.1.2") });
      assert.equal(listed.code, 250, listed.text);
      const neighbour = await tryToRelay({ port, header: header("10.100.1.3") });
      assert.match(neighbour.text, /^550 5\.7\.1 <rcpt@far\.example>: relay denied for 10\.100\.1\.3 \[D-/);
      const rejected = await tryToRelay({ port, header: header("10.100.3.77") });
      assert.match(rejected.text, /^554 5\.7\.1 /);
    });
  }

  await t.test("version 1 carries IPv6, and a mapped address is the IPv4 address", async () => {
    const inside = await tryToRelay({ port, header: "PROXY TCP6 2001:db8:1::5 2001:db8::1 1 25\r\n" });
    assert.equal(inside.code, 250, inside.text);
    const outside = await tryToRelay({ port, header: "PROXY TCP6 2001:db8:2::5 2001:db8::1 1 25\r\n" });
    assert.equal(outside.code, 550, outside.text);
    const mapped = await tryToRelay({ port, header: "PROXY TCP6 ::ffff:10.100.1.2 ::ffff:192.0.2.1 1 25\r\n" });
    assert.equal(mapped.code, 250, mapped.text);
  });

  await t.test("LOCAL and UNKNOWN are the proxy itself", async () => {
    for (const header of [proxyV2("10.100.1.2", 0x20), "PROXY UNKNOWN\r\n"]) {
      const answer = await tryToRelay({ port, header });
      assert.match(answer.text, /relay denied for 127\.0\.0\.1 /, "never the address that was claimed");
    }
  });

  await t.test("a header from an address that is no proxy grants nothing", async () => {
    for (const [to, localAddress] of [
      [port, "127.0.0.5"],
      [relay.portOf(1), "127.0.0.1"],
    ] as const) {
      using dialogue = await Dialogue.connect({ port: to, localAddress });
      assert.equal((await dialogue.answer()).code, 220);
      const header = await dialogue.say("PROXY TCP4 10.100.1.2 192.0.2.1 1 25");
      assert.equal(Math.floor(header.code / 100), 5, `it is a command that does not exist: ${header.text}`);
      await dialogue.say("EHLO client.example");
      await dialogue.say(`MAIL FROM:<${from}>`);
      const rcpt = await dialogue.say("RCPT TO:<rcpt@far.example>");
      assert.match(rcpt.text, new RegExp(`relay denied for ${localAddress.replaceAll(".", "\\.")} `));
    }
  });

  await t.test("garbage instead of a header ends the connection", async () => {
    using dialogue = await Dialogue.connect({ port, header: "PROXY TCP4 10.100.1.2 oops\r\n" });
    const answer = await dialogue.answer();
    assert.notEqual(answer.code, 220, answer.text);
    await dialogue.closed();
  });
});
