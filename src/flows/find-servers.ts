import { err, ok, type Result } from "../core/base/result.ts";
import type { Random } from "../core/base/time.ts";
import type { AddressAnswer } from "../core/mail/dns-answer.ts";
import type { Domain } from "../core/mail/domain.ts";
import { formatHostPort, SMTP_PORT, type HostPort } from "../core/mail/host-port.ts";
import { formatIpAddress, parseIpAddress, type IpAddress } from "../core/mail/ip.ts";
import type { TlsRule } from "../core/mail/next-hop-terms.ts";
import type { Reply } from "../core/mail/reply.ts";
import {
  DNS_TROUBLE,
  isUnusable,
  LOOP,
  NO_ADDRESS,
  NO_SERVER,
  NO_SUCH_DOMAIN,
  NULL_MX,
  orderExchanges,
  serversOf,
  type Exchange,
  type OwnIdentity,
  type Server,
} from "../core/queue/route.ts";
import type { StsPolicy } from "../core/tls-policy/sts.ts";
import { TlsFinder, type HostFacts, type Surroundings, type TlsFinderOptions } from "./find-tls.ts";
import type { NextHopCredentials, NextHopServer, Resolver } from "./ports.ts";

/** Who we are, as the machine and the listeners say. */
export interface OwnHost extends OwnIdentity {
  /** Whether one of our listeners answers at this address and port. */
  isOwnListener(address: IpAddress, port: number): boolean;
}

export interface ServerFinderOptions extends TlsFinderOptions {
  readonly random: Random;
  readonly resolver: Pick<Resolver, "mx" | "addresses" | "tlsa">;
  readonly own: OwnHost;
}

/** `failed`: the mail can never go there. `trouble`: not now, through no fault of the message. */
export interface NoServers {
  readonly kind: "failed" | "trouble";
  readonly reply: Reply;
}

export type FoundServers = Result<readonly NextHopServer[], NoServers>;

/** What is asked of every server of a next hop, and what it is told. */
export interface ServerTerms {
  readonly tls: TlsRule;
  /** TLS from the first octet, whatever the port. */
  readonly implicit: boolean;
  readonly credentials: NextHopCredentials | null;
}

/** Finds servers: the addresses of hosts that were named, the mail exchangers of a domain. */
export class ServerFinder {
  readonly #options: ServerFinderOptions;
  readonly #tls: TlsFinder;

  constructor(options: ServerFinderOptions) {
    this.#options = options;
    this.#tls = new TlsFinder(options);
  }

  /** A next hop that an operator named may be this machine, but not one of our own listeners. `domain`: whose MTA-STS policy counts. */
  async ofHost(target: HostPort, isPublic: boolean, terms: ServerTerms): Promise<FoundServers> {
    const { host, port } = target;
    const literal = parseIpAddress(host);
    const answer: AddressAnswer = literal.ok
      ? { kind: "addresses", addresses: [literal.value], isSecure: false }
      : await this.#options.resolver.addresses(host);
    if (answer.kind === "trouble") return trouble(DNS_TROUBLE(host, answer.reason));
    if (answer.kind === "none") return trouble(DNS_TROUBLE(host, "it has no address"));
    const others = answer.addresses.filter((address) => !this.#options.own.isOwnListener(address, port));
    if (others.length === 0) return failed(LOOP(formatHostPort(target)));
    const servers = others.map((address) => ({ host, address, port }));
    const domain = literal.ok || !isPublic ? null : (host as Domain);
    const sts = await this.#tls.stsOf(domain, terms.tls, false);
    return this.#demand(servers, terms, { domain, hosts: new Map([[host, factsOf(answer, true)]]), sts });
  }

  async ofLiteral(address: IpAddress, terms: ServerTerms): Promise<FoundServers> {
    const host = formatIpAddress(address);
    if (isUnusable(address) || this.#options.own.isOwnAddress(address)) return failed(LOOP(host));
    return this.#demand([{ host, address, port: SMTP_PORT }], terms, { domain: null, hosts: new Map(), sts: null });
  }

  /** The exchangers of a domain, at this port. */
  async ofExchanges(domain: Domain, port: number, terms: ServerTerms): Promise<FoundServers> {
    // Asked for at once, so that no message waits for one after the other.
    const sts = this.#tls.stsOf(domain, terms.tls, true);
    const answer = await this.#options.resolver.mx(domain);
    switch (answer.kind) {
      case "null-mx":
        return failed(NULL_MX(domain));
      case "no-such-domain":
        return failed(NO_SUCH_DOMAIN(domain));
      case "trouble":
        return trouble(DNS_TROUBLE(domain, answer.reason));
      case "no-mx":
        return this.#ofThese([{ preference: 0, host: domain }], true, { domain, port, terms, sts });
      case "mx":
        return this.#ofThese(answer.hosts, answer.isSecure, { domain, port, terms, sts });
    }
  }

  /** `isSecure`: as the exchangers were found. */
  async #ofThese(
    exchanges: readonly Exchange[],
    isSecure: boolean,
    { domain, port, terms, sts }: ExchangeTerms,
  ): Promise<FoundServers> {
    const { own, random, resolver } = this.#options;
    const ordered = orderExchanges(exchanges, own, random);
    if (ordered.length === 0) return failed(LOOP(domain));
    const answers = await Promise.all(
      ordered.map(async (exchange) => ({ exchange, answer: await resolver.addresses(exchange.host) })),
    );
    const servers = serversOf(
      answers.map(({ exchange, answer }) => ({
        exchange,
        addresses: answer.kind === "addresses" ? answer.addresses : [],
      })),
      own,
    );
    if (!servers.ok) return failed(LOOP(domain));
    if (servers.value.length > 0) {
      const hosts = new Map(answers.map(({ exchange, answer }) => [exchange.host, factsOf(answer, isSecure)]));
      const at = servers.value.map((server) => ({ ...server, port }));
      return this.#demand(at, terms, { domain, hosts, sts: await sts });
    }
    const unknown = answers.map(({ answer }) => answer).find((answer) => answer.kind === "trouble");
    if (unknown) return trouble(DNS_TROUBLE(domain, unknown.reason));
    const [first] = ordered;
    return failed(first === undefined || first.host === domain ? NO_SERVER(domain) : NO_ADDRESS(domain, first.host));
  }

  async #demand(
    servers: readonly Server[],
    { tls, implicit, credentials }: ServerTerms,
    around: Pick<Surroundings, "domain" | "hosts" | "sts">,
  ): Promise<FoundServers> {
    const surroundings = { ...around, rule: tls, implicit, hasCredentials: credentials !== null };
    const found = await this.#tls.demandsOf(servers, surroundings);
    if (!found.ok) return trouble(found.error);
    return ok(found.value.map((server) => ({ ...server, credentials })));
  }
}

interface ExchangeTerms {
  readonly domain: Domain;
  readonly port: number;
  readonly terms: ServerTerms;
  readonly sts: Promise<StsPolicy | null>;
}

function trouble(reply: Reply): Result<never, NoServers> {
  return err({ kind: "trouble", reply });
}

function failed(reply: Reply): Result<never, NoServers> {
  return err({ kind: "failed", reply });
}

function factsOf(answer: AddressAnswer, isSecure: boolean): HostFacts {
  const found = answer.kind === "addresses" ? answer : null;
  return { isSecure: isSecure && found?.isSecure === true, canonical: found?.canonical ?? null };
}
