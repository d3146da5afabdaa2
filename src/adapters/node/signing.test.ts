import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { describe, test } from "node:test";
import { RelaxedBody } from "../../core/dkim/canonical-body.ts";
import { relaxedField } from "../../core/dkim/canonical-header.ts";
import { HeaderReader, latin1Octets } from "../../core/mail/header-fields.ts";
import { formatKeyRecord } from "../../core/dkim/key-record.ts";
import { signingCryptography } from "./signing.ts";

// RFC 8463, appendix A: its key, its message, its signature.
const SEED = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const BODY_HASH = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";
const SIGNATURE = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
const MESSAGE = [
  "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;",
  " d=football.example.com; i=@football.example.com;",
  " q=dns/txt; s=brisbane; t=1528637909; h=from : to :",
  " subject : date : message-id : from : subject : date;",
  ` bh=${BODY_HASH};`,
  " b=",
  "From: Joe SixPack <joe@football.example.com>",
  "To: Suzie Q <suzie@shopping.example.net>",
  "Subject: Is dinner ready?",
  "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
  "Message-ID: <20030712040037.46341.5F8J@football.example.com>",
  "",
  "Hi.",
  "",
  "We lost the game.  Are you hungry yet?",
  "",
  "Joe.",
  "",
].join("\r\n");

describe("RFC 8463, appendix A", () => {
  const seed = Buffer.from(SEED, "base64");
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const pem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" });

  test("key, body hash and signature", async () => {
    const key = signingCryptography.open("ed25519-sha256", pem.toString());
    assert.equal(key?.publicKey, PUBLIC);
    assert.equal(
      formatKeyRecord({ algorithm: "ed25519-sha256", publicKey: PUBLIC }),
      `v=DKIM1; k=ed25519; p=${PUBLIC}`,
    );
    const octets = Buffer.from(MESSAGE);
    const reader = new HeaderReader(10_000);
    const bodyAt = reader.push(octets);
    const digest = signingCryptography.digest();
    const body = new RelaxedBody((piece) => digest.push(piece));
    body.push(octets, Number(bodyAt));
    body.end();
    assert.equal(Buffer.from(digest.end()).toString("base64"), BODY_HASH);
    const [signature = "", ...rest] = reader.fields()?.map((field) => relaxedField(field)) ?? [];
    const text = `${rest.map((field) => `${field}\r\n`).join("")}${signature}`;
    const made = await key.sign(latin1Octets(text));
    assert.equal(Buffer.from(made).toString("base64"), SIGNATURE);
  });
});

describe("keys that are made", () => {
  for (const algorithm of ["rsa-sha256", "ed25519-sha256"] as const) {
    test(`${algorithm} opens again, and its signature is one`, async () => {
      const { privateKey, publicKey } = await signingCryptography.generate(algorithm);
      const key = signingCryptography.open(algorithm, privateKey);
      assert.equal(key?.publicKey, publicKey);
      const text = Buffer.from("what is signed");
      const signature = await key.sign(text);
      if (algorithm === "rsa-sha256") {
        const asKey = { key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" } as const;
        assert.ok(verify("sha256", text, asKey, signature));
        assert.equal(Buffer.from(publicKey, "base64").length, 294, "2,048 bits");
      } else assert.equal(Buffer.from(publicKey, "base64").length, 32);
    });
  }

  test("what is no key of the kind does not open", async () => {
    const { privateKey } = await signingCryptography.generate("ed25519-sha256");
    assert.equal(signingCryptography.open("rsa-sha256", privateKey), null);
    assert.equal(signingCryptography.open("rsa-sha256", "no key"), null);
  });
});

describe("published keys", () => {
  test("a signature holds by the key in either form of RSA, and by Ed25519; others do not", async () => {
    const text = Buffer.from("what is signed");
    for (const type of ["rsa", "ed25519"] as const) {
      const { privateKey, publicKey } = await signingCryptography.generate(`${type}-sha256`);
      const made = await signingCryptography.open(`${type}-sha256`, privateKey)?.sign(text);
      const signature = Buffer.from(made ?? []).toString("base64");
      assert.equal(await signingCryptography.verify({ type, publicKey }, text, signature), true);
      assert.equal(await signingCryptography.verify({ type, publicKey }, Buffer.from("x"), signature), false);
      assert.equal(await signingCryptography.verify({ type, publicKey }, text, "AAAA"), false);
      if (type === "ed25519") continue;
      const inner = createPublicKey(privateKey).export({ type: "pkcs1", format: "der" }).toString("base64");
      assert.equal(await signingCryptography.verify({ type, publicKey: inner }, text, signature), true);
    }
  });

  test("what nobody should believe is no key", async () => {
    const weak = (bits: number): string =>
      generateKeyPairSync("rsa", { modulusLength: bits })
        .publicKey.export({ type: "spki", format: "der" })
        .toString("base64");
    const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    for (const [type, publicKey] of [
      ["rsa", "AAAA"],
      ["rsa", weak(512)],
      ["rsa", elliptic.export({ type: "spki", format: "der" }).toString("base64")],
      ["ed25519", "AAAA"],
      ["ed25519", weak(1_024)],
    ] as const) {
      assert.equal(await signingCryptography.verify({ type, publicKey }, Buffer.from("x"), "AAAA"), "key");
    }
  });
});
