import { printable } from "../base/printable.ts";
import { DAY_MS, type Instant } from "../base/time.ts";
import { parseDomain, type Domain } from "../mail/domain.ts";
import { formatIpAddress } from "../mail/ip.ts";
import type { AppliedPolicy } from "./demand.ts";
import type { TlsResult } from "./tls-result.ts";

/** One kind of failure (RFC 8460 §4.3), with how many sessions it cost. Addresses as text, "" where there was none. */
export interface FailureTally {
  readonly type: string;
  readonly mxHost: string;
  readonly receivingAddress: string;
  readonly sendingAddress: string;
  readonly reason: string;
  readonly sessions: number;
}

/** What came of the sessions of a day under one policy. */
export interface PolicyTally {
  readonly policy: AppliedPolicy;
  readonly successes: number;
  /** All of them, told apart below or not. */
  readonly failures: number;
  readonly details: readonly FailureTally[];
}

export interface TallyLimits {
  /** Policies of a day, over all domains. */
  readonly tlsTallyPolicies: number;
  /** Failures of one policy that are told apart; further ones are only counted. */
  readonly tlsTallyFailures: number;
  /** Texts of a day. */
  readonly tlsTallyOctets: number;
}

type Counting<T, Counts extends keyof T> = Omit<T, Counts> & { -readonly [Key in Counts]: T[Key] };

interface Row extends Counting<PolicyTally, "successes" | "failures" | "details"> {
  readonly details: FailureTally[];
  /** By what tells them apart. */
  readonly byKind: Map<string, Counting<FailureTally, "sessions">>;
}

/** An answer of a server is no longer than that in a report. */
const REASON_MAX = 200;
/** Beside the texts: names of fields, numbers, the map itself. */
const ROW_OCTETS = 200;

/** The day of UTC that an instant is in, as days since 1970-01-01. */
export function dayOf(instant: Instant): number {
  return Math.floor(instant / DAY_MS);
}

/** `2026-11-24` */
export function formatDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The figures of one day of UTC for TLSRPT (RFC 8460 §4). Bounded: what finds no room is counted in `uncounted` alone. */
export class TlsTally {
  readonly day: number;
  readonly #limits: TallyLimits;
  /** By domain, then by policy. */
  readonly #rows = new Map<Domain, Map<string, Row>>();
  #policies = 0;
  #octets = 0;
  #uncounted = 0;

  constructor(day: number, limits: TallyLimits) {
    this.day = day;
    this.#limits = limits;
  }

  /** Sessions under policies that found no room. */
  get uncounted(): number {
    return this.#uncounted;
  }

  add(result: TlsResult): void {
    const row = this.#rowOf(result.policy);
    if (row === null) this.#uncounted++;
    else if (result.failure === null) row.successes++;
    else this.#fail(row, result.failure, result);
  }

  #fail(row: Row, type: string, result: TlsResult): void {
    row.failures++;
    const { mxHost, receivingAddress, sendingAddress } = result;
    const one = {
      type,
      mxHost: mxHost.toLowerCase(),
      receivingAddress: receivingAddress === null ? "" : formatIpAddress(receivingAddress),
      sendingAddress: sendingAddress === null ? "" : formatIpAddress(sendingAddress),
      reason: printable(result.reason, REASON_MAX),
      sessions: 0,
    };
    const known = row.byKind.get(kindOf(one));
    if (known !== undefined) known.sessions++;
    else this.#tellApart(row, { ...one, sessions: 1 });
  }

  #tellApart(row: Row, one: FailureTally): void {
    if (row.details.length >= this.#limits.tlsTallyFailures) return;
    const kind = kindOf(one);
    if (!this.#take(kind.length)) return;
    const counting = { ...one };
    row.details.push(counting);
    row.byKind.set(kind, counting);
  }

  #rowOf(policy: AppliedPolicy): Row | null {
    const key = `${policy.type} ${policy.strings.join("\n")}`;
    const ofDomain = this.#rows.get(policy.domain);
    const known = ofDomain?.get(key);
    if (known !== undefined) return known;
    const octets = policy.mxPatterns.reduce((sum, { length }) => sum + length, policy.domain.length + key.length);
    if (this.#policies >= this.#limits.tlsTallyPolicies || !this.#take(octets)) return null;
    this.#policies++;
    const row: Row = { policy, successes: 0, failures: 0, details: [], byKind: new Map() };
    if (ofDomain === undefined) this.#rows.set(policy.domain, new Map([[key, row]]));
    else ofDomain.set(key, row);
    return row;
  }

  #take(octets: number): boolean {
    if (this.#octets + octets + ROW_OCTETS > this.#limits.tlsTallyOctets) return false;
    this.#octets += octets + ROW_OCTETS;
    return true;
  }

  /** Those that something was counted for. */
  domains(): readonly Domain[] {
    return [...this.#rows.keys()];
  }

  policiesOf(domain: Domain): readonly PolicyTally[] {
    const rows = [...(this.#rows.get(domain)?.values() ?? [])];
    return rows.map(({ policy, successes, failures, details }) => ({ policy, successes, failures, details }));
  }

  /** Its report was sent, or is not wanted. */
  forget(domain: Domain): void {
    this.#rows.delete(domain);
  }

  /** As it is kept across a restart. */
  toRecord(): object {
    const policies = this.domains().flatMap((domain) => this.policiesOf(domain));
    return { version: 1, day: this.day, uncounted: this.#uncounted, policies };
  }

  /** null where that is no record of a day. What the limits of today have no room for is left out. */
  static fromRecord(record: unknown, limits: TallyLimits): TlsTally | null {
    const { version, day, uncounted, policies } = fieldsOf(record);
    if (version !== 1 || typeof day !== "number" || !Number.isInteger(day) || !Array.isArray(policies)) return null;
    const tally = new TlsTally(day, limits);
    tally.#uncounted = countIn(uncounted);
    for (const one of policies as readonly unknown[]) tally.#restore(fieldsOf(one));
    return tally;
  }

  #restore({ policy, successes, failures, details }: Fields): void {
    const applied = policyIn(fieldsOf(policy));
    const row = applied === null ? null : this.#rowOf(applied);
    if (row === null) return;
    row.successes = countIn(successes);
    row.failures = countIn(failures);
    for (const one of Array.isArray(details) ? (details as readonly unknown[]) : []) {
      const { type, mxHost, receivingAddress, sendingAddress, reason, sessions } = fieldsOf(one);
      this.#tellApart(row, {
        type: textIn(type),
        mxHost: textIn(mxHost),
        receivingAddress: textIn(receivingAddress),
        sendingAddress: textIn(sendingAddress),
        reason: textIn(reason),
        sessions: countIn(sessions),
      });
    }
  }
}

function kindOf({ type, mxHost, receivingAddress, sendingAddress, reason }: FailureTally): string {
  return `${type} ${mxHost} ${receivingAddress} ${sendingAddress} ${reason}`;
}

// --- what was kept ----------------------------------------------------------------------------------------------------

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function countIn(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textIn) : [];
}

function policyIn({ type, domain, strings, mxPatterns }: Fields): AppliedPolicy | null {
  const parsed = parseDomain(textIn(domain));
  const known = (["tlsa", "sts", "no-policy-found"] as const).find((one) => one === type);
  if (!parsed.ok || known === undefined) return null;
  return { type: known, domain: parsed.value, strings: textsIn(strings), mxPatterns: textsIn(mxPatterns) };
}
