/** DKIM through the whole program: keys by the verbs, mail over SMTP, and what comes out verified by dkimpy and by OpenDKIM. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { FakeNameServer } from "../dns/fake-name-server.ts";
import { Dialogue } from "./dialogue.ts";
import { sampleMessage } from "./message.ts";
import { missing, missingRoot, run } from "./programs.ts";
import { Relay } from "./relay.ts";
import { Sink, type SunkMessage } from "./sink.ts";

const skip = missing("dkimverify") || missingRoot("unshare", "mount", "opendkim-testmsg");

/** The DNS of these tests. Resolvers of the system know no port but 53, so it has an address of its own. */
const NAME_SERVER = "127.76.53.1";
const folder = await mkdtemp(join(tmpdir(), "relaykeeper-dkim-"));
const resolvConf = join(folder, "resolv.conf");
await writeFile(resolvConf, `nameserver ${NAME_SERVER}\noptions timeout:1 attempts:2\n`);
after(() => rm(folder, { recursive: true }));
/** With its own /etc/resolv.conf. */
const OWN_RESOLV_CONF = ["-m", "sh", "-c", `mount --bind ${resolvConf} /etc/resolv.conf && exec "$@"`, "sh"];

/**
 * Verifies every DKIM signature of the message on standard input by dkimpy. Arguments: NAME=TEXT, the records of the DNS. Prints, for
 * each signature in order, its domain, selector, algorithm and whether it holds.
 */
const VERIFY_ALL = `
import sys
import dkim

records = dict(argument.split("=", 1) for argument in sys.argv[1:])


def ask(name, timeout=5):
    text = records.get(name.decode().rstrip("."))
    return None if text is None else text.encode()


message = sys.stdin.buffer.read()
count = sum(1 for name, _ in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature")
for index in range(count):
    verifier = dkim.DKIM(message, timeout=5)
    try:
        held = verifier.verify(idx=index, dnsfunc=ask)
    except dkim.DKIMException as fault:
        held = fault
    fields = verifier.signature_fields
    print(*(fields.get(tag, b"?").decode() for tag in (b"d", b"s", b"a")), "holds" if held is True else f"fails: {held}")
`;

interface Made {
  readonly selector: string;
  readonly record: { readonly name: string; readonly text: string };
}

/** A relay that delivers to a sink, the DNS, and the verifiers that ask it. */
class Scene {
  readonly relay: Relay;
  readonly sink: Sink;
  readonly dns: FakeNameServer;
  /** `NAME=TEXT`, for those who do not ask the DNS. */
  readonly #published: string[] = [];
  #sent = 0;

  private constructor(relay: Relay, sink: Sink, dns: FakeNameServer) {
    this.relay = relay;
    this.sink = sink;
    this.dns = dns;
  }

