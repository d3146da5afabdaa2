import type { Instant } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import type { IpAddress } from "../mail/ip.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Reply } from "../mail/reply.ts";
import type { Entry } from "./policy.ts";

export type Verdict = "relay" | "local" | "refuse" | "refuse-connection" | "defer";

/** What settled the question. */
export type Rule =
  | "REJECT" // the client is on *REJECT
  | "RBL" // a DNS list of RBLSVR names the client
  | "LOCAL" // the recipient's domain is ours
  | "ALWRLY" // *ALL or *NONE
  | "ACCEPT"
  | "NEAR"
  | "AUTH" // the client authenticated and ALWAUTH lets it relay
  | "AUTH-REQUIRED" // ALWAUTH(*LCLRLY), or a *REJECT client under OVRRJTCNNL(*YES), has not authenticated
  | "VFYFROMUSR"
  | "ADDRESS" // the forward-path is one that is never relayed: a ! path, "user@host"@local, a literal that is not ours
  | "VERIFY" // the recipient's domain is ours, and its next hop does not know the mailbox
  | "ROUTE" // the lists allow it, and a route with ACTION(*REFUSE) does not
  | "CONNECT" // nothing forbids the connection
  | "NO-MATCH" // no entry allows it
  | "NO-POLICY"; // no policy yet: doubt closes the door

/**
 * The answer to one question, with what made it: evidence for the journal, text for the client, the same value for `explain`.
 * `path` has every step that was asked, in order, with its answer.
 */
export interface Decision {
  readonly verdict: Verdict;
  readonly rule: Rule;
  readonly entry: Entry | null;
  readonly policyVersion: number;
  readonly reply: Reply;
  readonly path: readonly string[];
}

/** What is known about a client when a question is asked. A value: the decision keeps it. */
export interface ClientFacts {
  /** Normalised: an IPv4-mapped address is IPv4. */
  readonly address: IpAddress;
  /** Our own address that the client came in at; null where it is not known, and for local submission. */
  readonly localAddress: IpAddress | null;
  /** The authenticated user. */
  readonly user: string | null;
  readonly tls: boolean;
  readonly now: Instant;
  /** The list of RBLSVR that names the client, asked before; null where none does, or none answered in time. */
  readonly listedBy: Domain | null;
  /** Whether this session offers AUTH, now or after STARTTLS: OVRRJTCNNL(*YES) lets in only where that is true. Absent is no. */
  readonly mayAuthenticate?: boolean;
  /**
   * What the next hop said that a local recipient goes to, asked before, where it does not know the mailbox. Absent or null: it was not asked, takes it,
   * or leaves it in doubt.
   */
  readonly recipientRefusal?: Reply | null;
}

/** `recipient` is what is delivered to: the final address, where the forward-path had a route in it. */
export type RelayDecision = Decision & { readonly recipient: Mailbox };
