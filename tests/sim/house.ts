import { NO_STS_POLICIES, NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/base/limits.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { AcceptedMessage } from "../../src/core/queue/message.ts";
import type { Outcome } from "../../src/core/queue/outcome.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { PolicyKeeper } from "../../src/flows/administer.ts";
import { Credentials } from "../../src/flows/credentials.ts";
import { NO_ACCOUNTS } from "../../src/flows/find-next-hop.ts";
import { Deliverer, type DelivererOptions } from "../../src/flows/deliver.ts";
import type { Clock, Journal, ReportComposer, Spool, Transport } from "../../src/flows/ports.ts";
import { Receiver } from "../../src/flows/receive.ts";
import { Recorder } from "../../src/flows/record.ts";
import type { DeliveryConfiguration } from "../../src/flows/routing.ts";
import { Submitter } from "../../src/flows/submit.ts";
import { UseAccount } from "../../src/flows/use-account.ts";
import { SIGNS_NOTHING } from "../../src/flows/sign.ts";
import { MemoryUseStore } from "../../src/adapters/memory/use-store.ts";
import { MemoryUserStore } from "../../src/adapters/memory/user-store.ts";
import { createCryptography } from "../../src/adapters/node/cryptography.ts";
import type { Chance } from "./chance.ts";
import type { Ledger } from "./ledger.ts";
import type { Mutation } from "./mutations.ts";
import type { SimNetwork } from "./network.ts";
import { offByOne } from "./routes.ts";
import type { SimStore } from "./store.ts";
import type { Life, SimTime } from "./time.ts";

export const LOCAL_DOMAIN = "inside.example" as Domain;
const HOSTNAME = "relay.example";

export interface Surroundings {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly store: SimStore;
  readonly network: SimNetwork;
  readonly journal: Journal;
  readonly delivery: DeliveryConfiguration;
  readonly limits: Limits;
  readonly mutation: Mutation | null;
  /** The program ends with a fault. */
  readonly crash: (fault: unknown) => void;
}

/** The program in one of its lives: the real flows, put together as in `relaykeeper.ts`. */
export interface House {
  readonly life: Life;
  readonly keeper: PolicyKeeper;
  readonly deliverer: Deliverer;
  readonly receiver: Receiver;
  readonly submitter: Submitter;
  readonly recovery: Promise<void>;
}

const cryptography = createCryptography(new Uint8Array(32));

export async function openHouse(life: Life, around: Surroundings): Promise<House> {
  const { time, chance, ledger, store, network, limits } = around;
  const clock = clockOf(around, life);
  const spool = watchedSpool(around, life);
  const policyLog = store.policyLog(life);
  const journal = around.journal;
  const recorder = new Recorder({ journal, clock, limits, keepsPasses: () => keeper.attributes().JOURNAL === "*YES" });
  const keeper = await PolicyKeeper.open({
    log: policyLog,
    clock,
    limits,
    localDomains: [LOCAL_DOMAIN],
    use: () => null,
    record: (event) => recorder.policy(event),
  });
  const use = await UseAccount.open({
    store: new MemoryUseStore(),
    clock,
    entriesMax: limits.policyEntries,
    exists: () => true,
    onFault: () => undefined,
  });
  const nextQueueId = createQueueIds(clock, store.highestQueueId);
  const resolver = network.resolver(life);
  const transport = transportOf(around, life, store.spool(life));
  const deliverer = new Deliverer({
    hostname: HOSTNAME,
    delivery: around.delivery,
    publishedTls: { dane: true, mtaSts: true },
    stsPolicies: NO_STS_POLICIES,
    tlsResults: NO_TLS_RESULTS,
    limits,
    clock,
    random: chance,
    spool,
    transport,
    signer: SIGNS_NOTHING,
    resolver,
    cryptography,
    recorder,
    use,
    composer: composerOf(around, life),
    accounts: NO_ACCOUNTS,
    own: { isOwnName: () => false, isOwnAddress: () => false, isOwnListener: () => false },
    policy: around.mutation === "a pace is off by one" ? loosened(keeper) : keeper,
    nextQueueId,
  });
  const inbound = {
    hostname: HOSTNAME,
    policy: keeper,
    recorder,
    use,
    spool,
    queue: deliverer,
    queuedMessages: () => deliverer.queued,
    nextQueueId,
    clock,
    limits,
  };
  const receiver = new Receiver({
    ...inbound,
    postmasterDomain: LOCAL_DOMAIN,
    credentials: new Credentials(new MemoryUserStore(), cryptography, clock, limits),
    verifier: null,
    resolver,
    report: () => undefined,
    crash: (fault) => ledger.blame(`a session ended in a bug: ${String(fault)}`),
  });
  const recovery = deliverer.start().catch((fault: unknown) => {
    time.afterIn(life, 0, () => around.crash(fault));
  });
  return { life, keeper, deliverer, receiver, submitter: new Submitter(inbound), recovery };
}

/** Limits small enough to be reached: content goes to files, memory is short, few connections are open. */
export function limitsOf(chance: Chance, queueAgeMs: number): Limits {
  return {
    ...DEFAULT_LIMITS,
    contentInMemoryOctets: 2_048,
    memoryOctets: chance.odds(0.3) ? 8_192 : 1_048_576,
    queueMemoryOctets: chance.odds(0.5) ? 4_096 : 1_048_576,
    connectionsPerNextHop: chance.pick([1, 2, 20]),
    sessionsPerClient: 5,
    queueAgeMs,
  };
}

function clockOf({ time, chance, mutation }: Surroundings, life: Life): Clock {
  const clock = time.clockOf(life);
  if (mutation !== "a timer is lost") return clock;
  return {
    now: () => clock.now(),
    after: (delayMs, task) => clock.after(delayMs, chance.odds(0.02) ? () => undefined : task),
  };
}

/** The policy with routes that allow one message more. */
function loosened(keeper: PolicyKeeper): DelivererOptions["policy"] {
  return {
    compiled: () => {
      const { version, attributes } = keeper.compiled();
      return {
        version,
        attributes,
        isLocal: (domain, localAddress) => keeper.compiled().isLocal(domain, localAddress),
        isNear: (domain) => keeper.compiled().isNear(domain),
        routes: offByOne(keeper.entries("*ROUTE")),
      };
    },
    entries: (list) => keeper.entries(list),
  };
}

/** The spool, with the ledger looking over its shoulder. */
function watchedSpool({ ledger, store }: Surroundings, life: Life): Spool {
  const spool = store.spool(life);
  return {
    ...spool,
    put: (message: AcceptedMessage) => {
      if (life.alive) ledger.put(message, message.content.kind === "file" ? store.file(message.content.name) : null);
      return spool.put(message);
    },
    settle: (id, outcomes, disposition) => {
      if (life.alive) ledger.settles(id, outcomes, life);
      return spool.settle(id, outcomes, disposition);
    },
  };
}

function transportOf({ network, mutation, time, chance }: Surroundings, life: Life, spool: Spool): Transport {
  const transport = network.transport(life, spool);
  if (mutation === "content is cut") {
    return {
      ...transport,
      send: (hop, message) => {
        const { content } = message;
        if (content.kind === "file" || chance.odds(0.8)) return transport.send(hop, message);
        const chunks = content.chunks.map((chunk) => chunk.subarray(0, Math.max(0, chunk.length - 1)));
        return transport.send(hop, { ...message, content: { ...content, chunks } });
      },
    };
  }
  if (mutation !== "outcome is written before the next hop's 250") return transport;
  return {
    ...transport,
    send: async (hop, message) => {
      const all = (await spool.find(message.id))?.envelope.recipients ?? [];
      const outcomes = message.recipients.map((one): Outcome => {
        const recipient = all.findIndex(({ forwardPath }) => forwardPath.localPart === one.forwardPath.localPart);
        const reply = { code: 250, enhanced: "2.0.0", text: [] };
        return { kind: "delivered", recipient, at: time.wall(), nextHop: hop.key, server: "", tls: "", reply };
      });
      const sent = transport.send(hop, message);
      await spool.settle(message.id, outcomes, outcomes.length === all.length ? "remove" : "keep");
      return await sent;
    },
  };
}

/** Reports without MIME: their words one after the other. */
function composerOf({ ledger, time, chance }: Surroundings, life: Life): ReportComposer {
  return {
    composeReport: async (mail) => {
      if (life.alive) ledger.reports(mail);
      await new Promise<void>((resolve) => time.afterIn(life, chance.delayMs(2, 500), resolve));
      const head = `From: <${mail.from}>\r\nTo: <${mail.to}>\r\nSubject: ${mail.subject}\r\n\r\n`;
      const octets = Buffer.from(`${head}${mail.text.replaceAll("\n", "\r\n")}${mail.status}\r\n`, "latin1");
      return { octets: Buffer.concat([octets, mail.returned.octets]), eightBit: false };
    },
  };
}
