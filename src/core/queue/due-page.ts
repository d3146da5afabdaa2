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

/** Collects the messages of one page, in order of id. */
export class DuePageWriter {
  #count = 0;
  readonly #ids: Float64Array;
  readonly #acceptedAt: Float64Array;
  readonly #dueAt: Float64Array;
  readonly #triedAt: Float64Array;
  readonly #host: Int32Array;
  readonly #held: Uint8Array;
  readonly #faults: Uint8Array;
  readonly #places = new Map<string, number>();

  /** `countMax`: messages that it has room for. */
  constructor(countMax: number) {
    this.#ids = new Float64Array(countMax);
    this.#acceptedAt = new Float64Array(countMax);
    this.#dueAt = new Float64Array(countMax);
    this.#triedAt = new Float64Array(countMax);
    this.#host = new Int32Array(countMax);
    this.#held = new Uint8Array(countMax);
    this.#faults = new Uint8Array(countMax);
  }

  add(
    id: number,
    acceptedAt: Instant,
    dueAt: Instant,
    triedAt: Instant,
    host: string | null,
    held: boolean,
    faults: number,
  ): void {
    const place = this.#count++;
    this.#ids[place] = id;
    this.#acceptedAt[place] = acceptedAt;
    this.#dueAt[place] = dueAt;
    this.#triedAt[place] = triedAt;
    this.#host[place] = host === null ? -1 : this.#placeOf(host);
    this.#held[place] = held ? 1 : 0;
    this.#faults[place] = Math.min(255, faults);
  }

  /** A message that was read. */
  addMessage(message: QueuedMessage, faults: number): void {
    const { id, acceptedAt, held, envelope } = message;
    const next = nextOutcome(message.outcomes);
    this.add(id, acceptedAt, next?.retryAt ?? 0, next?.at ?? 0, hostOf(envelope.recipients), held, faults);
  }

  page(): DuePage {
    const count = this.#count;
    return {
      ids: this.#ids.subarray(0, count),
      acceptedAt: this.#acceptedAt.subarray(0, count),
      dueAt: this.#dueAt.subarray(0, count),
      triedAt: this.#triedAt.subarray(0, count),
      host: this.#host.subarray(0, count),
      held: this.#held.subarray(0, count),
      faults: this.#faults.subarray(0, count),
      hosts: [...this.#places.keys()],
    };
  }

  #placeOf(host: string): number {
    const known = this.#places.get(host);
    if (known !== undefined) return known;
    const place = this.#places.size;
    this.#places.set(host, place);
    return place;
  }
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

/** The id at a place of a page. */
export function idAt(page: DuePage, place: number): QueueId {
  return (page.ids[place] ?? 0) as QueueId;
}
