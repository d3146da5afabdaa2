import { NO_STS_POLICIES, NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import assert from "node:assert/strict";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { MimeComposer } from "../../src/adapters/mime/composer.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { MINUTE_MS } from "../../src/core/base/time.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import type { Envelope, Recipient } from "../../src/core/mail/envelope.ts";
import { ipv4, IPV4_LOOPBACK } from "../../src/core/mail/ip.ts";
import { formatMailbox, type Mailbox } from "../../src/core/mail/mailbox.ts";
import { reply, type Reply } from "../../src/core/mail/reply.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type Entry } from "../../src/core/policy/policy.ts";
import type { AcceptedMessage, QueueId } from "../../src/core/queue/message.ts";
import { createQueueIds } from "../../src/core/queue/queue-ids.ts";
import { RouteTable } from "../../src/core/policy/route-table.ts";
import { NO_ACCOUNTS } from "../../src/flows/find-next-hop.ts";
import { Deliverer } from "../../src/flows/deliver.ts";
import type { AddressAnswer, MxAnswer, TlsaAnswer } from "../../src/core/mail/dns-answer.ts";
import type { NextHop, OutgoingMessage, Resolver, Transport, TransportResult } from "../../src/flows/ports.ts";
import type { DeliveryConfiguration } from "../../src/flows/routing.ts";
import { SIGNS_NOTHING, type Signer } from "../../src/flows/sign.ts";

export const OK = reply(250, "2.0.0", "Ok");
export const NO_USER = reply(550, "5.1.1", "No such user");
export const LATER = reply(450, "4.2.0", "Try again later");

/** A next hop in code: by default it takes everything; `answer` may say otherwise for each recipient. */
export class FakeTransport implements Transport {
  readonly sent: { readonly key: string; readonly hop: NextHop; readonly message: OutgoingMessage }[] = [];
  answer: (recipient: string, key: string) => Reply = () => OK;
  trouble: (key: string) => Reply | null = () => null;
  dsnPassedOn = false;
  /** Where set, attempts wait for it. */
  gate: Promise<void> | null = null;

  async send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult> {
    if (this.gate) await this.gate;
    this.sent.push({ key: hop.key, hop, message });
    const trouble = this.trouble(hop.key);
    const server = trouble ? "" : `${hop.servers[0]?.host} [192.0.2.9]`;
    const replies = message.recipients.map(
      ({ forwardPath }) => trouble ?? this.answer(formatMailbox(forwardPath), hop.key),
    );
    return { server, tls: "", replies, routeTrouble: trouble !== null, dsnPassedOn: this.dsnPassedOn };
  }

  connections(): number {
    return 0;
  }

  async close(): Promise<void> {}
}

export class FakeResolver implements Pick<Resolver, "mx" | "addresses" | "tlsa"> {
  answers = new Map<string, MxAnswer>();
  async mx(domain: Domain): Promise<MxAnswer> {
    return (
      this.answers.get(domain) ?? { kind: "mx", hosts: [{ preference: 10, host: `mx.${domain}` }], isSecure: false }
    );
  }
  async tlsa(): Promise<TlsaAnswer> {
    return { kind: "none" };
  }
  async addresses(): Promise<AddressAnswer> {
    return { kind: "addresses", addresses: [ipv4(0xc0000209)], isSecure: false };
  }
}

export function mailbox(text: string): Mailbox {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), host: { kind: "domain", domain: text.slice(at + 1) as Domain } };
}

/** Queue and delivery with everything around them in memory, and a clock that stands still until it is moved. */
export class House {
  readonly clock = new ManualClock();
  readonly spool: MemorySpool;
  readonly transport = new FakeTransport();
  readonly resolver = new FakeResolver();
  readonly operations: string[] = [];
  readonly outcomes: string[] = [];
  attributes: Attributes = DEFAULT_ATTRIBUTES;
  version = 1;
  routes = RouteTable.EMPTY;
  readonly used: number[] = [];
  entries: readonly Entry[] = [];
  accounts = NO_ACCOUNTS;
  signer: Signer = SIGNS_NOTHING;
  /** A domain that is near. */
  near = "";
  readonly nextQueueId: () => QueueId;
  readonly deliverer: Deliverer;