  static async start(directory?: string): Promise<Scene> {
    const dns = await FakeNameServer.start(NAME_SERVER, 53);
    const sink = await Sink.start({
      answerRecipient: (address) => (address.startsWith("nobody@") ? "550 5.1.1 no such user" : null),
    });
    const relay = await Relay.start({
      ...(directory === undefined ? {} : { directory }),
      localDomains: ["client.example"],
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${sink.port}` },
      policy: [
        "CHGSMTPA ALWRLY(*BOTH)",
        "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')",
        "ADDSMTPLE TYPE(*NEAR) HOSTNAME('near.example')",
      ],
      moreConfig: `[dns]\nservers = ["${NAME_SERVER}:53"]`,
    });
    return new Scene(relay, sink, dns);
  }

  async stop(): Promise<void> {
    await this.relay[Symbol.asyncDispose]();
    await this.sink.stop();
    await this.dns.stop();
  }

  /** `relaykeeper dkim create`; gives what is to be published. */
  async create(...args: readonly string[]): Promise<readonly Made[]> {
    const result = await this.relay.command(["dkim", "create", ...args, "--json"]);
    assert.equal(result.code, 0, result.output);
    return JSON.parse(result.stdout) as readonly Made[];
  }

  publish(made: readonly Made[]): void {
    for (const { record } of made) {
      this.#published.push(`${record.name}=${record.text}`);
      const strings = record.text.match(/.{1,255}/g) ?? [];
      this.dns.zone.set(`TXT ${record.name}`, [{ type: "TXT", ttl: 60, data: strings }]);
    }
  }

  async dkim(...args: readonly string[]): Promise<string> {
    const result = await this.relay.command(["dkim", ...args]);
    assert.equal(result.code, 0, result.output);
    return result.output;
  }

  /** Sends content from a client and gives what came out; with `chunks`, by BDAT as BINARYMIME. */
  async send(
    content: Uint8Array,
    options: { readonly to?: string; readonly client?: string; readonly chunks?: true } = {},
  ): Promise<SunkMessage> {
    const recipient = `u${++this.#sent}@${options.to ?? "far.example"}`;
    using dialogue = await Dialogue.connect({ port: this.relay.port, localAddress: options.client ?? "127.0.0.1" });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    assert.equal((await dialogue.say(`MAIL FROM:<sender@client.example> BODY=8BITMIME`)).code, 250);
    assert.equal((await dialogue.say(`RCPT TO:<${recipient}>`)).code, 250);
    if (options.chunks) dialogue.write(Buffer.concat([Buffer.from(`BDAT ${content.length} LAST\r\n`), content]));
    else {
      assert.equal((await dialogue.say("DATA")).code, 354);
      const stuffed = Buffer.from(content).toString("latin1").replaceAll(/^\./gm, "..");
      dialogue.write(Buffer.from(`${stuffed}${stuffed.endsWith("\r\n") ? "" : "\r\n"}.\r\n`, "latin1"));
    }
    const { code, text } = await dialogue.answer();
    assert.equal(code, 250, text);
    return await this.sink.to(recipient);
  }

  /** What dkimpy says of each signature, in order. */
  async verdicts(content: Uint8Array): Promise<readonly string[]> {
    // The one of Debian, which its packages are for.
    const result = await run("/usr/bin/python3", ["-c", VERIFY_ALL, ...this.#published], { input: content });
    assert.equal(result.code, 0, result.output);
    return result.stdout.split("\n").filter((line) => line !== "");
  }

  /** What OpenDKIM has against the signatures of the message; "" where they hold. */
  async faultOf(content: Uint8Array): Promise<string> {
    const result = await run("unshare", [...OWN_RESOLV_CONF, "opendkim-testmsg", "-C"], { input: content });
    return result.code === 0 ? "" : `${result.code} ${result.output}`;
  }

  async assertSigned(message: SunkMessage, ...signatures: readonly string[]): Promise<void> {
    const wanted = signatures.map((signature) => `${signature} holds`);
    assert.deepEqual(await this.verdicts(message.content), wanted, message.content.toString("latin1").slice(0, 3_000));
    assert.equal(await this.faultOf(message.content), "");
  }
}

function isSigned(message: SunkMessage): boolean {
  return message.content.includes("DKIM-Signature:");
}

/** Content that trips signers; each goes out signed and verifies. */
const DATE = "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n";
/** OpenDKIM takes no message with it. */
const SEVERAL = "fields several times";
const AWKWARD: Readonly<Record<string, string>> = {
  "lines of dots, blanks at line ends, long lines": sampleMessage("awkward").toString("latin1"),
  "no body": `${DATE}From: a@client.example\r\nTo: b@far.example\r\n\r\n`,
  "a body of empty lines": `${DATE}From: a@client.example\r\n\r\n\r\n\r\n \r\n\t\r\n`,
  "empty lines at the end": `${DATE}From: a@client.example\r\n\r\nbody\r\n\r\n\r\n`,
  "no line end at the end, sent in chunks": `${DATE}From: a@client.example\r\n\r\nbody`,
  "octets above 127": `${DATE}From: J\xf6rg <a@client.example>\r\nSubject: \xc3\xa4\r\n\r\n\xe4\xf6\xfc \xff\r\n`,
  "folded fields, blanks and tabs everywhere":
    DATE + 'FROM:\t"A  B"\r\n\t <a@client.example> \r\nSubject:  a \t b\r\n \tc  \r\n\r\n \t x \t y \r\n',
  [SEVERAL]: `${DATE}From: a@client.example\r\nTo: b@far.example\r\nTo: c@far.example\r\nSubject: 1\r\nSubject: 2\r\n\r\nx\r\n`,
  "a signature of somebody else in front":
    "DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=x;\r\n h=from; bh=AAAA; b=AAAA\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: a@client.example\r\n\r\nx\r\n",
};

describe("DKIM", { skip }, () => {
  test("a key signs once its record is seen; RSA and Ed25519 at once; both peers verify what comes out, and not what was changed", async () => {
    const scene = await Scene.start();
    try {
      const made = await scene.create("client.example", "--algorithm", "both", "--selector", "s1");
      assert.deepEqual(
        made.map(({ selector }) => selector),
        ["s1-rsa", "s1-ed25519"],
      );
      assert.ok(!isSigned(await scene.send(sampleMessage("too early"))));
      const early = await scene.relay.command(["dkim", "check", "client.example"]);
      assert.equal(early.code, 1, early.output);
      assert.match(
        early.stderr,
        /SMR0845 The record of key s1-rsa\._domainkey\.client\.example is not right: there is none\./,
      );
      scene.publish(made);
      // That they were not there is believed as long as the DNS said.
      await scene.dkim("use", "client.example", "--selector", "s1-rsa");
      await scene.dkim("use", "client.example", "--selector", "s1-ed25519");

      const both = ["client.example s1-rsa rsa-sha256", "client.example s1-ed25519 ed25519-sha256"];
      const checks = Object.entries(AWKWARD).map(async ([name, text]) => {
        const message = await scene.send(
          Buffer.from(text, "latin1"),
          name.endsWith("in chunks") ? { chunks: true } : {},
        );
        const verdicts = await scene.verdicts(message.content);
        assert.deepEqual(
          verdicts.slice(0, 2),
          both.map((one) => `${one} holds`),
          `${name}: ${verdicts.join("; ")}`,
        );
        if (name !== SEVERAL) assert.equal(await scene.faultOf(message.content), "", name);
      });
      await Promise.all(checks);

      const { content } = await scene.send(sampleMessage("changed"));
      for (const [from, to] of [
        ["A first line.", "A f1rst line."],
        ["Subject: changed", "Subject: Changed"],
        ["\r\n\r\n", "\r\nFrom: another@client.example\r\n\r\n"],
        ["\r\n\r\n", "\r\nReply-To: another@client.example\r\n\r\n"],
      ] as const) {
        const changed = Buffer.from(content.toString("latin1").replace(from, to), "latin1");
        const verdicts = await scene.verdicts(changed);
        assert.ok(verdicts.length === 2 && verdicts.every((verdict) => verdict.includes("fails")), verdicts.join("; "));
        assert.notEqual(await scene.faultOf(changed), "", to);
      }
    } finally {
      await scene.stop();
    }
  });

  test("only mail of clients that the policy names is signed, of this machine, and reports; keys are rotated, kept and removed", async () => {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-dkim-relay-"));
    let scene = await Scene.start(directory);
    try {
      const made = await scene.create("client.example", "--selector", "one", "--subdomains", "--now");
      const ofHost = await scene.create("relay.test", "--algorithm", "ed25519", "--selector", "host", "--now");
      scene.publish([...made, ...ofHost]);
      const one = "client.example one rsa-sha256";
      await scene.assertSigned(await scene.send(sampleMessage("a client that the policy names")), one);
      const below = Buffer.from(
        sampleMessage("below").toString("latin1").replace("@client.example>", "@www.client.example>"),
      );
      await scene.assertSigned(await scene.send(below), one);

      for (const [why, message] of [
        [
          "a stranger to a near domain",
          await scene.send(sampleMessage("x"), { client: "127.0.0.9", to: "near.example" }),
        ],
        ["a stranger to us", await scene.send(sampleMessage("x"), { client: "127.0.0.9", to: "client.example" })],
        ["a client of ours to us", await scene.send(sampleMessage("x"), { to: "client.example" })],
        ["an author of others", await scene.send(Buffer.from("From: a@far.example\r\n\r\nx\r\n"))],
      ] as const) {
        assert.ok(!isSigned(message), why);
      }

      await scene.relay.clDone("ADDSMTPLE TYPE(*NEAR) INTNETADR('127.0.0.8')");
      await scene.assertSigned(await scene.send(sampleMessage("near"), { client: "127.0.0.8" }), one);
      await scene.relay.clDone("CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)");
      assert.ok(!isSigned(await scene.send(sampleMessage("anybody"), { client: "127.0.0.9" })), "*ALL names nobody");
      await scene.relay.clDone("CHGSMTPA ALWRLY(*BOTH)");

      const handedIn = await scene.relay.command(
        ["send", "--from", "sender@client.example", "--to", "nobody@far.example", "--to", "local@far.example"],
        sampleMessage("handed in").toString("latin1"),
      );
      assert.equal(handedIn.code, 0, handedIn.output);
      await scene.assertSigned(await scene.sink.to("local@far.example"), one);

      // The report goes to a local domain, unsigned; to another one it is signed by the key of our host.
      const foreign = await scene.relay.command([
        "send",
        "--from",
        "sender@far.example",
        "--to",
        "nobody@other.example",
        "--subject",
        "x",
        "--body",
        "x",
      ]);
      assert.equal(foreign.code, 0, foreign.output);
      await scene.assertSigned(await scene.sink.to("sender@far.example"), "relay.test host ed25519-sha256");

      const next = await scene.create("client.example", "--selector", "two");
      scene.publish(next);
      await scene.assertSigned(await scene.send(sampleMessage("not checked yet")), one);
      const checked = await scene.dkim("check", "client.example");
      assert.match(checked, /SMR0842 Key two\._domainkey\.client\.example signs from now on/);
      const two = "client.example two rsa-sha256";
      await scene.assertSigned(await scene.send(sampleMessage("rotated")), two);
      assert.match(await scene.dkim("list"), /one .* retired[^]*two .* signing/);

      await scene.stop();
      scene = await Scene.start(directory);
      scene.publish([...made, ...next, ...ofHost]);
      await scene.assertSigned(await scene.send(sampleMessage("after a start")), two);
      await scene.dkim("remove", "client.example", "--selector", "one");
      const refused = await scene.relay.command(["dkim", "remove", "client.example"]);
      assert.equal(refused.code, 1, refused.output);
      await scene.dkim("remove", "client.example", "--confirm");
      assert.ok(!isSigned(await scene.send(sampleMessage("removed"))));
      const journal = await scene.relay.cl("DSPSMTPJRN TYPE(*OPERATION) OUTPUT(*PRINT)");
      for (const text of [
        "two._domainkey.client.example signs mail",
        "one._domainkey.client.example retired",
        "removed",
      ]) {
        assert.ok(journal.stdout.includes(text), journal.stdout);
      }
    } finally {
      await scene.stop();
      await rm(directory, { recursive: true });
    }
  });

  test("content of 100 MB is signed without being held", async () => {
    const scene = await Scene.start();
    try {
      scene.publish(await scene.create("client.example", "--algorithm", "both", "--selector", "s", "--now"));
      await scene.relay.clDone("CHGSMTPA MAXEMMSIZE(204800)");
      const line = `${"large content ".repeat(5)}\r\n`;
      const large = (author: string): Buffer => Buffer.from(`${DATE}From: ${author}\r\n\r\n${line.repeat(1_460_000)}`);
      assert.ok(!isSigned(await scene.send(large("a@far.example"), { chunks: true })));
      const unsigned = await highWaterKiB(scene.relay.pid);
      const { content } = await scene.send(large("a@client.example"), { chunks: true });
      assert.ok(content.length > 100_000_000);
      const grown = (await highWaterKiB(scene.relay.pid)) - unsigned;
      assert.equal(await scene.faultOf(content), "");
      // A signer that kept copies of the pieces made it grow by 71 MB more.
      assert.ok(grown < 50 * 1_024, `the relay grew by ${grown} KiB more than for such content unsigned`);
    } finally {
      await scene.stop();
    }
  });
});

/** The most memory that the process ever had. */
async function highWaterKiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
}
