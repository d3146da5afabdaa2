// HOT PATH: 1 µs a decision, accepted message or outcome on the main thread, without what the journal adapter does with it.
import type { Instant } from "../core/base/time.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { FloodWindow } from "./flood-window.ts";
import type { Clock, Journal, JournalEvent, Timer } from "./ports.ts";

/** Counts of aggregated decisions reach the journal this often, and once more when the minute is over. */
export const AGGREGATE_FLUSH_MS = 500;

type EventOf<Kind extends JournalEvent["kind"]> = Extract<JournalEvent, { kind: Kind }>;
export type DecisionEvent = Omit<EventOf<"decision">, "kind" | "count" | "over">;
export type AcceptedEvent = Omit<EventOf<"accepted">, "kind">;
export type OutcomeEvent = Omit<EventOf<"outcome">, "kind">;
export type PolicyEvent = Omit<EventOf<"policy">, "kind">;
export type OperationEvent = Omit<EventOf<"operation">, "kind">;

export interface RecorderOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** The present JOURNAL attribute: with *NO only refusals, changes and operations are kept. */
  readonly keepsPasses: () => boolean;
  readonly limits: {
    readonly journalRefusalRowsPerMinute: number;
    readonly journalPassRowsPerMinute: number;
    readonly journalRefusalsOfOneClientPerMinute: number;
  };
}

/**
 * What the flows tell the journal. Evidence is complete until it is a flood: then decisions of the same client, recipient
 * domain and rule within a minute share one row that counts them (docs/journal.md).
 */
export class Recorder {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #keepsPasses: () => boolean;
  readonly #refusals: FloodWindow;
  readonly #passes: FloodWindow;
  #timer: Timer | null = null;
  /** The last question of `decisionIdFor`, so that the decision that follows it is counted under the same domain. */
  #askedId = -1;
  #askedDomain = "";
  #askedIsShared = false;
  /** A number that was asked for and not used: most connections and senders just pass. -1 is none. */
  #spareId = -1;

  constructor(options: RecorderOptions) {
    const { journal, clock, keepsPasses, limits } = options;
    this.#journal = journal;
    this.#clock = clock;
    this.#keepsPasses = keepsPasses;
    const write = (event: JournalEvent): void => journal.record(event);
    this.#refusals = new FloodWindow({
      ownRowsPerKey: limits.journalRefusalsOfOneClientPerMinute,
      rows: limits.journalRefusalRowsPerMinute,
      write,
    });
    this.#passes = new FloodWindow({ ownRowsPerKey: Infinity, rows: limits.journalPassRowsPerMinute, write });
  }

  /** Begins to write the counts of aggregated rows, every `AGGREGATE_FLUSH_MS`. */
  start(): void {
    this.#timer ??= this.#clock.after(AGGREGATE_FLUSH_MS, () => {
      this.#timer = null;
      this.writeCounts();
      this.start();
    });
  }

  /** Writes what is counted but not yet written. The journal itself is flushed and closed by its owner. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.writeCounts();
  }

  writeCounts(): void {
    this.#refusals.writeCounts();
    this.#passes.writeCounts();
  }

  /** A decision number that was never given before, across restarts too. */
  nextDecisionId(): number {
    return this.#journal.nextDecisionId();
  }

  /**
   * The number that the decision now to be made shall carry, asked before it is known: a new one, or, where the client is in
   * the midst of a flood of refusals for the domain of `recipient` (`""` for a connection), the number of the row that counts
   * them. Ask, decide and call `decision` in one turn of the loop: a number for which that did not happen is given again.
   */
  decisionIdFor(client: IpAddress, recipient: string, now: Instant): number {
    const domain = domainOf(recipient);
    const counted = this.#refusals.countedId(client, domain, now);
    if (counted < 0 && this.#spareId < 0) this.#spareId = this.#journal.nextDecisionId();
    const id = counted < 0 ? this.#spareId : counted;
    this.#askedId = id;
    this.#askedDomain = domain;
    this.#askedIsShared = counted >= 0;
    return id;
  }

  /** Keeps a decision. That a connection may go on (rule CONNECT) is no evidence of anything and is not kept. */
  decision(event: DecisionEvent): void {
    const isAsked = event.id === this.#askedId;
    const domain = isAsked ? this.#askedDomain : domainOf(event.recipient);
    const verdict = event.decision.verdict;
    if (verdict !== "relay" && verdict !== "local") {
      this.#spend(event.id);
      this.#refusals.take(event, event.id, domain);
    } else if (event.decision.rule !== "CONNECT" && this.#keepsPasses()) {
      // Nobody hears the number of a decision that lets mail through: where it is that of a flood, it gets its own.
      const isShared = isAsked && this.#askedIsShared;
      this.#spend(event.id);
      this.#passes.take(event, isShared ? this.#journal.nextDecisionId() : event.id, domain);
    }
  }

  #spend(id: number): void {
    if (id === this.#spareId) this.#spareId = -1;
  }

  accepted(event: AcceptedEvent): void {
    if (!this.#keepsPasses()) return;
    const { at, queueId, client, user, reversePath, recipients, sizeOctets, tls } = event;
    this.#journal.record({ kind: "accepted", at, queueId, client, user, reversePath, recipients, sizeOctets, tls });
  }

  outcome(event: OutcomeEvent): void {
    if (!this.#keepsPasses()) return;
    const { at, queueId, reversePath, recipient, outcome } = event;
    this.#journal.record({ kind: "outcome", at, queueId, reversePath, recipient, outcome });
  }

  policy(event: PolicyEvent): void {
    const { at, version, by, command, meaning } = event;
    this.#journal.record({ kind: "policy", at, version, by, command, meaning });
  }

  operation(event: OperationEvent): void {
    const { at, by, text } = event;
    this.#journal.record({ kind: "operation", at, by, text });
  }
}

/** What stands after the last `@`, as it was written; `""` where there is none. */
function domainOf(recipient: string): string {
  return recipient.slice(recipient.lastIndexOf("@") + 1 || recipient.length);
}
