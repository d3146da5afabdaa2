import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import type { Content } from "../core/mail/content.ts";
import type { Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import type { Origin, QueueId } from "../core/queue/message.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import type { SigningKey } from "./keep-dkim-keys.ts";
import { MessageSigner } from "./sign.ts";

const STRANGER: Origin = { client: IPV4_LOOPBACK, helo: "", user: null, protocol: "ESMTP" };
const OURS: Origin = { ...STRANGER, relayedFor: true };
const MAIL = "From: A <a@example.com>\r\nTo: b@example.net\r\nSubject: hello\r\n\r\nbody\r\n";

/** Keys that note what they sign, and a signer that has them. */
class Bench {
  readonly signed: string[] = [];
  generation = 0;
  isAnySigning = true;
  reads = 0;
  fails = false;
  readonly signer: MessageSigner;

  constructor(signatures = DEFAULT_LIMITS.dkimSignatures) {
    this.signer = new MessageSigner({
      keys: this,
      spool: { readFile: () => this.#file() },
      signing: {
        digest() {
          const digest = createHash("sha256");
          return { push: (octets) => void digest.update(octets), end: () => digest.digest() };
        },
      },
      clock: new ManualClock(1_700_000_000_000),
      limits: { dkimHeaderOctets: 2_000, dkimSignatures: signatures },
    });
  }

  signingFor(domain: Domain): readonly SigningKey[] {
    if (domain !== "example.com") return [];
    return (["rsa-sha256", "ed25519-sha256"] as const).map((algorithm) => ({
      key: {
        domain,
        selector: algorithm.slice(0, 3),
        algorithm,
        publicKey: "",
        state: "signing",
        subdomains: false,
        createdAt: 0,
        createdBy: "",
      },
      sign: async (octets) => {
        if (this.fails) throw new Error("no");
        this.signed.push(Buffer.from(octets).toString("latin1"));
        return new Uint8Array(200).fill(this.signed.length);
      },
    }));
  }

  async *#file(): AsyncIterable<Uint8Array> {
    this.reads++;
    for (let at = 0; at < MAIL.length; at += 7) yield Buffer.from(MAIL.slice(at, at + 7));
  }

  async fields(text: string | Content, id = 1, origin = OURS, routeKey = "mx:example.net"): Promise<string> {
    const content = typeof text === "string" ? memory(text) : text;
    const fields = await this.signer.fieldsFor({ id: id as QueueId, origin }, { ...UNEDITED, content }, routeKey);
    return Buffer.from(fields).toString("latin1");
  }
}

const UNEDITED = {
  envelope: { reversePath: null, body: "8BITMIME", smtpUtf8: false },
  front: new Uint8Array(0),
  skipOctets: 0,
  edits: "",
} as const;

function memory(text: string): Content {
  const octets = Buffer.from(text, "latin1");
  return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false };
}

const FILE: Content = { kind: "file", name: "x", sizeOctets: MAIL.length, dotLines: false };

describe("what is signed", () => {
  test("both keys sign, fields of short lines come out, From and its like are signed once more than they are there", async () => {
    const bench = new Bench();
    const fields = await bench.fields(MAIL);
    assert.equal(fields.match(/^DKIM-Signature: v=1; a=(rsa|ed25519)-sha256;/gm)?.length, 2);
    assert.ok(fields.endsWith("\r\n"));
    for (const line of fields.split("\r\n")) assert.ok(line.length <= 78, line);
    const flat = fields.replaceAll(/\r\n\s+/g, "");
    assert.match(flat, /h=from:from:reply-to:subject:subject:to:to:cc;/);
    const [rsa = ""] = bench.signed;
    assert.ok(
      rsa.startsWith("from:A <a@example.com>\r\nsubject:hello\r\nto:b@example.net\r\ndkim-signature:v=1; a=rsa-"),
      rsa,
    );
    assert.ok(rsa.endsWith("; b="), rsa);
    assert.match(rsa, /t=1700000000;/);
  });

  test("a file in pieces is signed like memory", async () => {
    const bench = new Bench();
    await bench.fields(FILE);
    await bench.fields(MAIL, 2);
    assert.equal(bench.signed[0], bench.signed[2]);
    assert.equal(bench.signed[1], bench.signed[3]);
  });
});

