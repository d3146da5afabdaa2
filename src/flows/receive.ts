import type { Limits } from "../core/base/limits.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { formatReply, reply, type Reply } from "../core/mail/reply.ts";
import { MailDates } from "../core/mail/trace-header.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type EntryId } from "../core/policy/policy.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import { ehloReply, type Offers } from "../core/smtp/extensions.ts";
import type { Credentials } from "./credentials.ts";
import type { Clock, Resolver, SessionState, Spool } from "./ports.ts";
import { MemoryBudget } from "./receive-content.ts";
import { ReceivingSession } from "./receive-session.ts";
import type { Recorder } from "./record.ts";

/** A door as sessions see it. */
export interface ListenerProfile {
  /** For journal and displays: the address as configured. */
  readonly name: string;
  readonly tls: "none" | "starttls" | "implicit";
  readonly auth: "off" | "tls" | "always";
  /** This door takes LF alone for the end of a line, whatever ALWBARELF says. */
  readonly bareLf: boolean;
  /** Clients must wait where RFC 2920 §3.1 says so. A program of this machine that pipes a whole session in need not. */
  readonly mustWait: boolean;
}

/** Who is at the other end, normalised once. */
export interface SessionFacts {
  readonly listener: ListenerProfile;
  readonly client: IpAddress;
  /** The address the client came in at; null for a stream that is no network. */
  readonly local: IpAddress | null;
}

/** The wire of one session, as its adapter works it. Nothing here throws or calls back at once. */
export interface Wire {
  /** Takes text for the client; what one block of input brings forth comes in one call. */
  send(text: string): void;
  /**
   * Says `lastWord`, which may be empty, and closes: `atOnce` where the client has nothing more to say, else our direction first, so that
   * what it is still sending does not make a reset of the last word.
   */
  end(lastWord: string, atOnce: boolean): void;
  destroy(): void;
  /** No more input for now. */
  pause(): void;
  resume(): void;
  /** Drops what is unread and begins the handshake; `secured` or `released` of the session tells how it ended. */
  startTls(): void;
}

export interface ReceiverOptions {
  readonly hostname: string;
  /** Where `<Postmaster>` without a domain is: a domain of ours. */
  readonly postmasterDomain: Domain;
  readonly policy: { compiled(): CompiledPolicy | null };
  readonly recorder: Pick<Recorder, "decisionIdFor" | "decision" | "accepted">;
  readonly use: { count(entryId: EntryId, client: IpAddress, now: number): void };
  readonly spool: Pick<Spool, "put" | "openContent">;
  readonly queue: { accept(message: AcceptedMessage): void };
  /** Messages in the queue now. */
  readonly queuedMessages: () => number;
  readonly nextQueueId: () => QueueId;
  readonly credentials: Credentials;
  readonly resolver: Pick<Resolver, "listed">;
  readonly clock: Clock;
  readonly limits: Limits;
  /** An I/O fault that was answered with 4xx: for the log. */
  readonly report: (fault: unknown) => void;
  /** A bug: ends the process. */
  readonly crash: (fault: unknown) => void;
}

/** What EHLO offers in one state of a session, made once for all that are in it. */
export interface Offering {
  readonly attributes: Attributes;
  readonly offers: Offers;
  readonly ehlo: string;
}

/** Receives mail: what all sessions share, and who may open one. */
export class Receiver {
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
  /** `220` with its CRLF. */
  readonly greeting: string;
  readonly #options: ReceiverOptions;
  readonly #sessions = new Set<ReceivingSession>();
  readonly #perClient = new Map<number | string, number>();
  readonly #offerings = new Map<string, Offering>();
  #lastId = 0;

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
    this.budget = new MemoryBudget(options.limits.memoryOctets);
    this.greeting = formatReply(reply(220, "", `${options.hostname} ESMTP relaykeeper`));
  }

  /** Begins a session: it is judged at once and greeted, or refused and closed. */
  open(wire: Wire, facts: SessionFacts): ReceivingSession {
    const session = new ReceivingSession(this, wire, facts, ++this.#lastId);
    const key = clientKey(facts.client);
    const ofClient = (this.#perClient.get(key) ?? 0) + 1;
    this.#perClient.set(key, ofClient);
    this.#sessions.add(session);
    session.open(this.#overload(ofClient));
    return session;
  }

  forget(session: ReceivingSession): void {
    if (!this.#sessions.delete(session)) return;
    const key = clientKey(session.client);
    const left = (this.#perClient.get(key) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(key);
    else this.#perClient.set(key, left);
  }

  #overload(ofClient: number): Reply | null {
    if (ofClient > this.limits.sessionsPerClient) return reply(421, "4.7.0", "Too many sessions from your address");
    const sessionsMax = this.#attributes().MAXINEMM;
    return this.#sessions.size > sessionsMax ? reply(421, "4.3.2", "Too many sessions; try again later") : null;
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

  /** Room for one more message in the queue and in memory. */
  hasRoom(): boolean {
    return !this.budget.exceeded && this.#options.queuedMessages() < this.limits.queuedMessages;
  }

  /** The message is on stable storage: tells the journal, then the queue. */
  accepted(message: AcceptedMessage, reversePath: string, recipients: readonly string[]): void {
    this.recorder.accepted({
      at: message.acceptedAt,
      queueId: message.id,
      client: message.origin.client,
      user: message.origin.user,
      reversePath,
      recipients,
      sizeOctets: message.content.sizeOctets,
    });
    this.#options.queue.accept(message);
  }

  /** The first of `lists` that names the client; null where none did so in time. Never rejects. */
  async listedBy(client: IpAddress, lists: readonly Domain[]): Promise<Domain | null> {
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
    return list;
  }

  /** What `listener` offers now, in the clear or in TLS. */
  offering(listener: ListenerProfile, tls: boolean): Offering {
    const attributes = this.#attributes();
    const key = `${tls ? "tls " : ""}${listener.name}`;
    const known = this.#offerings.get(key);
    if (known !== undefined && known.attributes === attributes) return known;
    const offers = offersOf(listener, tls, attributes, this.limits.recipients);
    const offering = { attributes, offers, ehlo: formatReply(ehloReply(this.hostname, offers)) };
    this.#offerings.set(key, offering);
    return offering;
  }

  #attributes(): Attributes {
    return this.policy()?.attributes ?? DEFAULT_ATTRIBUTES;
  }
}

function offersOf(listener: ListenerProfile, tls: boolean, attributes: Attributes, recipientsMax: number): Offers {
  return {
    startTls: listener.tls === "starttls" && !tls,
    auth: authOffer(listener, tls),
    eightBit: attributes.MIME8BIT === "*YES",
    sizeMaxOctets: attributes.MAXEMMSIZE * 1_024,
    recipientsMax,
  };
}

/** Whether a session at `listener` is offered AUTH: now, or once it is in TLS. */
export function authOffer(listener: ListenerProfile, tls: boolean): Offers["auth"] {
  if (listener.auth === "off") return "no";
  if (listener.auth === "always" || tls) return "yes";
  return listener.tls === "none" ? "no" : "after-tls";
}

/** Sessions are counted by IPv4 address, or by the /64 of an IPv6 address, which is one customer. */
function clientKey(client: IpAddress): number | string {
  return client.family === 4 ? client.bits : `${client.words[0]}:${client.words[1]}`;
}
