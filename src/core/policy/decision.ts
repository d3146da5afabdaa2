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
