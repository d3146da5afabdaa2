import type { Domain } from "../core/mail/domain.ts";
import { formatMailbox, formatMailboxHost } from "../core/mail/mailbox.ts";
import { describeReply } from "../core/mail/reply.ts";
import { isReportOwed, type ReportedOutcome } from "../core/queue/dsn.ts";
import { formatQueueId, type AcceptedMessage, type QueueId } from "../core/queue/message.ts";
import { isSettled, type Outcome } from "../core/queue/outcome.ts";
import type { ReportBudget } from "../core/queue/report-budget.ts";
import type { LiveMessage } from "./live-messages.ts";
import type { Clock, Spool } from "./ports.ts";
import type { OperationEvent, OutcomeEvent } from "./record.ts";
import { makeReport, readForReport, type ReportOptions } from "./report.ts";

export interface DeliveryRecorder {
  outcome(event: OutcomeEvent): void;
  operation(event: OperationEvent): void;
}

export interface SettleOptions {
  readonly clock: Clock;
  readonly spool: Spool;
  readonly recorder: DeliveryRecorder;
  readonly report: ReportOptions;
  readonly budget: ReportBudget;
  /** Whether mail for the domain is ours: whoever is named there is no stranger. */
  readonly isLocal: (domain: Domain) => boolean;
  /** Takes a report that is safe in the spool into the queue. */
  readonly accept: (report: AcceptedMessage) => void;
  /** Whether nothing else of the message is under way or about to be. */
  readonly isQuiet: (id: QueueId) => boolean;
  /** Nothing is left to do for the message, by whatever way. */
  readonly ended: (id: QueueId) => void;
}

/** Outcomes of one attempt: what was delivered or deferred, what failed, and what is to be told whatever else happens. */
export interface AttemptOutcomes {
  readonly passed: readonly Outcome[];
  readonly failed: readonly Outcome[];
  /** Successes and delays that a report may be owed for. */
  readonly tell: readonly ReportedOutcome[];
}

/** Storage that fails is asked again after this time: an outcome must not get lost, and the next start repeats what it must. */
const STORAGE_RETRY_MS = 10_000;

/**
 * Writes outcomes and reports in an order that a crash at any moment survives: a report is safe before the failure it tells of is
 * written, and that is written before the message goes. What a crash repeats is an attempt or a report, never a loss.
 */
export class Settlement {
  readonly #options: SettleOptions;
  #pending = 0;
  #refused = 0;
  #stopped = false;
  #allWritten: (() => void) | null = null;

  constructor(options: SettleOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Whether outcomes wait for storage that refuses them: what would be done meanwhile would be done again after a start. */
  get isStuck(): boolean {
    return this.#refused > 0;
  }

  /** Resolves when nothing is being written, or waiting for that was given up. */
  async drain(): Promise<void> {
    if (this.#pending === 0 || this.#stopped) return;
    await new Promise<void>((resolve) => {
      this.#allWritten = resolve;
    });
  }

  /** Ends waiting for storage that fails: the next start repeats what was not written. */
  giveUp(): void {
    this.#stopped = true;
    this.#allWritten?.();
  }

  /** Takes note of outcomes; resolves when they are written. Those of one message are written one after the other. */
  async settle(live: LiveMessage, outcomes: AttemptOutcomes): Promise<void> {
    for (const outcome of outcomes.passed) this.#note(live, outcome);
    for (const outcome of outcomes.failed) {
      this.#note(live, outcome);
      live.unreported.push({ outcome, action: "failed" });
    }
    this.#pending++;
    const before = live.writing;
    const writing = before === null ? this.#write(live, outcomes) : before.then(() => this.#write(live, outcomes));
    live.writing = writing;
    try {
      await writing;
    } finally {
      if (live.writing === writing) live.writing = null;
      this.#pending--;
      if (this.#pending === 0) this.#allWritten?.();
    }
  }

  #note(live: LiveMessage, outcome: Outcome): void {
    live.outcomes[outcome.recipient] = outcome;
    const { reversePath, recipients } = live.envelope;
    const { recorder } = this.#options;
    const forwardPath = recipients[outcome.recipient]?.forwardPath;
    const recipient = forwardPath ? formatMailbox(forwardPath) : "";
    recorder.outcome({
      at: outcome.at,
      queueId: live.id,
      reversePath: reversePath === null ? "" : formatMailbox(reversePath),
      recipient,
      outcome,
    });
    // Nobody is told of it by mail: the postmaster hears of it here (RFC 3461 §5.2).
    if (reversePath !== null || (outcome.kind !== "failed" && outcome.kind !== "expired")) return;
    const what = live.origin.protocol === "report" ? "Our report" : "Mail with the null reverse-path";
    const text = `${what} ${formatQueueId(live.id)} is lost, ${recipient} cannot be reached: ${describeReply(outcome.reply)}`;
    recorder.operation({ at: outcome.at, by: "*SYSTEM", text });
  }

  async #write(live: LiveMessage, { passed, tell }: AttemptOutcomes): Promise<void> {
    const { report: options } = this.#options;
    // Read before it is decided who is told: an operator may remove the message meanwhile.
    const returned = this.#reportable(live, tell).length > 0 ? await readForReport(options, live, live.content) : null;
    const reported = this.#reportable(live, tell);
    const failures = this.#isTimeToReport(live) ? live.unreported.splice(0) : [];
    const report = reported.length > 0 ? await this.#report(live, reported, returned) : null;
    const written = failures.length > 0 ? [...passed, ...failures.map(({ outcome }) => outcome)] : passed;
    const done = live.unreported.length === 0 && live.outcomes.every(isSettled);
    const disposition = !done ? "keep" : live.captured ? "capture" : "remove";
    if (written.length > 0 || done) {
      await this.#insist(() => this.#options.spool.settle(live.id, written, disposition));
    }
    if (done) this.#options.ended(live.id);
    if (report) this.#options.accept(report);
  }

  /** Failures wait until the whole message rests, so that one report tells of all of them. */
  #isTimeToReport(live: LiveMessage): boolean {
    return live.unreported.length > 0 && !live.withdrawn && this.#options.isQuiet(live.id);
  }

