import type { Limits } from "../core/base/limits.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, type Instant, type Random } from "../core/base/time.ts";
import { counted } from "../core/base/count.ts";
import { printable, printableJson } from "../core/base/printable.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { formatMailbox, formatMailboxHost, type Mailbox } from "../core/mail/mailbox.ts";
import { hasDotLines } from "../core/mail/line-ends.ts";
import type { AcceptedMessage, QueueId } from "../core/queue/message.ts";
import {
  parseReportRecord,
  reportFileName,
  reportId,
  reportJson,
  type ReportingParty,
  type ReportTarget,
} from "../core/tls-policy/tls-report.ts";
import { formatDay, type PolicyTally, type TlsTally } from "../core/tls-policy/tls-tally.ts";
import type { TlsReportOperations } from "./operations.ts";
import type { TlsCounter } from "./count-tls.ts";
import type { Clock, Resolver, Spool, Timer } from "./ports.ts";
import type { Recorder } from "./record.ts";
import type { TlsReportPacker, TlsReportPoster } from "./tls-report-ports.ts";

export interface TlsReporterOptions {
  readonly counter: TlsCounter;
  readonly party: ReportingParty;
  readonly resolver: Pick<Resolver, "txt">;
  readonly poster: TlsReportPoster;
  readonly packer: TlsReportPacker;
  readonly spool: Pick<Spool, "put">;
  readonly queue: { accept(message: AcceptedMessage): void };
  readonly nextQueueId: () => QueueId;
  readonly recorder: Pick<Recorder, "operation" | "accepted">;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<Limits, Extract<keyof Limits, `tlsReport${string}`>>;
}

const OPERATOR = "*SYSTEM";
/** How often it is looked whether a day is due. */
const LOOK_MS = 5 * MINUTE_MS;
/** What found nobody to take it is tried again after so long. */
const RETRY_MS = HOUR_MS;

/** A report that is to be sent. */
interface Report {
  readonly day: number;
  readonly domain: Domain;
  readonly policies: readonly PolicyTally[];
  readonly octets: Uint8Array;
}

/**
 * Sends the figures of each day that is over to the domains that ask for them (RFC 8460): after a delay by chance, by mail through our own queue or to a
 * web server, to the first place of the domain's record that takes them. What nobody takes is tried again for a day.
 */
