/**
 * What an operator can do, by whatever door: CL command, plain verb, screen, API. The doors hold an `Operations` and nothing
 * else of the house, so nothing can be done at one of them that the others do not know.
 */
import type { Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { DkimAlgorithm, DkimKey } from "../core/dkim/key.ts";
import type { Published } from "../core/dkim/key-record.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { Envelope } from "../core/mail/envelope.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import type { Reply } from "../core/mail/reply.ts";
import type { Decision } from "../core/policy/decision.ts";
import type { Finding } from "../core/policy/finding.ts";
import type { RelayFigures } from "../core/policy/relay-figures.ts";
import type {
  Attributes,
  Entry,
  EntryId,
  EntryValue,
  ListName,
  PolicyChange,
  PolicyHead,
} from "../core/policy/policy.ts";
import type { MemoryContent } from "../core/mail/content.ts";
import type { HopView } from "../core/queue/hop-line.ts";
import type { QueuedMessage, QueueId } from "../core/queue/message.ts";
import type { ReportingParty } from "../core/tls-policy/tls-report.ts";
import type { TlsTally } from "../core/tls-policy/tls-tally.ts";
import type { CommandResult } from "./command-result.ts";
import type { TestWords } from "./test-route.ts";
import type { RouteCheck, RouteQuestion } from "./check-route.ts";
import type { OAuthOperations } from "./oauth-operations.ts";
import type { ListenerState, SessionState } from "./listener-state.ts";
import type { Composer, Cryptography, EntryUse, Journal, UserStore } from "./ports.ts";

export interface ChangeRequest {
  readonly change: PolicyChange;
  /** As typed, secrets taken out: goes into the log. */
  readonly command: string;
  readonly by: string;
  /** CONFIRM(*YES) was said. */
  readonly confirmed: boolean;
}

export interface ChangeAnswer {
  readonly version: number;
  /** The entry that was added, changed or removed. */
  readonly entry: Entry | null;
  /** Of that entry, or of the whole policy after `replace`. */
  readonly findings: readonly Finding[];
}

export type ChangeRefusal =
  | { readonly kind: "duplicate-entry"; readonly entry: Entry }
  | { readonly kind: "entry-not-found" }
  | { readonly kind: "value-not-for-list"; readonly list: ListName }
  | { readonly kind: "too-many-entries"; readonly entriesMax: number }
  | { readonly kind: "nothing-to-change" }
  /** The change opens the relay wide (contract, rule 9). `letsIn` is how many addresses may relay afterwards that may not now. */
  | { readonly kind: "needs-confirmation"; readonly why: string; readonly letsIn: bigint }
  /** Another operator was first; `version` and `by` say who. Nothing was changed. */
  | { readonly kind: "conflict"; readonly version: number; readonly by: string }
  | { readonly kind: "no-policy" };

/** The policy as operators work it. Every change goes through `change`: one door, one log. */
export interface PolicyOperations {
  version(): number;
  attributes(): Attributes;
  /** Entries of one list or of all, sorted: by list, then address or name. Expired ones too. */
  entries(list?: ListName): readonly Entry[];
  /** The same one after the other, as they are at this moment: for long lists. */
  walk(list?: ListName): Iterable<Entry>;
  entry(id: EntryId): Entry | null;
  /** The entry of the list with this value; a *HOSTAUTH entry by its host alone. Expired ones too. */
  find(list: ListName, value: EntryValue): Entry | null;
  change(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>>;
  /** What `change` would answer, without doing it. */
  preview(request: ChangeRequest): Promise<Result<ChangeAnswer, ChangeRefusal>>;
  /** Makes the policy what it was before the newest change, as a new version; `null` when there is nothing to undo. */
  undo(by: string, confirmed: boolean): Promise<Result<ChangeAnswer, ChangeRefusal> | null>;
  history(limit: number): Promise<readonly PolicyHead[]>;
  analyse(): Promise<readonly Finding[]>;
  /** The narrowest entry of the list that has not ended and covers all addresses of the value; null where there is none. */
  covering(list: ListName, value: EntryValue): Entry | null;
  /** Who may relay by the list now. */
  relayFigures(list: "*ACCEPT" | "*NEAR"): Promise<RelayFigures>;
  use(id: EntryId): EntryUse | null;
}

export interface ExplainQuestion {
  readonly client: IpAddress;
  readonly reversePath: string;
  /** null asks about the connection alone. */
  readonly recipient: string | null;
  readonly user: string | null;
  readonly tls: boolean;
}

export interface ExplainOperations {
  /** What the live relay would answer, from the same functions. A path that does not parse is answered as the session would: 501. */
  explain(question: ExplainQuestion): Decision;
}

export interface QueueEntry {
  readonly message: QueuedMessage;
  readonly state: "ready" | "active" | "deferred" | "held" | "captured";
  readonly nextHops: readonly string[];
  /** When it is tried at the earliest. */
  readonly dueAt: Instant | null;
  /** What its turn waits for, where that is more than time: `30 a minute`. */
  readonly waitsFor: string | null;
}

export interface QueueFilter {
  readonly states?: readonly QueueEntry["state"][];
  readonly ids?: readonly QueueId[];
  readonly nextHop?: string;
  readonly reversePath?: string;
  readonly recipient?: string;
  readonly from?: Instant;
  readonly to?: Instant;
}

export interface QueueOperations {
  list(filter: QueueFilter, limit: number): Promise<readonly QueueEntry[]>;
  find(id: QueueId): Promise<QueueEntry | null>;
  /** The content for display, at most `octetsMax` of it. */
  content(id: QueueId, octetsMax: number): Promise<Uint8Array | null>;
  /** How many messages it concerned. A held message stays until it is released. */
  hold(filter: QueueFilter, by: string): Promise<number>;
  release(filter: QueueFilter, by: string): Promise<number>;
  /** Makes deferred messages due now. */
  retry(filter: QueueFilter, by: string): Promise<number>;
  /** Takes messages out for good, without a report. */
  remove(filter: QueueFilter, by: string): Promise<number>;
  summary(): Promise<QueueSummary>;
  /** The next hops that have something waiting or are in trouble: those in trouble first. */
  hops(limit: number): readonly HopView[];
}

export interface QueueSummary {
  readonly queued: number;
  readonly ready: number;
  readonly active: number;
  readonly deferred: number;
  readonly held: number;
  readonly captured: number;
  readonly oldestAt: Instant | null;
  readonly connectionsOut: number;
  /** Reports that were not sent since the start: too many to one address or domain in an hour. */
  readonly reportsWithheld: number;
  /** Next hops in trouble, which are left alone save for one attempt now and then, and those that asked for less. */
  readonly hops: { readonly open: number; readonly slowed: number };
}

/** Mail of programs on this machine: client 127.0.0.1, judged like any other. */
export interface Submission {
  readonly envelope: Envelope;
  readonly content: MemoryContent;
  readonly by: string;
}

export type SubmitAnswer =
  | { readonly kind: "queued"; readonly id: QueueId; readonly refused: readonly RefusedRecipient[] }
  /** No recipient was accepted, or the queue could not take it (451, 452): nothing was queued. */
  | { readonly kind: "refused"; readonly refused: readonly RefusedRecipient[]; readonly reply: Reply };

export interface RefusedRecipient {
  readonly recipient: string;
  readonly reply: Reply;
}

export interface SubmitOperations {
  submit(submission: Submission): Promise<SubmitAnswer>;
}

export interface DkimCreation {
  readonly domain: Domain;
  /** null: one with the day in it. Of several algorithms each gets its name behind it. */
  readonly selector: string | null;
  readonly algorithms: readonly DkimAlgorithm[];
  readonly subdomains: boolean;
  /** Signs at once, published or not. */
  readonly now: boolean;
}

export type DkimFault =
  | { readonly kind: "selector"; readonly selector: string }
  | { readonly kind: "exists"; readonly selector: string }
  | { readonly kind: "not-found" | "unreadable" | "too-many" }
  /** It signs now: mail of the domain would go out without its signature. */
  | { readonly kind: "signs" };

/** What the DNS says of a key; `starts`: it was pending and signs from now on. */
export interface DkimLook {
  readonly key: DkimKey;
  readonly published: Published | { readonly trouble: string };
  readonly starts: boolean;
}

/** The keys of DKIM. What is private of them never comes out. */
export interface DkimOperations {
  /** Of one domain or of all, by domain and age. */
  list(domain: Domain | null): readonly DkimKey[];
  /** Whether the private key can be opened. */
  isReadable(key: Pick<DkimKey, "domain" | "selector">): boolean;
  create(wanted: DkimCreation, by: string): Promise<Result<readonly DkimKey[], DkimFault>>;
  look(domain: Domain, by: string): Promise<readonly DkimLook[]>;
  use(domain: Domain, selector: string, by: string): Promise<Result<DkimKey, DkimFault>>;
  /** How many were removed; `selector` null is all of the domain. */
  remove(domain: Domain, selector: string | null, confirmed: boolean, by: string): Promise<Result<number, DkimFault>>;
}

/** A row of WRKACTJOB. */
export interface Job {
  readonly name: string;
  readonly user: string;
  readonly type: string;
  /** Tenths of a per cent of one processor since the last look. */
  readonly cpuPermille: number;
  readonly function: string;
  readonly status: string;
}

export interface ServerStatus {
  readonly pid: number;
  readonly version: string;
  readonly hostname: string;
  readonly startedAt: Instant;
  readonly active: boolean;
  readonly listeners: readonly ListenerState[];
  readonly deliveryMode: string;
  readonly dataDirectory: string;
  readonly localDomains: readonly string[];
  /** "self-signed" or the file, with its end. */
  readonly certificate: string;
  readonly certificateExpiresAt: Instant;
  readonly warnings: readonly string[];
}

export interface ServerOperations {
  status(): ServerStatus;
  sessions(): readonly SessionState[];
  jobs(): readonly Job[];
  start(by: string): Promise<Result<void, string>>;
  stop(by: string, deadlineMs: number): Promise<void>;
}

export interface RouteOperations {
  /** Walks the way of mail as a delivery would, and sends nothing. */
  check(question: RouteQuestion): Promise<RouteCheck>;
  /** The way that mail would take, without asking anybody but DNS. */
  test(words: TestWords): Promise<CommandResult>;
}

/** What is counted for reports of TLS. */
export interface TlsReportOperations {
  readonly party: ReportingParty;
  /** null where nothing is counted of that day, or no more. */
  tally(day: number): TlsTally | null;
}

export interface Operations {
  readonly policy: PolicyOperations;
  readonly explain: ExplainOperations;
  readonly queue: QueueOperations;
  readonly submit: SubmitOperations;
  readonly journal: Journal;
  readonly users: UserStore;
  readonly dkim: DkimOperations;
  readonly oauth: OAuthOperations;
  readonly routes: RouteOperations;
  /** null where no reports of TLS are sent. */
  readonly tlsReports: TlsReportOperations | null;
  readonly cryptography: Cryptography;
  readonly server: ServerOperations;
  readonly composer: Composer;
  /** A file of this machine for ATTACH, at most `octetsMax`; the fault is a sentence for the operator. */
  readAttachment(path: string, octetsMax: number): Promise<Result<Uint8Array, string>>;
  /** Now, as the clock of the house says. */
  readonly now: () => Instant;
  /** Resolves once everything else that waits had its turn. */
  readonly pause: () => Promise<void>;
}