  #reportable(live: LiveMessage, tell: readonly ReportedOutcome[]): readonly ReportedOutcome[] {
    if (live.withdrawn) return [];
    const failures = this.#isTimeToReport(live) ? live.unreported : [];
    return [...failures, ...tell].filter((one) => isReportOwed(live, one));
  }

  /** A report, safe in the spool. Where one cannot even be made, that is told and the failure stands without it. */
  async #report(
    live: LiveMessage,
    reported: readonly ReportedOutcome[],
    returned: readonly Uint8Array[] | null,
  ): Promise<AcceptedMessage | null> {
    const { clock, recorder, report, spool } = this.#options;
    if (!this.#mayReport(live)) return null;
    let made: AcceptedMessage | null;
    try {
      made = await makeReport(report, live, reported, returned);
    } catch (error) {
      const words = reported.map(({ outcome }) => describeReply(outcome.reply)).join("; ");
      const text = `No report about ${formatQueueId(live.id)} (${words}) could be made: ${String(error)}`;
      recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
      return null;
    }
    const message = made;
    if (message === null) return null;
    let kept = false;
    await this.#insist(async () => {
      const put = await spool.put(message);
      if (!put.ok) throw new Error(`the spool is ${put.error}`);
      kept = true;
    });
    return kept ? message : null;
  }

  /** Whether one more report may go to the sender now; that one is withheld is told once an hour, the outcomes always are. */
  #mayReport({ id, envelope, origin }: LiveMessage): boolean {
    const { budget, clock, isLocal, recorder } = this.#options;
    const sender = envelope.reversePath;
    if (sender === null) return false;
    const isKnown =
      origin.relayedFor === true ||
      origin.user !== null ||
      origin.protocol === "local" ||
      (sender.host.kind === "domain" && isLocal(sender.host.domain));
    const address = formatMailbox(sender);
    const now = clock.now();
    const answer = budget.take({ address, host: formatMailboxHost(sender.host), isKnown }, now);
    if (answer.kind === "send") return true;
    if (answer.first) {
      const text = `Too many reports in an hour: the one about ${formatQueueId(id)} to ${address} is withheld, as more will be`;
      recorder.operation({ at: now, by: "*SYSTEM", text });
    }
    return false;
  }

  async #insist(write: () => Promise<void>): Promise<void> {
    let isRefused = false;
    try {
      while (!this.#stopped) {
        try {
          await write();
          return;
        } catch (error) {
          if (this.#stopped) return;
          if (!isRefused) this.#refused++;
          isRefused = true;
          await this.#pause(error);
        }
      }
    } finally {
      if (isRefused) this.#refused--;
    }
  }

  async #pause(error: unknown): Promise<void> {
    const { clock, recorder } = this.#options;
    const text = `The queue could not be written, trying again: ${error instanceof Error ? error.message : String(error)}`;
    recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
    await new Promise<void>((resolve) => clock.after(STORAGE_RETRY_MS, resolve));
  }
}
