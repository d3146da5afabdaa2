import { err, ok, type Result } from "../core/base/result.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { parseIpAddress } from "../core/mail/ip.ts";
import type { TlsRule } from "../core/mail/next-hop-terms.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { SUBMISSIONS_PORT, type Server } from "../core/queue/route.ts";
import { textOfTlsa, type AppliedPolicy, type TlsDemand } from "../core/tls-policy/demand.ts";
import { isNamedBySts, type StsPolicy } from "../core/tls-policy/sts.ts";
import { usableRecords } from "../core/tls-policy/tlsa.ts";
import type { TlsFailureType } from "../core/tls-policy/tls-result.ts";
import type { Clock, NextHopServer, Resolver, StsPolicies, TlsResults } from "./ports.ts";

export interface TlsFinderOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, "tlsa">;
  readonly stsPolicies: StsPolicies;
  readonly tlsResults: TlsResults;
  /** What domains publish and we keep to, where no route says otherwise. */
  readonly publishedTls: PublishedTls;
}

export interface PublishedTls {
  readonly dane: boolean;
  readonly mtaSts: boolean;
}

/** How a host was found. */
export interface HostFacts {
  /** DNSSEC validated every answer that led to its addresses, that of the MX included (RFC 7672 §2.1). */
  readonly isSecure: boolean;
  /** Where its aliases lead, if it has any. */
  readonly canonical: string | null;
}

/** What is known of a next hop before TLS. */
export interface Surroundings {
  /** Whose policy counts: the domain of the recipients, or the host that an operator named (RFC 8461 §3.4). null for an address. */
  readonly domain: Domain | null;
  readonly rule: TlsRule;
  /** TLS from the first octet, whatever the port. */
  readonly implicit: boolean;
  /** A password goes there: by default only to whom we know. */
  readonly hasCredentials: boolean;
  readonly hosts: ReadonlyMap<string, HostFacts>;
  readonly sts: StsPolicy | null;
}

/** A server with what is demanded of it. */
export type DemandingServer = Omit<NextHopServer, "credentials">;

type HostTls =
  | { readonly kind: "usable"; readonly tls: TlsDemand; readonly policy: AppliedPolicy | null }
  | { readonly kind: "unusable"; readonly reply: Reply };

/** Finds out what is to be demanded of TLS with each server of a next hop: by the route, else by TLSA records, else by MTA-STS. */
export class TlsFinder {
  readonly #options: TlsFinderOptions;

  constructor(options: TlsFinderOptions) {
    this.#options = options;
  }

