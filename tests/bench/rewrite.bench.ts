/**
 * What it costs a message of 4 KB that its header goes out as another, and that it is sealed by ARC: nothing to be done; a header that is looked at and
 * right; another author; what was forgotten; a first seal; a seal behind a chain of three, with a DKIM signature to be verified. One after the other.
 */
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { formatKeyRecord } from "../../src/core/dkim/key-record.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import type { Mailbox } from "../../src/core/mail/mailbox.ts";
import type { QueuedMessage, QueueId } from "../../src/core/queue/message.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { signingCryptography } from "../../src/adapters/node/signing.ts";
import type { SigningKey } from "../../src/flows/keep-dkim-keys.ts";
import { Rewriter, type Draft, type Rewriting } from "../../src/flows/rewrite.ts";
import { Sealer } from "../../src/flows/seal.ts";
import { MessageSigner, SIGNS_NOTHING } from "../../src/flows/sign.ts";

const MESSAGES = 5_000;
const DOMAIN = "example.com" as Domain;
const mailbox = (localPart: string): Mailbox => ({ localPart, host: { kind: "domain", domain: DOMAIN } });
const HEADER = `Received: from a.example by relay.example with ESMTP id Q1; Tue, 24 Nov 2026 04:20:35 +0000\r\nFrom: A <a@example.com>\r\nTo: b@example.net\r\nSubject: hello\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n`;
const RIGHT = `${HEADER}Date: Tue, 24 Nov 2026 04:20:35 +0000\r\nMessage-ID: <1@example.com>\r\n`;
const BODY = `\r\n${"the quick brown fox jumps over the lazy dog\r\n".repeat(84)}`;
const spool = {
  async *readFile() {
    yield* [];
  },
};
const rewriter = new Rewriter({ hostname: "relay.example", spool, limits: DEFAULT_LIMITS });

function message(id: number, mustMend: boolean): QueuedMessage {
  return {
    id: id as QueueId,
    acceptedAt: 0,
    origin: { client: IPV4_LOOPBACK, helo: "", user: null, protocol: "ESMTP", ...(mustMend ? { mustMend } : {}) },
    envelope: { reversePath: mailbox("a"), recipients: [], body: "7BIT", smtpUtf8: false },
    sizeOctets: 4_096,
    outcomes: [],
    attempts: 0,
    held: false,
  };
}

async function measure(name: string, task: (id: number) => unknown, messages = MESSAGES): Promise<void> {
  let id = 0;
  for (let i = 0; i < messages / 5; i++) await task(++id);
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let i = 0; i < messages; i++) {
    const done = task(++id);
    if (done instanceof Promise) await done;
  }
  const micros = (1_000 * (performance.now() - begun)) / messages;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `${name.padEnd(32)} ${micros.toFixed(1).padStart(7)} µs, processor ${((user + system) / messages).toFixed(1)} µs`,
  );
}

function contentOf(text: string): Draft["content"] {
  const octets = Buffer.from(text);
  return {
    kind: "memory",
    chunks: [octets.subarray(0, 100), octets.subarray(100)],
    sizeOctets: octets.length,
    dotLines: false,
  };
}

const route = (sender: string | null): Rewriting => ({
  rewrite: { sender: sender === null ? null : mailbox(sender), header: true },
  hygiene: "listed",
});
const right = contentOf(RIGHT + BODY);
const forgot = contentOf(HEADER + BODY);
await measure("nothing to be done", (id) => rewriter.draft(message(id, false), right, null), 200_000);
await measure("looked at, and right", (id) => rewriter.draft(message(id, true), right, route(null)));
await measure("what was forgotten", (id) => rewriter.draft(message(id, true), forgot, route(null)));
await measure("another author", (id) => rewriter.draft(message(id, false), right, route("relay")));

const made = await signingCryptography.generate("rsa-sha256");
const open = signingCryptography.open("rsa-sha256", made.privateKey);
if (open === null) throw new Error("a key just made cannot be opened");
const key: SigningKey = {
  key: {
    ...{ domain: DOMAIN, selector: "s", algorithm: "rsa-sha256", publicKey: made.publicKey, state: "signing" },
    ...{ subdomains: false, createdAt: 0, createdBy: "" },
  } as const,
  sign: (octets) => open.sign(octets),
};
const texts = [formatKeyRecord(key.key)];
const options = {
  hostname: "relay.example",
  domain: () => DOMAIN,
  keys: { generation: 0, isAnySigning: true, signingFor: () => [key] },
  spool,
  signing: signingCryptography,
  resolver: { txt: async () => ({ kind: "texts", texts }) as const },
  clock: systemClock,
  limits: DEFAULT_LIMITS,
};
const sealer = new Sealer(options, SIGNS_NOTHING);
const draftOf = (content: Draft["content"]): Draft => ({
  ...{
    envelope: { reversePath: null, body: "7BIT", smtpUtf8: false },
    front: new Uint8Array(0),
    skipOctets: 0,
    edits: "",
  },
  ...({ content } as const),
});
const origin = { client: IPV4_LOOPBACK, helo: "", user: null, protocol: "ESMTP" };
const fields = async (text: string, by: Pick<Sealer, "fieldsFor">, relayedFor: boolean): Promise<string> => {
  const octets = await by.fieldsFor(
    { id: 1 as QueueId, origin: { ...origin, relayedFor } },
    draftOf(contentOf(text)),
    "mx:example.net",
  );
  return Buffer.from(octets).toString("latin1");
};
await measure("a first seal", (id) => sealer.fieldsFor({ id: id as QueueId, origin }, draftOf(right), "mx:x"), 2_000);
let chain = (await fields(RIGHT + BODY, new MessageSigner(options), true)) + RIGHT + BODY;
for (let i = 0; i < 3; i++) chain = (await fields(chain, new Sealer(options, SIGNS_NOTHING), false)) + chain;
const sealed = draftOf(contentOf(chain));
await measure(
  "behind three and a signature",
  (id) => sealer.fieldsFor({ id: id as QueueId, origin }, sealed, "mx:x"),
  2_000,
);
