/**
 * The whole outside world on one page. The flows speak to these; `adapters/` implements them; `adapters/memory` does so for
 * tests and simulation; `signing-ports.ts` is its other side, for DKIM and ARC. A port has no optional methods, and its promise stands in its comment.
 */
import type { Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { Content, FileContent } from "../core/mail/content.ts";
import type { AddressAnswer, MxAnswer, TlsaAnswer, TxtAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { Recipient, Envelope } from "../core/mail/envelope.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import type { Mailbox } from "../core/mail/mailbox.ts";
import type { Network } from "../core/mail/network.ts";
import type { OwnMail, ReportMail } from "../core/mail/own-mail.ts";
import type { Reply } from "../core/mail/reply.ts";
import type { AuthMethod, Pace } from "../core/mail/next-hop-terms.ts";
import type { Decision, Verdict } from "../core/policy/decision.ts";
import type { EntryId, PolicyHead, PolicyRecord } from "../core/policy/policy.ts";
import type { RouteAuth, RouteRule } from "../core/policy/route-rule.ts";
import type { DuePage } from "../core/queue/due-page.ts";
import type { AcceptedMessage, QueuedMessage, QueueId } from "../core/queue/message.ts";
import type { Outcome } from "../core/queue/outcome.ts";
import type { AppliedPolicy, TlsDemand } from "../core/tls-policy/demand.ts";
import type { KeptStsPolicy, StsFetchFault, StsPolicy } from "../core/tls-policy/sts.ts";
import type { TlsResult } from "../core/tls-policy/tls-result.ts";
import type { ListenerState, SessionState } from "./listener-state.ts";
import type { Rewriting } from "./rewrite.ts";

// --- time and chance --------------------------------------------------------------------------------------------------

export interface Clock {
  now(): Instant;
  /** Calls `task` once, `delayMs` from now, and does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

// --- durable: policy --------------------------------------------------------------------------------------------------

export interface PolicyLog {
  /** Every record from `fromVersion` on, in order; the first `limit` of them where there is one. */
  read(fromVersion: number, limit?: number): Promise<readonly PolicyRecord[]>;
  /** The same without the changes themselves, which may be long. */
  heads(fromVersion: number): Promise<readonly PolicyHead[]>;
  /**
   * Resolves once the record is on stable storage. `record.version` must be the successor of the last version; where it is not,
   * somebody else was first: nothing is written and the conflict names the last version.
   */
  append(record: PolicyRecord): Promise<Result<void, { readonly kind: "conflict"; readonly version: number }>>;
}

/** A copy of the policy as of some version, so that a start need not fold the whole log. It may be lost: the log is the truth. */
export interface PolicySnapshots {
  /**
   * The octets last saved, from a multiple of eight of their buffer on. null where there are none, where they are damaged, and where the log has
   * another record of that version or none.
   */
  load(): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Takes the place of what was saved before, wholly or not at all. `version` is one that the log has; the parts are not changed. */
  save(version: number, parts: Iterable<Uint8Array>): Promise<void>;
}

/** Use of one entry, kept across restarts. */
export interface EntryUse {
  readonly hits: number;
  readonly lastUsedAt: Instant;
  readonly lastClient: string;
}

export interface UseStore {
  load(): Promise<ReadonlyMap<EntryId, EntryUse>>;
  /** Absolute figures, not increments: saving twice is harmless. */
  save(uses: ReadonlyMap<EntryId, EntryUse>): Promise<void>;
}

// --- durable: mail ----------------------------------------------------------------------------------------------------

/** What becomes of a message after its outcomes are written: still in the queue, gone, or kept in the capture box. */
export type Disposition = "keep" | "remove" | "capture";

/** No space; nothing can be opened now, all descriptors being in use; storage failed. The first two pass. */
export type SpoolFault = "full" | "busy" | "broken";

export interface Spool {
  /**
   * Resolves once the message is on stable storage: only now may the server answer 250 (law 1). Concurrent puts share one disk
   * sync. `full`: no space, nothing was kept, later puts may succeed. `broken`: storage failed; nothing more is taken. A file of
   * content is the spool's from here on: it goes again where the message is not kept.
   */
  put(message: AcceptedMessage): Promise<Result<void, SpoolFault>>;
  /** Streams content too large for memory; `finish` syncs the file, `abort` removes it. An unnamed file left by a crash is removed at start. */
  openContent(): Promise<Result<ContentWriter, SpoolFault>>;
  /**
   * Appends outcomes (one per recipient tried) and disposes of the message, in one transaction that shares its sync with others.
   * A file of content goes with its message.
   */
  settle(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Promise<void>;
  hold(ids: readonly QueueId[], held: boolean): Promise<void>;
  /** Takes messages out of the queue or the capture box for good, undelivered. Resolves with how many were there. */
  remove(ids: readonly QueueId[]): Promise<number>;
  /**
   * Takes note that an attempt for the message is about to begin, of which `faults` in a row before it found no end. Resolves once
   * the death of the process cannot take it back; a power cut may. The next `settle` or release of the message ends it.
   */
  begin(id: QueueId, faults: number): Promise<void>;
  /** What the schedule needs to know of up to `limit` messages of the queue with ids above `after`: for recovery at start, page by page. */
  due(after: number, limit: number): Promise<DuePage>;
  /** Up to `limit` messages of the queue with ids above `after`, in order of id. */
  load(after: number, limit: number): Promise<readonly QueuedMessage[]>;
  find(id: QueueId): Promise<QueuedMessage | null>;
  /** The content, whole, as octets or as a file that can be streamed; null where the message is gone. */
  content(id: QueueId): Promise<Content | null>;
  /** Blocks of a file of content, in order. */
  readFile(content: FileContent): AsyncIterable<Uint8Array>;
  /** The newest messages of the capture box with ids below `before`. */
  captured(before: number, limit: number): Promise<readonly QueuedMessage[]>;
  counts(): Promise<{ readonly queued: number; readonly captured: number; readonly octets: number }>;
  /** Checks storage as a whole (SQLite's integrity_check, every row readable, every file there). Empty is sound. */
  check(): Promise<readonly string[]>;
}

export interface ContentWriter {
  /** Resolves when the chunk, which is then the caller's again, is written and more may be: back-pressure. */
  write(chunk: Uint8Array): Promise<void>;
  finish(dotLines: boolean): Promise<Result<FileContent, SpoolFault>>;
  abort(): Promise<void>;
}

/** What came of a copy of the whole store. */
export interface StoreBackup {
  /** Of the queue and the capture box. */
  readonly messages: number;
  /** Those of them whose content cannot be read. */
  readonly damaged: number;
  /** The key that opens sealed passwords is in it. */
  readonly withKey: boolean;
}

// --- durable: evidence ------------------------------------------------------------------------------------------------

/**
 * `count` is above 1 where a flood was aggregated: so many decisions of the same client, recipient domain, rule and minute stand
 * in one row, which shows the first of them. `over` is there where they are not even of one client.
 */
export type JournalEvent =
  | {
      readonly kind: "decision";
      readonly at: Instant;
      /** The number behind `D-7F3K2`. */
      readonly id: number;
      readonly decision: Decision;
      readonly client: IpAddress;
      readonly helo: string;
      readonly user: string | null;
      readonly reversePath: string;
      /** `""` for a decision about a connection. */
      readonly recipient: string;
      readonly listener: string;
      readonly count: number;
      /** Aggregated over the network of the client (IPv4 /24, IPv6 /64) or over everybody, whatever the recipient's domain. */
      readonly over?: "network" | "everybody";
    }
  | {
      readonly kind: "accepted";
      readonly at: Instant;
      readonly queueId: QueueId;
      readonly client: IpAddress;
      readonly user: string | null;
      readonly reversePath: string;
      readonly recipients: readonly string[];
      readonly sizeOctets: number;
      /** Protocol and cipher of the session, with `legacy` behind them where the protocol is older than TLS 1.2; `none: AUTH in the clear`, or `""`. */
      readonly tls: string;
    }
  | {
      readonly kind: "outcome";
      readonly at: Instant;
      readonly queueId: QueueId;
      readonly reversePath: string;
      readonly recipient: string;
      readonly outcome: Outcome;
    }
  | {
      readonly kind: "policy";
      readonly at: Instant;
      readonly version: number;
      readonly by: string;
      readonly command: string;
      readonly meaning: string;
    }
  /** An operator's act or the server's own: started, stopped, held, released, removed, a user added. */
  | { readonly kind: "operation"; readonly at: Instant; readonly by: string; readonly text: string };

export type JournalKind = JournalEvent["kind"];

export interface JournalFilter {
  readonly kinds?: readonly JournalKind[];
  readonly from?: Instant;
  readonly to?: Instant;
  readonly clientIn?: Network;
  readonly entryId?: EntryId;
  readonly verdicts?: readonly Verdict[];
  readonly domain?: Domain;
  readonly queueId?: QueueId;
  /** Position to continue after: the `row` of the last one seen. */
  readonly after?: number;
  readonly order: "newest" | "oldest";
  readonly limit: number;
}

export type JournalRow = { readonly row: number } & JournalEvent;

export interface Journal {
  /**
   * Takes an event into the batch; it is on disk within `JOURNAL_FLUSH_MS` (1 s). Never waits: mail does not wait for its evidence.
   * A decision with a `count` above 1 takes the place of the row of the same id, rule, policy version, entry and user, where there is one.
   */
  record(event: JournalEvent): void;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
  query(filter: JournalFilter): Promise<readonly JournalRow[]>;
  findDecision(id: number): Promise<JournalRow | null>;
  /** A decision number that was never given before, across restarts too. */
  nextDecisionId(): number;
}

// --- users ------------------------------------------------------------------------------------------------------------

/** A SCRAM-SHA-256 verifier (RFC 5802, RFC 7677): no password can be read back from it. */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface UserStore {
  find(name: string): Promise<ScramVerifier | null>;
  /** Replaces the verifier where the user exists already; resolves with whether it did. */
  put(name: string, verifier: ScramVerifier, at: Instant): Promise<boolean>;
  remove(name: string): Promise<boolean>;
  list(): Promise<readonly { readonly name: string; readonly addedAt: Instant }[]>;
}

/** Hashes and random octets; slow ones run off the main thread. */
export interface Cryptography {
  randomOctets(count: number): Uint8Array;
  sha256(octets: Uint8Array): Uint8Array;
  /** To take up a key costs more than to use it. */
  hmacSha256(key: Uint8Array): (octets: Uint8Array) => Uint8Array;
  pbkdf2Sha256(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array>;
  /** Takes the same time wherever they differ. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** Seals a secret with the key of the data directory (AES-256-GCM), as text. */
  seal(secret: string): string;
  /** The secret again; null where the text was sealed with another key or tampered with. */
  unseal(sealed: string): string | null;
}

// --- network: out -----------------------------------------------------------------------------------------------------

export interface Resolver {
  mx(domain: Domain): Promise<MxAnswer>;
  addresses(host: string): Promise<AddressAnswer>;
  /** Whether the DNS list names the client (RFC 5782); `unknown` after its timeout. Answers are cached. */
  listed(client: IpAddress, list: Domain): Promise<"listed" | "not-listed" | "unknown">;
  txt(name: Domain): Promise<TxtAnswer>;
  /** Of a name such as `_25._tcp.mx.example.net`. */
  tlsa(name: Domain): Promise<TlsaAnswer>;
}

/** Tokens of OAuth accounts (RFC 6749), kept and shared by all that needs one. */
export interface AccessTokens {
  /** One that is good now; waits where it must be fetched. The fault says in a sentence why there is none; no secret is in it. */
  tokenFor(account: string): Promise<Result<string, string>>;
  /** A server would not have it: the next call fetches another one, unless that was tried just before. */
  refused(account: string, token: string): void;
}

/** How we say who we are: by a password, or by the token that an OAuth account has at that moment. `method`: of the host, where no route says another. */
export type NextHopCredentials = { readonly user: string; readonly method?: AuthMethod } & (
  { readonly kind: "password"; readonly password: string } | { readonly kind: "token"; readonly account: string }
);

export interface NextHopServer {
  readonly host: string;
  readonly address: IpAddress;
  readonly port: number;
  /** TLS from the first octet (RFC 8314 §3.3), not by STARTTLS. */
  readonly isImplicit: boolean;
  readonly tls: TlsDemand;
  /** It follows from what its domain publishes, not from a route: a message may ask for less (RFC 8689 §3). */
  readonly isPublished: boolean;
  /** What its domain publishes of TLS, for the counters of TLSRPT; null where what comes of it counts nowhere. */
  readonly policy: AppliedPolicy | null;
  /** Sent only after TLS. */
  readonly credentials: NextHopCredentials | null;
}

export interface NextHop {
  /** Names the route, and what shares trouble and concurrency: `mx:example.net`, `smarthost:smtp.example.net:587`, `local:…`. */
  readonly key: string;
  /** Names what shares connections: the key, and what is demanded of TLS; a connection made under one demand serves no other. */
  readonly connectionsKey: string;
  /** The name of the route of the policy that it was found by; null where none matched. */
  readonly route: string | null;
  /** In order of trial; a host may stand there several times, once an address. Never empty. */
  readonly servers: readonly NextHopServer[];
  /** `auto` where no route says another. */
  readonly auth: RouteAuth["method"];
  /** `graph`: the servers are those of Graph. */
  readonly transport: RouteRule["transport"];
  /** null: as the limits say, for rates none. */
  readonly pace: Pace;
  /** *CLTBIND: our own address of the connection, one a family. */
  readonly localAddresses: readonly IpAddress[];
  readonly rewriting: Rewriting | null;
}

/** Hears of every TLS session with an exchanger, and of what came in the way of one: the counters of TLSRPT (RFC 8460). Never waits, never throws. */
export interface TlsResults {
  record(result: TlsResult): void;
}

/** The policies of MTA-STS that domains publish (RFC 8461). */
export interface StsPolicies {
  /** What counts for the domain now; null where it has none, or none is known in time. Never throws; waits some seconds at most. */
  policyOf(domain: Domain): Promise<StsPolicy | null>;
}

/** Asks the web server of a domain for its policy (RFC 8461 §3.3). Never rejects; takes a minute at most. */
export interface StsPolicyFetcher {
  fetch(domain: Domain): Promise<Result<string, StsFetchFault>>;
}

/** Policies of MTA-STS across restarts. One change of a domain at a time; what is lost is fetched again. */
export interface StsPolicyStore {
  load(): Promise<readonly KeptStsPolicy[]>;
  put(policy: KeptStsPolicy): Promise<void>;
  remove(domain: Domain): Promise<void>;
}

export interface OutgoingMessage {
  readonly id: QueueId;
  readonly envelope: Omit<Envelope, "recipients">;
  readonly recipients: readonly Recipient[];
  /** Lines before the content: signatures, and a header for the first `skipOctets` of it, which stay here. Mostly none; with dots in front only where `dotLines` says so. */
  readonly front: Uint8Array;
  readonly skipOctets: number;
  readonly content: Content;
}

/** What the next hop said. `replies` has one for each recipient in order, after end of data where it came to that. */
export interface TransportResult {
  readonly server: string;
  readonly tls: string;
  readonly replies: readonly Reply[];
  /** No server of the next hop could be used at all: trouble of the route, not of this message. */
  readonly routeTrouble: boolean;
  /** Whether the server offered DSN and so took over the duty to report (RFC 3461 §5.2.2). */
  readonly dsnPassedOn: boolean;
  /** For how long the next hop wants nothing, where it said so. */
  readonly retryAfterMs?: number;
}

export type ProbeStepName = "connect" | "greeting" | "ehlo" | "tls" | "token" | "auth" | "mail" | "rcpt";

/** One step of a walk to a server. `reply` is a refusal, which ends the walk, or null. */
export interface ProbeStep {
  readonly name: ProbeStepName;
  /** `mx1.example.net [192.0.2.1]:25`. */
  readonly server: string;
  readonly tookMs: number;
  /** What the server said, printable. */
  readonly words: string;
  readonly reply: Reply | null;
}

export interface RouteProber {
  /**
   * Walks to a next hop as mail would, up to where it would be sent, and takes leave: nothing is sent. A server that cannot be reached is
   * followed by the next one; any other refusal ends the walk, and is its last step.
   */
  probe(hop: NextHop, reversePath: Mailbox, forwardPath: Mailbox): Promise<readonly ProbeStep[]>;
}

export interface RecipientProber {
  /**
   * What the next hop says to RCPT for mail from the null reverse-path, on a connection kept for the next question; nothing is sent. null where it did not
   * come to RCPT in some seconds: trouble of the next hop. Never rejects but by a bug; where all connections are busy, it waits for one.
   */
  ask(hop: NextHop, recipient: Mailbox): Promise<Reply | null>;
}

export interface Transport {
  /** One message to one next hop, over a kept connection where there is one. Network trouble is a 4xx reply of our own, never a rejection. */
  send(hop: NextHop, message: OutgoingMessage): Promise<TransportResult>;
  /** Connections open now. */
  connections(): number;
  /** Lets messages in flight end until the deadline, then cuts. */
  close(deadlineMs: number): Promise<void>;
}

// --- network: in ------------------------------------------------------------------------------------------------------

/** The SMTP server's doors. STRTCPSVR and ENDTCPSVR work them; the queue does not care. */
export interface Listeners {
  /** Opens every listener or none; the fault names the address and what is in its way. */
  open(): Promise<Result<void, string>>;
  /** No new sessions; transactions under way may end until the deadline, then 421. */
  close(deadlineMs: number): Promise<void>;
  state(): readonly ListenerState[];
  sessions(): readonly SessionState[];
  /** Re-reads certificates; sessions under way keep theirs. */
  reloadTls(): Promise<Result<void, string>>;
}

// --- mail of our own -------------------------------------------------------------------------------------------------

/** Writes MIME (RFC 5322, RFC 2045): header and body with CRLF, 7-bit, no line above 998 octets, nothing of Bcc. */
export interface Composer {
  compose(mail: OwnMail): Promise<Uint8Array>;
}

/** Writes a DSN as MIME, with `Auto-Submitted: auto-replied` (RFC 3834), and says whether it has octets above 127. */
export interface ReportComposer {
  composeReport(mail: ReportMail): Promise<{ readonly octets: Uint8Array; readonly eightBit: boolean }>;
}

/** Processor time used so far, in microseconds. */
export interface ProcessorMeter {
  /** Of the main thread: sessions, policy, schedule. */
  mainMicros(): number;
  /** Of all threads together. */
  totalMicros(): number;
}
