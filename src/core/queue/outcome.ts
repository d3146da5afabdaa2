import type { Instant } from "../base/time.ts";
import type { Reply } from "../mail/reply.ts";

/** One recipient, one attempt (RFC 3464 §2.3.3 actions). `expired` is a failure because the time in the queue ran out. */
export type OutcomeKind = "delivered" | "deferred" | "failed" | "expired";

export interface Outcome {
  readonly kind: OutcomeKind;
  /** Index into the recipients of the envelope. */
  readonly recipient: number;
  readonly at: Instant;
  /** The next hop that was tried, as `host:port` or `capture`; `""` where none could be found. */
  readonly nextHop: string;
  /** The server that answered: `mx1.example.net [192.0.2.1]`; `""` where nobody did. */
  readonly server: string;
  /** What the next hop answered, or our own words with a code and status of their own where it could not be reached. */
  readonly reply: Reply;
  /** Protocol and cipher of the session (`TLSv1.3 TLS_AES_256_GCM_SHA384`), `""` in clear. */
  readonly tls: string;
  /** The name of the route of the policy that it went by. */
  readonly route?: string;
  /** For `deferred`: when it is tried again. */
  readonly retryAt?: Instant;
}

/** Delivered, failed and expired are final: nothing more is tried for that recipient. */
export function isSettled(outcome: Outcome | null): boolean {
  return outcome !== null && outcome.kind !== "deferred";
}
