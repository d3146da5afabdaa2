import { formatBase32, parseBase32 } from "../base/base32.ts";
import type { Brand } from "../base/brand.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { Content } from "../mail/content.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { IpAddress } from "../mail/ip.ts";
import type { Outcome } from "./outcome.ts";

/** Names one message from acceptance to the end, in Received fields, replies and the journal. A safe integer that only grows. */
export type QueueId = Brand<number, "QueueId">;

/** `Q` and the number in Crockford's base 32: no I, L, O or U, so that it can be read out over a telephone. */
export function formatQueueId(id: QueueId): string {
  return `Q${formatBase32(id)}`;
}

export function parseQueueId(text: string): Result<QueueId, "not-a-queue-id"> {
  const value = /^q[0-9a-tv-z]{1,11}$/i.test(text) ? parseBase32(text.slice(1)) : NaN;
  return Number.isSafeInteger(value) ? ok(value as QueueId) : err("not-a-queue-id");
}

/** Where a message came from, as the receiving session knew it. */
export interface Origin {
  readonly client: IpAddress;
  /** The EHLO or HELO argument; `""` for a local submission that never said one. */
  readonly helo: string;
  /** The authenticated user, or null. */
  readonly user: string | null;
  /** `ESMTP`, `ESMTPSA`, … of RFC 3848, `local` for a local submission, `report` for a DSN of our own. */
  readonly protocol: string;
  /** There and true: the policy named the client itself as one to relay for, by an entry of *ACCEPT or *NEAR or its authentication. */
  readonly relayedFor?: boolean;
  /** There and true: such a client's, and its header lacks what a mail program adds, or has what one removes. It is mended on its way out. */
  readonly mustMend?: boolean;
}

/** A message as it is handed to the spool: complete, decided, and never rewritten afterwards. */
export interface AcceptedMessage {
  readonly id: QueueId;
  readonly acceptedAt: Instant;
  readonly origin: Origin;
  readonly envelope: Envelope;
  readonly content: Content;
}

/**
 * What the queue keeps of a message that is not yet settled: all but the content. `outcomes` has, for each recipient of the
 * envelope in order, its latest outcome or null while none was tried.
 */
export interface QueuedMessage {
  readonly id: QueueId;
  readonly acceptedAt: Instant;
  readonly origin: Origin;
  readonly envelope: Envelope;
  readonly sizeOctets: number;
  readonly outcomes: readonly (Outcome | null)[];
  readonly attempts: number;
  readonly held: boolean;
  /** An operator released it: no route holds it again. */
  readonly released?: boolean;
}
