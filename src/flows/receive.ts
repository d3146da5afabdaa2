import type { Limits } from "../core/base/limits.ts";
import type { Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK, type IpAddress } from "../core/mail/ip.ts";
import { formatReply, reply, type Reply } from "../core/mail/reply.ts";
import { MailDates } from "../core/mail/trace-header.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type EntryId } from "../core/policy/policy.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import type { Credentials } from "./credentials.ts";
import type { SessionState } from "./listener-state.ts";
import type { Clock, Resolver, Spool } from "./ports.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { Offerings } from "./receive-offers.ts";
import { EtrnDesk, type StartQueue } from "./receive-etrn.ts";
import { PRESSED_PART } from "./receive-patience.ts";
import { ReceivingSession } from "./receive-session.ts";
import type { ListenerProfile, Offering, OpenSession, Reception, SessionFacts, Wire } from "./reception.ts";
import type { Recorder } from "./record.ts";

export interface ReceiverOptions {
  readonly hostname: string;
  /** Where `<Postmaster>` without a domain is: a domain of ours. */
  readonly postmasterDomain: Domain;
  readonly policy: { compiled(): CompiledPolicy | null };
  readonly recorder: Pick<Recorder, "decisionIdFor" | "decision" | "accepted">;
  readonly use: { count(entryId: EntryId, client: IpAddress, now: number): void };
  readonly spool: Pick<Spool, "put" | "openContent">;
  readonly queue: { accept(message: AcceptedMessage): void; startQueue: StartQueue };
  /** Messages in the queue now. */
  readonly queuedMessages: () => number;
  readonly nextQueueId: () => QueueId;
  readonly credentials: Credentials;
  readonly resolver: Pick<Resolver, "listed">;
  readonly verifier: Reception["verifier"];
  readonly clock: Clock;
  readonly limits: Limits;
  /** An I/O fault that was answered with 4xx: for the log. */
  readonly report: (fault: unknown) => void;
  /** A bug: ends the process. */
  readonly crash: (fault: unknown) => void;
}

const TOO_MANY_OF_CLIENT = reply(421, "4.7.0", "Too many sessions from your address");
const TOO_MANY_SESSIONS = reply(421, "4.3.2", "Too many sessions; try again later");
/** One session of so many that MAXINEMM allows is kept for clients on *ACCEPT or *NEAR. */
const RESERVED_PART = 10;
/** From this part of MAXINEMM on, strangers are given less. */
const PRESSED_FROM = 0.75;

