/** The deliverer without sockets and disk: schedule, attempt, outcome, settling and journal of one message on the main thread. */
import { NO_STS_POLICIES, NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { ipv4, IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import { reply } from "../../src/core/mail/reply.ts";
import { DEFAULT_ATTRIBUTES } from "../../src/core/policy/policy.ts";
import type { AcceptedMessage } from "../../src/core/queue/message.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { NO_ACCOUNTS } from "../../src/flows/find-next-hop.ts";
import { RouteTable } from "../../src/core/policy/route-table.ts";
import { Deliverer } from "../../src/flows/deliver.ts";
import type { Transport } from "../../src/flows/ports.ts";
import { SIGNS_NOTHING } from "../../src/flows/sign.ts";

const OK = [reply(250, "2.0.0", "Ok")];
const clock = new WallClock();
const nextQueueId = createQueueIds(clock, 0);
let done = 0;
let target = 0;
let finished: () => void = () => {};

class NoDisk extends MemorySpool {
  override async settle(): Promise<void> {
    done++;
    if (done === target) finished();
  }
}

const transport: Transport = {
  send: async () => ({
    server: "sink.example [192.0.2.9]",
    tls: "",
    replies: OK,
    routeTrouble: false,
    dsnPassedOn: false,
  }),
  connections: () => 0,
  close: async () => {},
};

const deliverer = new Deliverer({
  hostname: "relay.example",
  publishedTls: { dane: true, mtaSts: true },
  stsPolicies: NO_STS_POLICIES,
  tlsResults: NO_TLS_RESULTS,
  delivery: {
    mode: "smarthost",
    smarthost: { host: "192.0.2.9", port: 25 },
    local: null,
    tls: "may",
    credentials: null,
  },
  limits: DEFAULT_LIMITS,
  clock,
  random: new SeededRandom(1),
  spool: new NoDisk(),
  transport,
  signer: SIGNS_NOTHING,
  resolver: {
    mx: async () => ({ kind: "no-mx" }),
    tlsa: async () => ({ kind: "none" }),
    addresses: async () => ({ kind: "addresses", addresses: [ipv4(0xc0000209)], isSecure: false }),
  },
  cryptography: { unseal: () => null, sha256: (octets) => octets },
  recorder: { outcome: () => {}, operation: () => {} },
  use: { count: () => {} },
  composer: { composeReport: async () => ({ octets: new Uint8Array(), eightBit: false }) },
  accounts: NO_ACCOUNTS,
  own: { isOwnName: () => false, isOwnAddress: () => false, isOwnListener: () => false },
  policy: {
    compiled: () => ({
      version: 1,
      attributes: DEFAULT_ATTRIBUTES,
      isLocal: () => false,
      isNear: () => false,
      routes: RouteTable.EMPTY,
    }),
    entries: () => [],
  },
  nextQueueId,
});
await deliverer.start();

const octets = Buffer.alloc(4_096, "x");
function message(): AcceptedMessage {
  return {
    id: nextQueueId(),
    acceptedAt: clock.now(),
    origin: { client: IPV4_LOOPBACK, helo: "client.example", user: null, protocol: "ESMTP" },
    envelope: {
      reversePath: { localPart: "sender", host: { kind: "domain", domain: "example.com" as Domain } },
      recipients: [{ forwardPath: { localPart: "user", host: { kind: "domain", domain: "example.net" as Domain } } }],
      body: "8BITMIME",
      smtpUtf8: false,
    },
    content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
  };
}

async function run(count: number): Promise<number> {
  done = 0;
  target = count;
  const all = new Promise<void>((resolve) => {
    finished = resolve;
  });
  const begun = performance.now();
  for (let i = 0; i < count; i++) {
    deliverer.accept(message());
    // No more at once than memory keeps: a message that was dropped from it would be looked for in the spool.
    if (i % 1_000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  await all;
  return ((performance.now() - begun) / count) * 1e3;
}

await run(50_000);
console.log(`one message   ${(await run(200_000)).toFixed(2)} µs`);
await deliverer.stop(0);
process.exit(0);
