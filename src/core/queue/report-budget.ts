import type { Limits } from "../base/limits.ts";
import { HOUR_MS, type Instant } from "../base/time.ts";

type ReportLimits = Pick<
  Limits,
  | "reportsToAddress"
  | "reportsToDomain"
  | "strangerReportsToAddress"
  | "strangerReportsToDomain"
  | "strangerReports"
  | "reportSenders"
>;

/** The reports to one address or domain in its hour. */
interface Hour {
  until: Instant;
  sent: number;
  withheld: number;
}

export interface ReportQuestion {
  /** The address as a report is sent to it. */
  readonly address: string;
  /** Its host. */
  readonly host: string;
  /** We know the client that named the sender; else the sender may be anybody. */
  readonly isKnown: boolean;
}

/** `first`: the first that is withheld in this hour, for this address or domain. */
export type ReportAnswer = { readonly kind: "send" } | { readonly kind: "withhold"; readonly first: boolean };

const SEND: ReportAnswer = { kind: "send" };

/**
 * How many reports go to whom: so many an hour to one address and to one domain, and few where the sender is the word of a stranger, so
 * that nobody is flooded with what others wrote in his name (RFC 5321 §6.2 warns of such reports). Of the addresses that are counted the
 * one whose hour began first is forgotten first.
 */
export class ReportBudget {
  readonly #limits: ReportLimits;
  readonly #addresses = new Map<string, Hour>();
  readonly #domains = new Map<string, Hour>();
  #strangers: Hour = { until: -Infinity, sent: 0, withheld: 0 };
  #withheld = 0;

  constructor(limits: ReportLimits) {
    this.#limits = limits;
  }

  /** Reports that were withheld so far. */
  get withheld(): number {
    return this.#withheld;
  }

  /** Whether one more report may go there now; if so it counts. */
  take({ address, host, isKnown }: ReportQuestion, now: Instant): ReportAnswer {
    const limits = this.#limits;
    const ofAddress = this.#hourOf(this.#addresses, address, now);
    const ofDomain = this.#hourOf(this.#domains, host, now);
    if (this.#strangers.until <= now || this.#strangers.until > now + HOUR_MS) this.#strangers = newHour(now);
    const addressMax = isKnown ? limits.reportsToAddress : limits.strangerReportsToAddress;
    const domainMax = isKnown ? limits.reportsToDomain : limits.strangerReportsToDomain;
    const isCrowded = !isKnown && this.#strangers.sent >= limits.strangerReports;
    if (ofAddress.sent >= addressMax || ofDomain.sent >= domainMax || isCrowded) {
      this.#withheld++;
      const counted =
        ofAddress.sent >= addressMax ? ofAddress : ofDomain.sent >= domainMax ? ofDomain : this.#strangers;
      return { kind: "withhold", first: counted.withheld++ === 0 };
    }
    ofAddress.sent++;
    ofDomain.sent++;
    if (!isKnown) this.#strangers.sent++;
    return SEND;
  }

  /** The hour that runs, or a new one. A clock that was set back begins a new one too. */
  #hourOf(hours: Map<string, Hour>, key: string, now: Instant): Hour {
    const known = hours.get(key);
    if (known !== undefined && known.until > now && known.until <= now + HOUR_MS) return known;
    const hour = newHour(now);
    hours.delete(key);
    hours.set(key, hour);
    const oldest = hours.keys().next().value;
    if (hours.size > this.#limits.reportSenders && oldest !== undefined) hours.delete(oldest);
    return hour;
  }
}

function newHour(now: Instant): Hour {
  return { until: now + HOUR_MS, sent: 0, withheld: 0 };
}
