import type { Instant } from "../base/time.ts";
import type { Recipient } from "../mail/envelope.ts";
import { formatMailboxHost } from "../mail/mailbox.ts";
import type { QueuedMessage, QueueId } from "./message.ts";
import { isSettled, type Outcome } from "./outcome.ts";

/**
 * What the schedule needs to know of messages that wait, and nothing else: columns of numbers, one place a message, in order of id.
 * A million messages come to know their turn without one of them being read.
 */
export interface DuePage {
  readonly ids: Float64Array;
  readonly acceptedAt: Float64Array;
  /** When the next attempt is due, and when the last one was; 0 where none was made. */
  readonly dueAt: Float64Array;
  readonly triedAt: Float64Array;
  /** Place in `hosts` of the host that all recipients share; -1 where they have several: such a message must be read. */
  readonly host: Int32Array;
  /** 1 where an operator holds it. */
  readonly held: Uint8Array;
  /** Attempts that were begun and have no end: the relay ended first, or failed. At most 255. */
  readonly faults: Uint8Array;
  readonly hosts: readonly string[];
}

/** One message of a page. */
export interface DueRow {
  readonly id: number;
  readonly acceptedAt: Instant;
  readonly dueAt: Instant;
  readonly triedAt: Instant;
  /** As `hostOf` gives it. */
  readonly host: string | null;
  readonly held: boolean;
  readonly faults: number;
}

export function duePage(rows: readonly DueRow[]): DuePage {
  const places = new Map<string, number>();
  const host = new Int32Array(rows.length);
  for (const [i, row] of rows.entries()) host[i] = row.host === null ? -1 : placeOf(places, row.host);
  return {
    ids: Float64Array.from(rows, ({ id }) => id),
    acceptedAt: Float64Array.from(rows, ({ acceptedAt }) => acceptedAt),
    dueAt: Float64Array.from(rows, ({ dueAt }) => dueAt),
    triedAt: Float64Array.from(rows, ({ triedAt }) => triedAt),
    host,
    held: Uint8Array.from(rows, ({ held }) => (held ? 1 : 0)),
    faults: Uint8Array.from(rows, ({ faults }) => Math.min(255, faults)),
    hosts: [...places.keys()],
  };
}

/** The row of a message that was read. */
export function dueRowOf(message: QueuedMessage, faults: number): DueRow {
  const { id, acceptedAt, held, envelope } = message;
  const next = nextOutcome(message.outcomes);
  return {
    id,
    acceptedAt,
    dueAt: next?.retryAt ?? 0,
    triedAt: next?.at ?? 0,
    host: hostOf(envelope.recipients),
    held,
    faults,
  };
}

/** The host that all recipients share, as text; null where they have several. */
export function hostOf(recipients: readonly Recipient[]): string | null {
  let shared: string | null = null;
  for (const { forwardPath } of recipients) {
    const host = formatMailboxHost(forwardPath.host);
    if (shared !== null && host !== shared) return null;
    shared = host;
  }
  return shared;
}

/** The last outcome of the recipient that is due first; null where one was never tried. */
function nextOutcome(outcomes: readonly (Outcome | null)[]): Outcome | null {
  let next: Outcome | null = null;
  for (const outcome of outcomes) {
    if (outcome === null) return null;
    if (!isSettled(outcome) && (next === null || (outcome.retryAt ?? 0) < (next.retryAt ?? 0))) next = outcome;
  }
  return next;
}

function placeOf(places: Map<string, number>, host: string): number {
  const known = places.get(host);
  if (known !== undefined) return known;
  places.set(host, places.size);
  return places.size - 1;
}

/** The id at a place of a page. */
export function idAt(page: DuePage, place: number): QueueId {
  return (page.ids[place] ?? 0) as QueueId;
}
