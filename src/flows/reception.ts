import type { Limits } from "../core/base/limits.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import type { MailDates } from "../core/mail/trace-header.ts";
import type { CompiledPolicy } from "../core/policy/compile.ts";
import type { Attributes, EntryId } from "../core/policy/policy.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import type { Offers } from "../core/smtp/extensions.ts";
import type { Credentials } from "./credentials.ts";
import type { SessionState } from "./listener-state.ts";
import type { EtrnDesk } from "./receive-etrn.ts";
import type { Clock, Spool } from "./ports.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { Recorder } from "./record.ts";
import type { RecipientVerifier } from "./verify-recipients.ts";

// What sessions, their owner and their wires know of each other.

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
  /**
   * Takes text for the client; what one block of input brings forth comes in one call, or in a few where it is much. False: the client
   * does not read, and nothing more should be said until `drained` of the session.
   */
  send(text: string): boolean;
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

/** What EHLO offers in one state of a session, made once for all that are in it. */
export interface Offering {
  readonly attributes: Attributes;
  readonly offers: Offers;
  readonly ehlo: string;
}

/** A session as its owner sees it. */
export interface OpenSession {
  readonly client: IpAddress;
  /** The server stops: ends now, or once the transaction under way is over. */
  drain(): void;
  /** Ends now. */
  cut(): void;
  state(): SessionState;
}

/** What all sessions share, as one of them sees it. */
export interface Reception {
  readonly hostname: string;
  /** Where `<Postmaster>` without a domain is: a domain of ours. */
  readonly postmasterDomain: Domain;
  readonly recorder: Pick<Recorder, "decisionIdFor" | "decision">;
  readonly use: { count(entryId: EntryId, client: IpAddress, now: number): void };
  readonly spool: Pick<Spool, "put" | "openContent">;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly mailDates: MailDates;
  /** `220` with its CRLF. */
  readonly greeting: string;
  readonly nextQueueId: () => QueueId;
  /** An I/O fault that was answered with 4xx: for the log. */
  readonly report: (fault: unknown) => void;
  /** A bug: ends the process. */
  readonly crash: (fault: unknown) => void;
  readonly etrn: EtrnDesk;
  /** Asks next hops for recipients; null where none is asked. */
  readonly verifier: Pick<RecipientVerifier, "refusalOf"> | null;
  policy(): CompiledPolicy | null;
  /** Room for one more message in the queue and in memory. */
  hasRoom(): boolean;
  /** The first of `lists` that names the client; null where none did so in time. Never rejects. */
  listedBy(client: IpAddress, lists: readonly Domain[]): Promise<Domain | null>;
  /** What `listener` offers now, in the clear or in TLS. */
  offering(listener: ListenerProfile, tls: boolean): Offering;
  /** Neither on *ACCEPT or *NEAR by its address nor this machine: one that the relay can do without when it has to. */
  isStranger(client: IpAddress): boolean;
  /** So many sessions are open that strangers have a tenth of their errors, fruitless commands and time. */
  isPressed(): boolean;
  /** The message is on stable storage: tells the journal, then the queue. */
  accepted(message: AcceptedMessage, reversePath: string, recipients: readonly string[], tls: string): void;
  forget(session: OpenSession): void;
}
