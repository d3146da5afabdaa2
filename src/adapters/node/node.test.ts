import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemClock } from "./clock.ts";
import { createCryptography } from "./cryptography.ts";
import { processorMeter, systemUserName } from "./machine.ts";
import { systemRandom } from "./random.ts";
import { openSealingKey } from "./sealing-key.ts";

const text = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
const cryptography = createCryptography(new Uint8Array(32).fill(7));

describe("createCryptography()", () => {
  test("hashes as the standards say", async () => {
    const abc = Buffer.from("abc");
    assert.equal(text(cryptography.sha256(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231 test case 2
    const mac = cryptography.hmacSha256(Buffer.from("Jefe"))(Buffer.from("what do ya want for nothing?"));
    assert.equal(text(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    // RFC 7914 §11
    const derived = await cryptography.pbkdf2Sha256(Buffer.from("passwd"), Buffer.from("salt"), 1);
    assert.equal(text(derived), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  });

  test("compares octets of any length", () => {
    assert.ok(cryptography.equal(Buffer.from("ab"), Buffer.from("ab")));
    assert.ok(!cryptography.equal(Buffer.from("ab"), Buffer.from("ac")));
    assert.ok(!cryptography.equal(Buffer.from("ab"), Buffer.from("abc")));
  });

  test("seals a secret so that it opens with its own key alone", () => {
    const sealed = cryptography.seal("pässword");
    assert.ok(!sealed.includes("ssword"));
    assert.notEqual(cryptography.seal("pässword"), sealed);
    assert.equal(cryptography.unseal(sealed), "pässword");
    assert.equal(createCryptography(new Uint8Array(32)).unseal(sealed), null);
  });

  test("opens nothing that was tampered with", () => {
    const octets = Buffer.from(cryptography.seal("secret").slice(3), "base64");
    for (let i = 0; i < octets.length; i++) {
      const changed = Buffer.from(octets);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.equal(cryptography.unseal(`v1:${changed.toString("base64")}`), null);
    }
    for (const text of ["", "v1:", "v1:AAAA", "v2:AAAA", "secret"]) assert.equal(cryptography.unseal(text), null);
  });
});

describe("openSealingKey()", () => {
  test("makes a key once, readable for its owner alone", async () => {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-key-"));
    const first = await openSealingKey(directory);
    const second = await openSealingKey(directory);
    assert.ok(first.ok && second.ok);
    assert.deepEqual(Buffer.from(second.value), Buffer.from(first.value));
    assert.equal((await stat(join(directory, "sealing.key"))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory), ["sealing.key"]);
    await rm(directory, { recursive: true });
  });

  test("refuses a damaged one", async () => {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-key-"));
    await writeFile(join(directory, "sealing.key"), "short");
    const key = await openSealingKey(directory);
    assert.match(key.ok ? "" : key.error, /sealing\.key is damaged/);
    await rm(directory, { recursive: true });
  });
});

describe("systemClock", () => {
  test("runs a task after its delay and not when it was cancelled", async () => {
    let cancelled = true;
    systemClock.after(1, () => (cancelled = false)).cancel();
    const keepAlive = setInterval(() => undefined, 1_000);
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.after(20, resolve));
    clearInterval(keepAlive);
    assert.ok(systemClock.now() - before >= 19);
    assert.ok(cancelled);
  });
});

test("systemRandom() goes on after its batch", () => {
  const random = systemRandom();
  const seen = new Set(Array.from({ length: 2_100 }, () => random.uint32()));
  assert.ok(seen.size > 2_000);
});

test("processorMeter grows, and the whole is not less than the main thread", () => {
  assert.ok(processorMeter.mainMicros() > 0);
  assert.ok(processorMeter.totalMicros() >= processorMeter.mainMicros() * 0.5);
});

test("systemUserName() has a name", () => assert.notEqual(systemUserName(), ""));