/** Receives mail: what all sessions share, and who may open one. */
export class Receiver implements Reception {
  readonly hostname: string;
  readonly postmasterDomain: Domain;
  readonly recorder: ReceiverOptions["recorder"];
  readonly use: ReceiverOptions["use"];
  readonly spool: ReceiverOptions["spool"];
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly nextQueueId: () => QueueId;
  readonly report: (fault: unknown) => void;
  readonly crash: (fault: unknown) => void;
  readonly budget: MemoryBudget;
  readonly mailDates = new MailDates();
  readonly greeting: string;
  readonly etrn: EtrnDesk;
  readonly verifier: Reception["verifier"];
  readonly #options: ReceiverOptions;
  readonly #sessions = new Set<OpenSession>();
  readonly #perClient = new Map<number | string, number>();
  readonly #offerings: Offerings;
  #lastId = 0;
  #lookups = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.hostname = options.hostname;
    this.postmasterDomain = options.postmasterDomain;
    this.recorder = options.recorder;
    this.use = options.use;
    this.spool = options.spool;
    this.credentials = options.credentials;
    this.clock = options.clock;
    this.limits = options.limits;
    this.nextQueueId = options.nextQueueId;
    this.report = options.report;
    this.crash = options.crash;
    this.#offerings = new Offerings(options.hostname, options.limits.recipients);
    this.etrn = new EtrnDesk(options.limits.etrnIntervalMs, options.queue.startQueue);
    this.verifier = options.verifier;
    this.budget = new MemoryBudget(options.limits.memoryOctets, options.clock);
    this.greeting = formatReply(reply(220, "", `${options.hostname} ESMTP relaykeeper`));
  }

  /** Begins a session: it is judged at once and greeted, or refused and closed. */
  open(wire: Wire, facts: SessionFacts): ReceivingSession {
    const session = new ReceivingSession(this, wire, facts, ++this.#lastId);
    const key = clientKey(facts.client);
    const ofClient = (this.#perClient.get(key) ?? 0) + 1;
    this.#perClient.set(key, ofClient);
    this.#sessions.add(session);
    session.open(this.#overload(facts.client, ofClient));
    return session;
  }

  forget(session: OpenSession): void {
    if (!this.#sessions.delete(session)) return;
    const key = clientKey(session.client);
    const left = (this.#perClient.get(key) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(key);
    else this.#perClient.set(key, left);
  }

  #overload(client: IpAddress, ofClient: number): Reply | null {
    const { sessionsPerClient } = this.limits;
    if (ofClient > sessionsPerClient) return TOO_MANY_OF_CLIENT;
    if (!this.isPressed()) return null;
    const sessionsMax = this.#attributes().MAXINEMM;
    if (this.#sessions.size > sessionsMax) return TOO_MANY_SESSIONS;
    const forStrangers = sessionsMax - Math.floor(sessionsMax / RESERVED_PART);
    const isCrowded = this.#sessions.size > forStrangers;
    const isGreedy = ofClient > Math.ceil(sessionsPerClient / PRESSED_PART);
    if (!(isCrowded || isGreedy) || !this.isStranger(client)) return null;
    return isCrowded ? TOO_MANY_SESSIONS : TOO_MANY_OF_CLIENT;
  }

  isPressed(): boolean {
    return this.#sessions.size > this.#attributes().MAXINEMM * PRESSED_FROM;
  }

  isStranger(client: IpAddress): boolean {
    if (isThisMachine(client)) return false;
    const policy = this.policy();
    if (policy === null) return true;
    const now = this.clock.now();
    const { accept, nearNetworks, table } = policy;
    return accept.match(client, now, table) === 0 && nearNetworks.match(client, now, table) === 0;
  }

  /** No transaction begins any more; sessions without one end now with 421. */
  drain(): void {
    for (const session of this.#sessions) session.drain();
  }

  /** 421 to whoever is still there. */
  cut(): void {
    for (const session of this.#sessions) session.cut();
  }

  sessions(): readonly SessionState[] {
    return Array.from(this.#sessions, (session) => session.state());
  }

  policy(): CompiledPolicy | null {
    return this.#options.policy.compiled();
  }

  hasRoom(): boolean {
    return !this.budget.exceeded && this.#options.queuedMessages() < this.limits.queuedMessages;
  }

  accepted(message: AcceptedMessage, reversePath: string, recipients: readonly string[], tls: string): void {
    this.recorder.accepted({
      at: message.acceptedAt,
      queueId: message.id,
      client: message.origin.client,
      user: message.origin.user,
      reversePath,
      recipients,
      sizeOctets: message.content.sizeOctets,
      tls,
    });
    this.#options.queue.accept(message);
  }

  async listedBy(client: IpAddress, lists: readonly Domain[]): Promise<Domain | null> {
    if (this.#lookups >= this.limits.listLookups) return null;
    this.#lookups++;
    const asked = lists.map(async (list) => {
      try {
        return (await this.#options.resolver.listed(client, list)) === "listed" ? list : null;
      } catch (fault) {
        this.report(fault);
        return null;
      }
    });
    const answers = Promise.all(asked).then((found) => found.find((list) => list !== null) ?? null);
    const timeout = Promise.withResolvers<null>();
    const timer = this.clock.after(this.limits.listLookupMs, () => timeout.resolve(null));
    const list = await Promise.race([answers, timeout.promise]);
    timer.cancel();
    this.#lookups--;
    return list;
  }

  offering(listener: ListenerProfile, tls: boolean): Offering {
    return this.#offerings.of(listener, tls, this.#attributes());
  }

  #attributes(): Attributes {
    return this.policy()?.attributes ?? DEFAULT_ATTRIBUTES;
  }
}

/** 127.0.0.1 and ::1, by which programs of this machine come. Other addresses of 127.0.0.0/8 are clients like any. */
function isThisMachine(client: IpAddress): boolean {
  if (client.family === 4) return client.bits === IPV4_LOOPBACK.bits;
  const [a, b, c, d] = client.words;
  return a === 0 && b === 0 && c === 0 && d === 1;
}

/** Sessions are counted by IPv4 address, or by the /64 of an IPv6 address, which is one customer. */
function clientKey(client: IpAddress): number | string {
  return client.family === 4 ? client.bits : `${client.words[0]}:${client.words[1]}`;
}
