/** ARC through the whole program: what is forwarded is sealed, and dkimpy validates the chain and continues it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FakeNameServer } from "../dns/fake-name-server.ts";
import { Dialogue } from "./dialogue.ts";
import { sampleMessage } from "./message.ts";
import { missing, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink } from "./sink.ts";

const skip = missing("arcverify");

/** With records of the DNS as NAME=TEXT: `verify` prints the state of the chain; `seal DOMAIN KEYFILE` puts a set in front of the message. */
const ARC = `
import sys
import dkim

words = sys.argv[1].split(" ")
records = dict(argument.split("=", 1) for argument in sys.argv[2:])


def ask(name, timeout=5):
    text = records.get(name.decode().rstrip("."))
    return None if text is None else text.encode()


message = sys.stdin.buffer.read()
if words[0] == "verify":
    state, results, reason = dkim.ARC(message, timeout=5).verify(dnsfunc=ask)
    print((state or b"none").decode(), len(results), reason)
else:
    domain, key = words[1].encode(), words[2].encode()
    state = dkim.ARC(message, timeout=5).verify(dnsfunc=ask)[0] or b"none"
    signer = dkim.ARC(b"Authentication-Results: " + domain + b"; arc=" + state.lower() + b"\\r\\n" + message)
    fields = signer.sign(b"s", domain, open(key, "rb").read(), domain)
    sys.stdout.buffer.write(b"".join(fields) + message)
`;

const DATE = "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n";
const AWKWARD: Readonly<Record<string, string>> = {
  plain: sampleMessage("awkward").toString("latin1"),
  "no body": `${DATE}From: a@author.example\r\nTo: b@far.example\r\n\r\n`,
  "empty lines at the end, blanks, tabs": `${DATE}From:\t"A  B"\r\n <a@author.example>\r\n\r\n \t x \r\n\r\n \r\n\r\n`,
  "octets above 127": `${DATE}From: J\xf6rg <a@author.example>\r\nSubject: \xc3\xa4\r\n\r\n\xe4 \xff\r\n`,
  "fields several times": `${DATE}From: a@author.example\r\nTo: b@far.example\r\nTo: c@far.example\r\n\r\nx\r\n`,
  large: `${DATE}From: a@author.example\r\n\r\n${"some line of a large message\r\n".repeat(12_000)}`,
};

