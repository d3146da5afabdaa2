import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { signingCryptography } from "../adapters/node/signing.ts";
import { INSTANCES_MAX } from "../core/arc/chain.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { formatKeyRecord } from "../core/dkim/key-record.ts";
import type { TxtAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import { ipv4 } from "../core/mail/ip.ts";
import type { Origin, QueueId } from "../core/queue/message.ts";
import type { SigningKey } from "./keep-dkim-keys.ts";
import { Sealer } from "./seal.ts";
import { MessageSigner } from "./sign.ts";

const RELAY = "relay.example" as Domain;
const AUTHOR = "author.example" as Domain;
const ORIGIN: Origin = { client: ipv4(0xc0000201), helo: "", user: null, protocol: "ESMTP" };
const OURS: Origin = { ...ORIGIN, relayedFor: true };
const MAIL = "From: a@author.example\r\nTo: b@far.example\r\nSubject: hello\r\n\r\n one  two \r\n\r\n\r\n";

async function keyOf(domain: Domain): Promise<SigningKey & { readonly record: string }> {
  const { privateKey, publicKey } = await signingCryptography.generate("rsa-sha256");
  const open = signingCryptography.open("rsa-sha256", privateKey);
  assert.ok(open !== null);
  const algorithm = "rsa-sha256" as const;
  return {
    key: {
      domain,
      selector: "s",
      algorithm,
      publicKey,
      state: "signing",
      subdomains: false,
      createdAt: 0,
      createdBy: "",
    },
    sign: (octets) => open.sign(octets),
    record: formatKeyRecord({ algorithm, publicKey }),
  };
}

const KEYS = await Promise.all([RELAY, AUTHOR].map(keyOf));

class Bench {
  domain: Domain | null = RELAY;
  asked = 0;
  readonly texts = new Map<string, TxtAnswer>(
    KEYS.map(({ key, record }) => [`s._domainkey.${key.domain}`, { kind: "texts", texts: [record] }]),
  );
  readonly clock = new ManualClock(1_700_000_000_000);
  #id = 0;

  async fields(text: string, origin = ORIGIN, edits = "", kind: "memory" | "file" = "memory"): Promise<string> {
    const octets = Buffer.from(text, "latin1");
    const readFile = async function* () {
      for (let at = 0; at < octets.length; at += 7) yield octets.subarray(at, at + 7);
    };
    const options = {
      hostname: "mx.relay.example",
      domain: () => this.domain,
      keys: {
        generation: 0,
        isAnySigning: true,
        signingFor: (domain: Domain) => KEYS.filter(({ key }) => key.domain === domain),
      },
      spool: { readFile },
      signing: signingCryptography,
      resolver: {
        txt: async (name: Domain) => {
          this.asked++;
          return this.texts.get(name) ?? ({ kind: "no-such-domain" } as const);
        },
      },
      clock: this.clock,
      limits: DEFAULT_LIMITS,
    };
    const content =
      kind === "memory"
        ? ({ kind, chunks: [octets], sizeOctets: octets.length, dotLines: false } as const)
        : ({ kind, name: "f", sizeOctets: octets.length, dotLines: false } as const);
    const envelope = { reversePath: null, body: "8BITMIME", smtpUtf8: false } as const;
    const draft = { envelope, front: new Uint8Array(0), skipOctets: 0, content, edits };
    const sealer = new Sealer(options, new MessageSigner(options));
    const fields = await sealer.fieldsFor({ id: ++this.#id as QueueId, origin }, draft, "mx:far.example");
    return Buffer.from(fields).toString("latin1");
  }

  /** Content as it comes out. */
  async through(text: string, origin = ORIGIN): Promise<string> {
    return (await this.fields(text, origin)) + text;
  }
}

const resultsOf = (fields: string): string =>
  /^ARC-Authentication-Results:((?:.|\r\n\s)*)/m.exec(fields)?.[1]?.replaceAll(/\s+/g, " ").trim() ?? "";
const validationOf = (fields: string): string => /^ARC-Seal:.*?cv=(\w+)/m.exec(fields)?.[1] ?? "";

describe("what is sealed", () => {
  test("mail that is forwarded, in short lines, from memory and from a file alike", async () => {
    const bench = new Bench();
    const fields = await bench.fields(MAIL);
    assert.match(
      fields,
      /^ARC-Seal: i=1; a=rsa-sha256; cv=none;\r\n\td=relay\.example; s=s;\r\n\tt=1700000000;\r\n\tb=/,
    );
    assert.equal(resultsOf(fields), 'i=1; mx.relay.example; arc=none smtp.remote-ip="192.0.2.1"; dkim=none');
    for (const line of fields.split("\r\n")) assert.ok(line.length <= 78, line);
    assert.equal(await bench.fields(MAIL, ORIGIN, "", "file"), fields);
    assert.equal(bench.asked, 0);
  });

  test("what is ours is signed and not sealed; what was edited, our own, or nobody's is neither", async () => {
    const bench = new Bench();
    assert.match(await bench.fields(MAIL, OURS), /^DKIM-Signature:/);
    assert.equal(await bench.fields(MAIL, ORIGIN, "relay@relay.example"), "");
    for (const protocol of ["local", "report"]) {
      assert.equal(await bench.fields(MAIL.replace("author", "other"), { ...ORIGIN, protocol }), "");
    }
    assert.equal(await bench.fields(`no header\r\n${MAIL}`), "");
    assert.equal(await bench.fields(`X: ${"y".repeat(DEFAULT_LIMITS.dkimHeaderOctets)}\r\n${MAIL}`), "");
    bench.domain = null;
    assert.equal(await bench.fields(MAIL), "");
    bench.domain = "other.example" as Domain;
    assert.equal(await bench.fields(MAIL), "");
  });

  test("who authenticated is said, whatever the name", async () => {
    const fields = await new Bench().fields(MAIL, { ...ORIGIN, user: 'a"\\\r\n\u00fc' });
    assert.match(resultsOf(fields), /; auth=pass smtp\.auth="a\\"\\\\\?\?\?";/);
  });
});

describe("what is said of signatures", () => {
  const table: readonly (readonly [string, (signed: string) => string, string])[] = [
    ["one that holds", (signed) => signed, 'dkim=pass header.d=author.example header.s=s header.b="'],
    [
      "a body that was changed",
      (signed) => signed.replace("two", "Two"),
      'dkim=fail reason="body changed" header.d=author',
    ],
    ["white space is no change", (signed) => signed.replace("one  two", "one two"), "dkim=pass"],
    [
      "a header that was changed",
      (signed) => signed.replace("hello", "Hello"),
      'dkim=fail reason="signature does not hold"',
    ],
    ["another key", (signed) => signed.replace("s=s;", "s=t;"), 'dkim=permerror reason="no key"'],
    ["another algorithm", (signed) => signed.replace("rsa-sha256", "rsa-sha1"), 'dkim=permerror reason="algorithm"'],
    ["a tag twice", (signed) => signed.replace("v=1;", "v=1; v=1;"), 'dkim=permerror reason="no tag list"'],
    ["expired", (signed) => signed.replace("v=1;", "v=1; x=1600000000;"), 'dkim=permerror reason="expired"'],
    [
      "what is no domain",
      (signed) => signed.replace("d=author.example", 'd="x'),
      'dkim=permerror reason="domain or selector"',
    ],
  ];
  for (const [name, change, wanted] of table) {
    test(name, async () => {
      const bench = new Bench();
      const signed = await bench.through(MAIL, OURS);
      const results = resultsOf(await bench.fields(change(signed)));
      assert.ok(results.includes(`; ${wanted}`), results);
    });
  }

  test("the DNS in trouble is no verdict", async () => {
    const bench = new Bench();
    const signed = await bench.through(MAIL, OURS);
    bench.texts.set("s._domainkey.author.example", { kind: "trouble", reason: "x" });
    assert.match(resultsOf(await bench.fields(signed)), /dkim=temperror/);
  });

  test("a few of many are verified", async () => {
    const bench = new Bench();
    const signature = await bench.fields(MAIL, OURS);
    const results = resultsOf(await bench.fields(signature.repeat(40) + MAIL));
    assert.equal(results.match(/dkim=/g)?.length, DEFAULT_LIMITS.verifiedSignatures);
    assert.ok(bench.asked <= DEFAULT_LIMITS.verifiedSignatures, `${bench.asked} questions`);
  });
});

describe("a chain", () => {
  test("goes on while it holds, up to its longest", async () => {
    const bench = new Bench();
    let text = MAIL;
    for (let i = 1; i <= INSTANCES_MAX; i++) {
      const fields = await bench.fields(text);
      assert.match(fields, new RegExp(`^ARC-Seal: i=${i}; a=rsa-sha256; cv=${i === 1 ? "none" : "pass"};`));
      assert.ok(resultsOf(fields).startsWith(`i=${i}; mx.relay.example; arc=${i === 1 ? "none" : "pass"} `));
      text = fields + text;
    }
    assert.equal(await bench.fields(text), "");
  });

  const twice = async (bench: Bench): Promise<string> => bench.through(await bench.through(MAIL));
  const table: readonly (readonly [string, (sealed: string) => string])[] = [
    ["a body that was changed", (sealed) => sealed.replace("two", "Two")],
    ["a signed field that was changed", (sealed) => sealed.replace("Subject: hello", "Subject: Hello")],
    ["results that were changed", (sealed) => sealed.replace("dkim=none", "dkim=pass")],
    ["a first seal that is gone", (sealed) => sealed.replace(/ARC-Seal: i=1;(?:.|\r\n\s)*\r\n/, "")],
    ["a set that is there twice", (sealed) => `${/ARC-Seal: i=1;(?:.|\r\n\s)*\r\n/.exec(sealed)?.[0]}${sealed}`],
    ["a seal that says something else", (sealed) => sealed.replace("cv=pass", "cv=none")],
    ["a field without an instance", (sealed) => `ARC-Seal: x\r\n${sealed}`],
    ["an instance beyond the last", (sealed) => sealed.replace(/i=2/g, "i=51")],
    ["a seal with a list of fields", (sealed) => sealed.replace("cv=pass;", "cv=pass; h=from;")],
    ["a seal in the signature of a message", (sealed) => sealed.replace("h=from", "h=arc-seal:from")],
    ["a seal of another", (sealed) => sealed.replace(/(i=1; a=rsa-sha256; cv=none;\r\n\td=)relay/, "$1author")],
  ];
  for (const [name, change] of table) {
    test(`that does not hold is marked, once: ${name}`, async () => {
      const bench = new Bench();
      const changed = change(await twice(bench));
      const fields = await bench.fields(changed);
      assert.equal(validationOf(fields), "fail", fields);
      assert.match(resultsOf(fields), /; arc=fail /);
      assert.equal(await bench.fields(fields + changed), "");
    });
  }

  test("is left alone while the DNS is in trouble", async () => {
    const bench = new Bench();
    const sealed = await bench.through(MAIL);
    bench.texts.set("s._domainkey.relay.example", { kind: "trouble", reason: "x" });
    assert.equal(await bench.fields(sealed), "");
  });
});
