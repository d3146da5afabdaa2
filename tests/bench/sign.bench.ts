/**
 * What DKIM costs a message of 4 KB: nobody signs, RSA of 2,048 bits, Ed25519, both; each one after the other, and fifty at once. Then what
 * the main thread would spend on a signature of its own.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { DkimAlgorithm } from "../../src/core/dkim/key.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { signingCryptography } from "../../src/adapters/node/signing.ts";
import type { SigningKey } from "../../src/flows/keep-dkim-keys.ts";
import { MessageSigner } from "../../src/flows/sign.ts";

const MESSAGES = 2_000;
const domain = "example.com" as Domain;
const octets = Buffer.from(
  `Received: from a.example by relay.example with ESMTP id Q1; Tue, 24 Nov 2026 04:20:35 +0000\r\nFrom: A <a@example.com>\r\nTo: b@example.net\r\nSubject: hello\r\nDate: Tue, 24 Nov 2026 04:20:35 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n${"the quick brown fox jumps over the lazy dog\r\n".repeat(84)}`,
);
const content = { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false } as const;
const draft = {
  envelope: { reversePath: null, body: "8BITMIME", smtpUtf8: false },
  front: new Uint8Array(0),
  skipOctets: 0,
  edits: "",
  content,
} as const;

async function keyOf(algorithm: DkimAlgorithm): Promise<SigningKey> {
  const made = await signingCryptography.generate(algorithm);
  const open = signingCryptography.open(algorithm, made.privateKey);
  if (open === null) throw new Error("a key just made cannot be opened");
  return {
    key: {
      domain,
      selector: "s",
      algorithm,
      publicKey: made.publicKey,
      state: "signing",
      subdomains: false,
      createdAt: 0,
      createdBy: "",
    },
    sign: (text) => open.sign(text),
  };
}

async function run(name: string, signers: readonly SigningKey[], atOnce: number): Promise<void> {
  const signer = new MessageSigner({
    keys: { generation: 0, isAnySigning: signers.length > 0, signingFor: () => signers },
    spool: {
      readFile: () => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) }),
    },
    signing: signingCryptography,
    clock: systemClock,
    limits: DEFAULT_LIMITS,
  });
  const origin = { client: IPV4_LOOPBACK, helo: "", user: null, protocol: "ESMTP", relayedFor: true };
  let id = 0;
  for (let round = 0; round < 2; round++) {
    const cpu = process.cpuUsage();
    const main = performance.eventLoopUtilization();
    const begun = performance.now();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let i = 0; i < MESSAGES / atOnce; i++) {
          await signer.fieldsFor({ id: ++id as QueueId, origin }, draft, "mx:example.net");
        }
      }),
    );
    const ms = performance.now() - begun;
    const used = process.cpuUsage(cpu);
    const { active } = performance.eventLoopUtilization(main);
    if (round === 0) continue;
    const micros = (value: number): string => `${((1_000 * value) / MESSAGES).toFixed(0).padStart(5)} µs`;
    console.log(
      `${name.padEnd(8)} ${String(atOnce).padStart(2)} at once: ${micros(ms)} a message, processor ${micros((used.user + used.system) / 1e3)}, main thread at most ${micros(active)}`,
    );
  }
}

const rsa = await keyOf("rsa-sha256");
const ed25519 = await keyOf("ed25519-sha256");
for (const atOnce of [1, 50]) {
  await run("nobody", [], atOnce);
  await run("RSA", [rsa], atOnce);
  await run("Ed25519", [ed25519], atOnce);
  await run("both", [rsa, ed25519], atOnce);
}

const pairs = {
  RSA: generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey,
  Ed25519: generateKeyPairSync("ed25519").privateKey,
};
for (const [name, key] of Object.entries(pairs)) {
  let micros = 0;
  for (let round = 0; round < 2; round++) {
    const begun = performance.now();
    for (let i = 0; i < MESSAGES; i++) sign(name === "RSA" ? "sha256" : null, octets.subarray(0, 500), key);
    micros = (1_000 * (performance.now() - begun)) / MESSAGES;
  }
  console.log(`${name.padEnd(8)} on the main thread: ${micros.toFixed(0)} µs a signature`);
}