  /** The MTA-STS policy where it counts; never throws, and never takes long. */
  async stsOf(domain: Domain | null, { level }: TlsRule, isExchange: boolean): Promise<StsPolicy | null> {
    const isWanted = level === "mta-sts" || (level === "default" && isExchange && this.#options.publishedTls.mtaSts);
    return isWanted && domain !== null ? await this.#options.stsPolicies.policyOf(domain) : null;
  }

  /** The servers that may be used, in order, each with its demand; or why there are none, which passes. */
  async demandsOf(
    servers: readonly Server[],
    around: Surroundings,
  ): Promise<Result<readonly DemandingServer[], Reply>> {
    const ports = new Map(servers.map(({ host, port }) => [host, port]));
    const found = new Map<string, HostTls>();
    await Promise.all([...ports].map(async ([host, port]) => found.set(host, await this.#find(host, port, around))));
    const usable = servers.flatMap((server) => {
      const of = found.get(server.host);
      if (of?.kind !== "usable") return [];
      const isImplicit = (around.implicit || server.port === SUBMISSIONS_PORT) && of.tls.kind !== "none";
      const isPublished = around.rule.level === "default";
      return [{ ...server, isImplicit, tls: of.tls, isPublished, policy: of.policy }];
    });
    if (usable.length > 0) return ok(usable);
    for (const of of found.values()) if (of.kind === "unusable") return err(of.reply);
    return err(reply(451, "4.4.4", "No server of the next hop is left"));
  }

  async #find(host: string, port: number, around: Surroundings): Promise<HostTls> {
    const { rule, sts, domain } = around;
    switch (rule.level) {
      case "none":
      case "encrypt":
        return usable({ kind: rule.level });
      // A password goes to whom we know, as by default.
      case "may":
        return usable(around.hasCredentials ? { kind: "verify", names: [host] } : { kind: "may" });
      case "verify":
        return usable({ kind: "verify", names: namesOf(host, domain) });
      case "pin":
        return usable({ kind: "pin", pins: rule.pins });
      case "dane":
        return (
          (await this.#findDane(host, port, around)) ?? this.#without(host, around, "dane-required", NO_TLSA(host))
        );
      case "mta-sts":
        if (sts === null) return this.#without(host, around, "sts-policy-fetch-error", NO_STS(domain ?? host));
        return this.#bySts(host, { ...sts, mode: "enforce" }, around);
      case "default": {
        const dane = this.#options.publishedTls.dane ? await this.#findDane(host, port, around) : null;
        return dane ?? (sts === null ? byDefault(host, port, around) : this.#bySts(host, sts, around));
      }
    }
  }

  // --- DANE -------------------------------------------------------------------------------------------------------------

  /** null where no TLSA record counts: no zone is signed, or none is there. */
  async #findDane(host: string, port: number, around: Surroundings): Promise<HostTls | null> {
    const facts = around.hosts.get(host);
    if (facts?.isSecure !== true) return null;
    // Where the aliases lead comes first, then the name itself (RFC 7672 §2.2.2).
    for (const base of new Set([facts.canonical ?? host, host])) {
      const name = parseDomain(`_${port}._tcp.${base}`);
      if (!name.ok) continue;
      const answer = await this.#options.resolver.tlsa(name.value);
      // What was asked for in a signed zone and cannot be told may be an attack (RFC 7672 §2.1.2).
      if (answer.kind === "trouble")
        return this.#without(host, around, "dnssec-invalid", UNKNOWN_TLSA(base, answer.reason));
      if (answer.kind !== "records" || !answer.isSecure) continue;
      const records = usableRecords(answer.records);
      // Encrypted and not known to whom is enough for mail (RFC 7672 §2.2), not for a password.
      if (records.length === 0 && around.hasCredentials && around.rule.level === "default") continue;
      if (records.length === 0 && around.rule.level === "dane")
        return this.#without(host, around, "tlsa-invalid", UNUSABLE_TLSA(base));
      const strings = answer.records.map(textOfTlsa);
      const policy: AppliedPolicy = { type: "tlsa", domain: base as Domain, strings, mxPatterns: [] };
      const names = [...new Set([base, host, ...(around.domain === null ? [] : [around.domain])])];
      return { kind: "usable", tls: { kind: "dane", records, names }, policy };
    }
    return null;
  }

  // --- MTA-STS ----------------------------------------------------------------------------------------------------------

  #bySts(host: string, sts: StsPolicy, around: Surroundings): HostTls {
    const { domain } = around;
    if (domain === null || sts.mode === "none") return usable({ kind: "may" });
    const policy: AppliedPolicy = { type: "sts", domain, strings: sts.lines, mxPatterns: sts.mx };
    if (isNamedBySts(host, sts)) {
      return { kind: "usable", tls: { kind: "mta-sts", mode: sts.mode, names: [host] }, policy };
    }
    const words = NOT_NAMED(host, domain);
    this.#record(host, policy, "validation-failure", words);
    if (sts.mode === "enforce") return { kind: "unusable", reply: reply(451, "4.7.5", words) };
    return { kind: "usable", tls: { kind: "may" }, policy };
  }

  // --- what is in the way -----------------------------------------------------------------------------------------------

  #without(host: string, { domain }: Surroundings, failure: TlsFailureType, words: string): HostTls {
    if (domain !== null) this.#record(host, noPolicy(domain), failure, words);
    return { kind: "unusable", reply: reply(451, "4.7.5", words) };
  }

  #record(host: string, policy: AppliedPolicy, failure: TlsFailureType, reason: string): void {
    const { clock, tlsResults } = this.#options;
    const at = clock.now();
    tlsResults.record({ at, policy, failure, mxHost: host, receivingAddress: null, sendingAddress: null, reason });
  }
}

function usable(tls: TlsDemand): HostTls {
  return { kind: "usable", tls, policy: null };
}

/** Nothing is published: opportunistic, save where a password goes or the port begins with TLS. */
function byDefault(host: string, port: number, { domain, hasCredentials }: Surroundings): HostTls {
  if (hasCredentials || port === SUBMISSIONS_PORT) return usable({ kind: "verify", names: [host] });
  return { kind: "usable", tls: { kind: "may" }, policy: domain === null ? null : noPolicy(domain) };
}

function noPolicy(domain: Domain): AppliedPolicy {
  return { type: "no-policy-found", domain, strings: [], mxPatterns: [] };
}

/** An exchanger is known by its name or by that of the domain it takes mail for. */
function namesOf(host: string, domain: Domain | null): readonly string[] {
  return domain === null || domain === host || parseIpAddress(host).ok ? [host] : [host, domain];
}

const NO_TLSA = (host: string): string =>
  `The route demands DANE, and ${host} has no TLSA record in a signed zone, or its MX is not signed, or no trusted resolver says so (dns.trusted)`;
const UNKNOWN_TLSA = (base: string, reason: string): string =>
  `Whether ${base} has TLSA records cannot be told now, and its zone is signed: nothing is sent there until it can (${reason})`;
const UNUSABLE_TLSA = (base: string): string =>
  `The route demands DANE, and no TLSA record of ${base} can be used: its operator has to publish one of usage 2 or 3`;
const NO_STS = (domain: string): string =>
  `The route demands MTA-STS, and no policy of ${domain} can be had: it has none, or its web server does not answer`;
const NOT_NAMED = (host: string, domain: string): string =>
  `The MTA-STS policy of ${domain} does not name ${host}: either the policy is old, or its MX was forged`;