describe("ARC", { skip }, () => {
  let dns: FakeNameServer;
  let sink: Sink;
  let relay: Relay;
  let keyFile = "";
  const published: string[] = [];
  let sent = 0;

  before(async () => {
    dns = await FakeNameServer.start("127.0.0.1");
    sink = await Sink.start();
    relay = await Relay.start({
      localDomains: ["home.example"],
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
      policy: ["CHGSMTPA ALWRLY(*BOTH) ARCDMN('relay.example')", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
      moreConfig: `[dns]\nservers = ["127.0.0.1:${dns.port}"]`,
    });
    for (const domain of ["relay.example", "client.example"]) {
      const made = await relay.command(["dkim", "create", domain, "--selector", "s", "--now", "--json"]);
      assert.equal(made.code, 0, made.output);
      for (const { record } of JSON.parse(made.stdout) as readonly { record: { name: string; text: string } }[]) {
        publish(record.name, record.text);
      }
    }
    const made = await run("openssl", ["genrsa", "-traditional", "-out", `${relay.directory}/peer.pem`, "2048"]);
    assert.equal(made.code, 0, made.output);
    keyFile = `${relay.directory}/peer.pem`;
    const pem = await run("openssl", ["rsa", "-in", keyFile, "-pubout"]);
    publish("s._domainkey.peer.example", `v=DKIM1; k=rsa; p=${pem.stdout.replaceAll(/-----[^-]+-----|\s/g, "")}`);
  });

  after(async () => {
    await relay[Symbol.asyncDispose]();
    await sink.stop();
    await dns.stop();
  });

  function publish(name: string, text: string): void {
    published.push(`${name}=${text}`);
    dns.zone.set(`TXT ${name}`, [{ type: "TXT", ttl: 60, data: text.match(/.{1,255}/g) ?? [] }]);
  }

  async function arc(words: string, content: Uint8Array): Promise<string> {
    const result = await run("/usr/bin/python3", ["-c", ARC, words, ...published], { input: content });
    assert.equal(result.code, 0, result.output);
    return result.stdout;
  }

  const verdict = async (content: Uint8Array): Promise<string> => (await arc("verify", content)).trim();
  const sealed = async (content: Uint8Array): Promise<Buffer> =>
    Buffer.from(await arc(`seal peer.example ${keyFile}`, content), "latin1");

  /** Content as it comes out of the relay. */
  async function through(content: Uint8Array, client = "127.0.0.9"): Promise<Buffer> {
    const recipient = `u${++sent}@home.example`;
    using dialogue = await Dialogue.connect({ port: relay.port, localAddress: client });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    assert.equal((await dialogue.say("MAIL FROM:<sender@author.example> BODY=8BITMIME")).code, 250);
    assert.equal((await dialogue.say(`RCPT TO:<${recipient}>`)).code, 250);
    assert.equal((await dialogue.say("DATA")).code, 354);
    const stuffed = Buffer.from(content).toString("latin1").replaceAll(/^\./gm, "..");
    dialogue.write(Buffer.from(`${stuffed}.\r\n`, "latin1"));
    const { code, text } = await dialogue.answer();
    assert.equal(code, 250, text);
    return Buffer.from((await sink.to(recipient)).content);
  }

  test("what comes out has a chain of one, whatever the content", async () => {
    const checks = Object.entries(AWKWARD).map(async ([name, text]) => {
      const content = await through(Buffer.from(text, "latin1"));
      assert.match(content.toString("latin1"), /^ARC-Seal: i=1; a=rsa-sha256; cv=none;/, name);
      assert.match(await verdict(content), /^pass 1 /, name);
    });
    await Promise.all(checks);
  });

  test("a chain of others is validated and continued, there and back again", async () => {
    let content: Buffer = Buffer.from(AWKWARD["plain"] ?? "", "latin1");
    for (const instance of [2, 4]) {
      content = await sealed(content);
      assert.match(
        content.toString("latin1"),
        new RegExp(`^ARC-Seal: i=${instance - 1}; cv=${instance === 2 ? "none" : "pass"};`),
      );
      content = await through(content);
      assert.match(content.toString("latin1"), new RegExp(`^ARC-Seal: i=${instance}; a=rsa-sha256; cv=pass;`));
    }
    assert.match(await verdict(content), /^pass 4 /);
  });

  test("a chain that was broken on the way is marked as broken, once", async () => {
    const good = await sealed(Buffer.from(AWKWARD["plain"] ?? "", "latin1"));
    const broken = Buffer.from(good.toString("latin1").replace("A first line.", "A f1rst line."), "latin1");
    const content = await through(broken);
    assert.match(content.toString("latin1"), /^ARC-Seal: i=2; a=rsa-sha256; cv=fail;/);
    assert.match(await verdict(content), /the chain is terminated$/);
    assert.match((await through(content)).toString("latin1"), /^Received:/);
  });

  test("what is signed by us is not sealed; what our signature was worth to the next one is", async () => {
    const own = sampleMessage("ours");
    using dialogue = await Dialogue.connect({ port: relay.port, localAddress: "127.0.0.1" });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    await dialogue.say("MAIL FROM:<sender@client.example>");
    await dialogue.say("RCPT TO:<own@far.example>");
    assert.equal((await dialogue.say("DATA")).code, 354);
    dialogue.write(Buffer.from(`${own.toString("latin1").replaceAll(/^\./gm, "..")}.\r\n`, "latin1"));
    assert.equal((await dialogue.answer()).code, 250);
    const signed = Buffer.from((await sink.to("own@far.example")).content);
    assert.match(signed.toString("latin1"), /^DKIM-Signature:/);
    assert.ok(!signed.includes("ARC-"));
    const forwarded = await through(signed);
    assert.match(forwarded.toString("latin1"), /dkim=pass header\.d=client\.example header\.s=s/);
    assert.match(await verdict(forwarded), /^pass 1 /);
  });
});