  constructor(delivery: Partial<DeliveryConfiguration> = {}, spool = new MemorySpool(), highest = 0) {
    this.spool = spool;
    this.nextQueueId = createQueueIds(this.clock, highest);
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const house = this;
    this.deliverer = new Deliverer({
      hostname: "relay.example",
      publishedTls: { dane: true, mtaSts: true },
      stsPolicies: NO_STS_POLICIES,
      tlsResults: NO_TLS_RESULTS,
      delivery: { mode: "mx", smarthost: null, local: null, tls: "may", credentials: null, ...delivery },
      accounts: { credentialsOf: (name) => house.accounts.credentialsOf(name) },
      limits: DEFAULT_LIMITS,
      clock: this.clock,
      random: new SeededRandom(1),
      spool,
      transport: this.transport,
      signer: { fieldsFor: (...asked) => house.signer.fieldsFor(...asked) },
      resolver: this.resolver,
      cryptography: { unseal: (sealed) => sealed.replace(/^sealed:/, ""), sha256: (octets) => octets },
      recorder: {
        outcome: ({ recipient, outcome }) => void this.outcomes.push(`${recipient} ${outcome.kind}`),
        operation: ({ text }) => void this.operations.push(text),
      },
      use: { count: (entry) => void this.used.push(entry) },
      composer: new MimeComposer(),
      own: { isOwnName: () => false, isOwnAddress: () => false, isOwnListener: () => false },
      policy: {
        compiled: () => ({
          get version() {
            return house.version;
          },
          get attributes() {
            return house.attributes;
          },
          get routes() {
            return house.routes;
          },
          isLocal: () => false,
          isNear: (domain) => domain === house.near,
        }),
        entries: (list) => house.entries.filter((entry) => entry.list === list),
      },
      nextQueueId: this.nextQueueId,
    });
  }

  message(recipients: (string | Recipient)[], envelope: Partial<Envelope> = {}): AcceptedMessage {
    const octets = new TextEncoder().encode("Subject: greeting\r\n\r\nHello\r\n");
    return {
      id: this.nextQueueId(),
      acceptedAt: this.clock.now(),
      origin: { client: IPV4_LOOPBACK, helo: "client.example", user: null, protocol: "ESMTP" },
      envelope: {
        reversePath: mailbox("sender@inside.example"),
        recipients: recipients.map((one) => (typeof one === "string" ? { forwardPath: mailbox(one) } : one)),
        body: "7BIT",
        smtpUtf8: false,
        ...envelope,
      },
      content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: false },
    };
  }

  /** Puts a message into the spool and hands it over, as the receiver does. */
  async accept(recipients: (string | Recipient)[], envelope: Partial<Envelope> = {}): Promise<AcceptedMessage> {
    const message = this.message(recipients, envelope);
    const put = await this.spool.put(message);
    assert.ok(put.ok);
    this.deliverer.accept(message);
    return message;
  }

  /** Lets everything that can happen now happen; MIME is written over several turns of the loop. */
  async settle(): Promise<void> {
    for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes in small steps, so that what one timer began can end before the next. */
  async pass(durationMs: number, stepMs = MINUTE_MS): Promise<void> {
    for (let left = durationMs; left > 0; left -= stepMs) await this.clock.run(Math.min(stepMs, left));
    await this.settle();
  }
}

export async function started(delivery: Partial<DeliveryConfiguration> = {}): Promise<House> {
  const house = new House(delivery);
  await house.deliverer.start();
  return house;
}

export function sentTo(house: House): string[] {
  return house.transport.sent.map(
    ({ key, message }) =>
      `${key} <${message.envelope.reversePath ? formatMailbox(message.envelope.reversePath) : ""}> ${message.recipients
        .map(({ forwardPath }) => formatMailbox(forwardPath))
        .join(",")}`,
  );
}

export function contentText(message: OutgoingMessage | undefined): string {
  assert.equal(message?.content.kind, "memory");
  return message?.content.kind === "memory" ? Buffer.concat(message.content.chunks).toString("utf8") : "";
}