test("an edited header is signed in the place of the one it stands for, apart from the others of its message", async () => {
  const header = Buffer.from("From: relay <r@example.com>\r\nSubject: hello\r\n\r\n");
  const edited = { ...UNEDITED, front: header, skipOctets: MAIL.indexOf("body"), edits: "r@example.com" };
  for (const content of [memory(MAIL), FILE]) {
    const bench = new Bench();
    const message = { id: 1 as QueueId, origin: OURS };
    await bench.signer.fieldsFor(message, { ...edited, content }, "mx:example.net");
    await bench.fields(content);
    const whole = await new Bench().fields(`${header.toString()}body\r\n`, 2);
    const [first = "", , other = ""] = bench.signed;
    assert.ok(first.startsWith("from:relay <r@example.com>\r\nsubject:hello\r\ndkim-signature:"), first);
    assert.ok(other.startsWith("from:A <a@example.com>"), other);
    assert.equal(/bh=[^;]+/.exec(first)?.[0], /bh=[^;]+/.exec(whole)?.[0]);
  }
});

describe("what is not signed", () => {
  const table: readonly (readonly [string, string, Origin, string])[] = [
    ["mail of a client that the policy does not name", MAIL, STRANGER, "mx:example.net"],
    ["mail for our own domains", MAIL, OURS, "local:mail.example.com:25"],
    ["the same by a route of the policy", MAIL, OURS, "INSIDE/local:mail.example.com:25"],
    ["an author of another domain", MAIL.replace("a@example.com", "a@example.org"), OURS, "mx:example.net"],
    ["two From fields", `From: a@example.com\r\n${MAIL}`, OURS, "mx:example.net"],
    ["no header", "\r\nbody\r\n", OURS, "mx:example.net"],
    ["a header that is none", `hello\r\n${MAIL}`, OURS, "mx:example.net"],
    ["a header that is too long", `X: ${"x".repeat(2_000)}\r\n${MAIL}`, OURS, "mx:example.net"],
    ["too many fields", `${"To:\r\n".repeat(210)}${MAIL}`, OURS, "mx:example.net"],
    ["nothing", "", OURS, "mx:example.net"],
  ];
  for (const [name, text, origin, routeKey] of table) {
    test(name, async () => assert.equal(await new Bench().fields(text, 1, origin, routeKey), ""));
  }

  test("anything, and at no cost, where no key signs", () => {
    const bench = new Bench();
    bench.isAnySigning = false;
    const fields = bench.signer.fieldsFor(
      { id: 1 as QueueId, origin: OURS },
      { ...UNEDITED, content: FILE },
      "mx:example.net",
    );
    assert.ok(fields instanceof Uint8Array && fields.length === 0);
    assert.equal(bench.reads, 0);
  });

  test("programs of this machine and reports of our own are signed", async () => {
    for (const protocol of ["local", "report"]) {
      assert.notEqual(await new Bench().fields(MAIL, 1, { ...STRANGER, protocol }), "");
    }
  });
});

describe("a signature is made once", () => {
  test("for several next hops at once and for the next attempt", async () => {
    const bench = new Bench();
    const [one, two] = await Promise.all([bench.fields(FILE), bench.fields(FILE, 1, OURS, "mx:example.org")]);
    assert.equal(one, two);
    assert.equal(await bench.fields(FILE), one);
    assert.equal(bench.reads, 1);
    assert.equal(bench.signed.length, 2);
  });

  test("and again after the keys changed, or where there was no more room for it", async () => {
    const bench = new Bench(2);
    await bench.fields(MAIL, 1);
    bench.generation++;
    await bench.fields(MAIL, 1);
    assert.equal(bench.signed.length, 4);
    await bench.fields(MAIL, 2);
    await bench.fields(MAIL, 3);
    assert.equal(bench.signed.length, 8);
    await bench.fields(MAIL, 1);
    assert.equal(bench.signed.length, 10);
  });

  test("a fault is not kept", async () => {
    const bench = new Bench();
    bench.fails = true;
    await assert.rejects(bench.fields(MAIL), /no/);
    bench.fails = false;
    assert.notEqual(await bench.fields(MAIL), "");
  });
});