export class TlsReporter implements TlsReportOperations {
  readonly #options: TlsReporterOptions;
  /** When a day's reports are sent, or tried again. */
  readonly #dueAt = new Map<number, Instant>();
  /** Reports of a day to mailboxes of a domain. */
  readonly #mailed = new Map<string, number>();
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: TlsReporterOptions) {
    this.#options = options;
  }

  get party(): ReportingParty {
    return this.#options.party;
  }

  tally(day: number): TlsTally | null {
    return this.#options.counter.of(day);
  }

  start(): void {
    this.#options.counter.start();
    this.#look();
  }

  #look(): void {
    this.#running ??= this.#reportDue().finally(() => (this.#running = null));
    this.#timer = this.#options.clock.after(LOOK_MS, () => this.#look());
  }

  /** Resolves when nothing is under way; what was not sent is sent after the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    this.#options.poster.close();
    await this.#running;
    await this.#options.counter.stop();
  }

  async #reportDue(): Promise<void> {
    const { counter, clock, limits } = this.#options;
    for (const tally of counter.ended()) {
      const now = clock.now();
      const due = this.#dueAt.get(tally.day) ?? this.#draw(tally.day, now);
      if (due > now || this.#isStopping) continue;
      await this.#reportDay(tally);
      this.#dueAt.set(tally.day, clock.now() + RETRY_MS);
      const isOver = clock.now() >= endOf(tally.day) + limits.tlsReportDelayMs + limits.tlsReportTriesMs;
      if (tally.domains().length > 0 && (!isOver || this.#isStopping)) continue;
      this.#giveUp(tally);
    }
  }

  #draw(day: number, now: Instant): Instant {
    const { random, limits } = this.#options;
    const delayMs = Math.floor((random.uint32() / 2 ** 32) * limits.tlsReportDelayMs);
    // After a restart the end of the day may be long past.
    const due = Math.max(endOf(day) + delayMs, now);
    this.#dueAt.set(day, due);
    return due;
  }

  #giveUp(tally: TlsTally): void {
    const left = tally.domains().length;
    if (left > 0) this.#tell(`TLS reports of ${formatDay(tally.day)} about ${counted(left, "domain")} given up`);
    this.#options.counter.drop(tally.day);
    this.#dueAt.delete(tally.day);
    this.#mailed.clear();
  }

  async #reportDay(tally: TlsTally): Promise<void> {
    const waiting = [...tally.domains()];
    const work = async (): Promise<void> => {
      for (let domain = waiting.shift(); domain !== undefined && !this.#isStopping; domain = waiting.shift()) {
        if (!(await this.#isDone(tally, domain))) continue;
        tally.forget(domain);
        this.#options.counter.touch(tally.day);
      }
    };
    await Promise.all(Array.from({ length: this.#options.limits.tlsReportsAtOnce }, work));
  }

  /** Whether the domain has its report, or wants none. */
  async #isDone(tally: TlsTally, domain: Domain): Promise<boolean> {
    const name = parseDomain(`_smtp._tls.${domain}`);
    if (!name.ok) return true;
    const answer = await this.#options.resolver.txt(name.value);
    if (answer.kind === "trouble") return false;
    const targets = answer.kind === "texts" ? parseReportRecord(answer.texts) : [];
    if (targets.length === 0) return true;
    const { packer, party } = this.#options;
    const { day } = tally;
    const policies = tally.policiesOf(domain);
    const octets = await packer.gzip(printableJson(reportJson(day, domain, policies, party)));
    const report = { day, domain, policies, octets };
    for (const target of targets) if (await this.#sendTo(target, report)) return true;
    return false;
  }

  async #sendTo(target: ReportTarget, report: Report): Promise<boolean> {
    const where = target.kind === "mail" ? formatMailbox(target.mailbox) : target.url;
    const sent =
      target.kind === "mail"
        ? await this.#mail(target.mailbox, report)
        : await this.#options.poster.post(target.url, report.octets);
    const { day, domain, policies } = report;
    const words = `TLS report of ${formatDay(day)} about ${domain} (${describeSessions(policies)}) to ${printable(where, 200)}`;
    this.#tell(sent.ok ? `${words} ${sent.value ?? ""}`.trimEnd() : `${words} not sent: ${printable(sent.error, 200)}`);
    return sent.ok;
  }

  #tell(text: string): void {
    this.#options.recorder.operation({ at: this.#options.clock.now(), by: OPERATOR, text });
  }

  // --- by mail ----------------------------------------------------------------------------------------------------------

  async #mail(to: Mailbox, report: Report): Promise<Result<string, string>> {
    const { spool, queue, recorder, limits } = this.#options;
    const host = `${report.day} ${formatMailboxHost(to.host)}`;
    const mailed = this.#mailed.get(host) ?? 0;
    if (mailed >= limits.tlsReportsToDomain) return err("too many reports of this day go there");
    this.#mailed.set(host, mailed + 1);
    const message = await this.#compose(to, report);
    const put = await spool.put(message);
    if (!put.ok) {
      this.#mailed.set(host, (this.#mailed.get(host) ?? 1) - 1);
      return err("the queue has no room now");
    }
    recorder.accepted({
      at: message.acceptedAt,
      queueId: message.id,
      client: IPV4_LOOPBACK,
      user: null,
      reversePath: "",
      recipients: [formatMailbox(to)],
      sizeOctets: message.content.sizeOctets,
      tls: "",
    });
    queue.accept(message);
    return ok("queued");
  }

  /**
   * RFC 8460 §5.3. From the null reverse-path, so that nobody answers it; `TLS-Required: No`, because TLS that is broken must not keep the report from who can
   * mend it (§3: failures of DANE and MTA-STS are not honoured).
   */
  async #compose(to: Mailbox, { day, domain, octets: report }: Report): Promise<AcceptedMessage> {
    const { packer, party, clock, nextQueueId } = this.#options;
    const { hostname, contact } = party;
    const id = nextQueueId();
    const now = clock.now();
    const octets = await packer.composeTlsReport({
      from: contact,
      to: [formatMailbox(to)],
      cc: [],
      subject: `Report Domain: ${domain} Submitter: ${hostname} Report-ID: <${reportId(day, domain, party)}>`,
      date: now,
      messageId: `<${reportId(day, domain, party)}>`,
      body: {
        kind: "text",
        text: `How TLS sessions of ${hostname} with the servers of ${domain} went on ${formatDay(day)} (RFC 8460).\n`,
      },
      attachments: [{ name: reportFileName(day, domain, party), type: "application/tlsrpt+gzip", octets: report }],
      headers: [
        { name: "TLS-Report-Domain", value: domain },
        { name: "TLS-Report-Submitter", value: hostname },
        { name: "TLS-Required", value: "No" },
        { name: "Auto-Submitted", value: "auto-generated" },
      ],
    });
    return {
      id,
      acceptedAt: now,
      origin: { client: IPV4_LOOPBACK, helo: hostname, user: null, protocol: "report" },
      envelope: {
        reversePath: null,
        recipients: [{ forwardPath: to, notify: "NEVER" }],
        body: "7BIT",
        smtpUtf8: false,
        requireTls: false,
      },
      content: { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines: hasDotLines(octets) },
    };
  }
}

function endOf(day: number): Instant {
  return (day + 1) * DAY_MS;
}

/** `12 sessions, 3 failed` */
export function describeSessions(policies: readonly Pick<PolicyTally, "successes" | "failures">[]): string {
  const failed = policies.reduce((sum, { failures }) => sum + failures, 0);
  const all = policies.reduce((sum, { successes }) => sum + successes, failed);
  return `${counted(all, "session")}, ${failed} failed`;
}
