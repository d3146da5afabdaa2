/**
 * Whole sessions and kept ones over a wire of memory, in microseconds a message: all of our own code but sockets, journal and disk.
 * `node tests/bench/receive-session.bench.ts`
 */
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { createCryptography } from "../../src/adapters/node/cryptography.ts";
import { MemoryUserStore } from "../../src/adapters/memory/user-store.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { parseDomain } from "../../src/core/mail/domain.ts";
import { ipv4 } from "../../src/core/mail/ip.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { Credentials } from "../../src/flows/credentials.ts";
import { Receiver } from "../../src/flows/receive.ts";
import type { ReceivingSession } from "../../src/flows/receive-session.ts";
import type { Wire } from "../../src/flows/reception.ts";
import { TestPolicy } from "../dialogs/policy.ts";

const MESSAGES = 20_000;
const clock = new ManualClock();
const hostname = parseDomain("relay.example");
if (!hostname.ok) throw new Error("a domain");
let decisionId = 0;
const receiver = new Receiver({
  hostname: "relay.example",
  postmasterDomain: hostname.value,
  policy: new TestPolicy(["inside.example"]),
  recorder: { decisionIdFor: () => ++decisionId, decision: () => undefined, accepted: () => undefined },
  use: { count: () => undefined },
  spool: {
    put: async () => ({ ok: true, value: undefined }),
    openContent: async () => ({ ok: false, error: "full" }),
  },
  queue: { accept: () => undefined, startQueue: () => 0 },
  queuedMessages: () => 0,
  nextQueueId: createQueueIds(clock, 0),
  credentials: new Credentials(new MemoryUserStore(), createCryptography(new Uint8Array(32)), clock, DEFAULT_LIMITS),
  resolver: { listed: async () => "not-listed" },
  verifier: null,
  clock,
  limits: DEFAULT_LIMITS,
  report: (fault) => {
    throw fault;
  },
  crash: (fault) => {
    throw fault;
  },
});

let said = 0;
const wire: Wire = {
  send: (text) => {
    said += text.length;
    return true;
  },
  end: (text) => void (said += text.length),
  destroy: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  startTls: () => undefined,
};
const facts = {
  listener: { name: "127.0.0.1:25", tls: "none", auth: "off", bareLf: false, mustWait: true },
  client: ipv4(0x7f000001),
  local: ipv4(0x7f000001),
} as const;

const EHLO = Buffer.from("EHLO client.example\r\n");
const MAIL = Buffer.from("MAIL FROM:<sender@client.example>\r\n");
const RCPT = Buffer.from("RCPT TO:<user@inside.example>\r\n");
const REFUSED = Buffer.from("RCPT TO:<user@outside.example>\r\n");
const DATA = Buffer.from("DATA\r\n");
const CONTENT = Buffer.from(`Subject: x\r\n\r\n${`${"x".repeat(76)}\r\n`.repeat(52)}.\r\n`);
const QUIT = Buffer.from("QUIT\r\n");

/** Long enough for the promises of a message to settle, short of a turn of the loop for each. */
async function settled(): Promise<void> {
  for (let i = 0; i < 6; i++) await Promise.resolve();
}

async function message(session: ReceivingSession): Promise<void> {
  session.input(MAIL);
  session.input(RCPT);
  session.input(DATA);
  session.input(CONTENT);
  await settled();
}

async function sessions(): Promise<void> {
  for (let i = 0; i < MESSAGES; i++) {
    const session = receiver.open(wire, facts);
    session.input(EHLO);
    await message(session);
    session.input(QUIT);
    session.released();
  }
}

async function kept(): Promise<void> {
  const session = receiver.open(wire, facts);
  session.input(EHLO);
  for (let i = 0; i < MESSAGES; i++) await message(session);
  session.released();
}

async function refused(): Promise<void> {
  for (let i = 0; i < MESSAGES; i++) {
    const session = receiver.open(wire, facts);
    for (const octets of [EHLO, MAIL, REFUSED, QUIT]) session.input(octets);
    session.released();
  }
}

for (const [name, run] of Object.entries({ sessions, kept, refused })) {
  await run();
  let best = Infinity;
  for (let i = 0; i < 4; i++) {
    const begun = process.hrtime.bigint();
    await run();
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / 1_000 / MESSAGES);
  }
  process.stdout.write(`${name.padEnd(10)} ${best.toFixed(1).padStart(6)} µs\n`);
}
if (said === 0) throw new Error("nothing was said");
