import type { Instant, Random } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import type { AddressAnswer } from "../core/mail/dns-answer.ts";
import { formatHostPort, SMTP_PORT } from "../core/mail/host-port.ts";
import { formatIpAddress, parseIpAddress, type IpAddress } from "../core/mail/ip.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import type { Entry, ListName } from "../core/policy/policy.ts";
import { DEFAULT_ROUTE } from "../core/policy/route-rule.ts";
import {
  DNS_TROUBLE,
  isUnusable,
  LOOP,
  NO_ADDRESS,
  NO_SERVER,
  NO_SMARTHOST,
  NO_SUCH_DOMAIN,
  NULL_MX,
  orderExchanges,
  serversOf,
  type Exchange,
  type OwnIdentity,
  type Route,
  type Server,
} from "../core/queue/route.ts";
import { hexOf, textOfDemand, type TlsRule } from "../core/tls-policy/demand.ts";
import type { StsPolicy } from "../core/tls-policy/sts.ts";
import { TlsFinder, type HostFacts, type Surroundings, type TlsFinderOptions } from "./find-tls.ts";
import type { Cryptography, NextHop, NextHopServer, Resolver } from "./ports.ts";

/** Who we are, as the machine and the listeners say. */
export interface OwnHost extends OwnIdentity {
  /** Whether one of our listeners answers at this address and port. */
  isOwnListener(address: IpAddress, port: number): boolean;
}

export interface NextHopOptions extends TlsFinderOptions {
  readonly random: Random;
  readonly resolver: Pick<Resolver, "mx" | "addresses" | "tlsa">;
  readonly cryptography: Pick<Cryptography, "unseal" | "sha256">;
  readonly own: OwnHost;
  /** Entries of a list, for *HOSTAUTH and *CLTBIND. */
  readonly entries: (list: ListName) => readonly Entry[];
}

/** `failed`: the mail can never go there. `trouble`: not now, through no fault of the message. */
export type Found =
  | { readonly kind: "hop"; readonly hop: NextHop }
  | { readonly kind: "failed"; readonly reply: Reply }
  | { readonly kind: "trouble"; readonly reply: Reply };

/** Names change seldom and mail comes in crowds: what was found is good for so long. */
const REMEMBER_MS = 60_000;
const REMEMBERED_MAX = 10_000;

/** Finds the servers behind a route: MX and address records, addresses that were named, with credentials and own addresses. */
export class NextHopFinder {
  readonly #options: NextHopOptions;
  readonly #tls: TlsFinder;
  readonly #remembered = new Map<string, { readonly hop: NextHop; readonly until: Instant }>();

  constructor(options: NextHopOptions) {
    this.#options = options;
    this.#tls = new TlsFinder(options);
  }

  /** A hop that was found lately, without waiting. */
  remembered(key: string): NextHop | null {
    const known = this.#remembered.get(key);
    if (!known) return null;
    const now = this.#options.clock.now();
    // A clock that was set back makes nothing good for longer.
    if (now < known.until && known.until - now <= REMEMBER_MS) return known.hop;
    this.#remembered.delete(key);
    return null;
  }

  /** The policy changed: credentials, bind addresses and routers may be others now. */
  forget(): void {
    this.#remembered.clear();
  }

  async find(route: Route): Promise<Found> {
    const found = await this.#find(route);
    if (found.kind === "hop") {
      if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
      this.#remembered.set(route.key, { hop: found.hop, until: this.#options.clock.now() + REMEMBER_MS });
    }
    return found;
  }

  async #find(route: Route): Promise<Found> {
    switch (route.kind) {
      case "host":
        return this.#findHost(route);
      case "mx":
        return this.#findExchanges(route.key, route.domain);
      case "literal":
        return this.#findLiteral(route.key, route.address);
      case "none":
        return { kind: "trouble", reply: NO_SMARTHOST };
      case "capture":
        return { kind: "failed", reply: reply(554, "5.3.5", "The capture box is no next hop") };
    }
  }

  /** A next hop that an operator named may be this machine, but not one of our own listeners. */
  async #findHost(route: Route & { kind: "host" }): Promise<Found> {
    const { host, port } = route.target;
    const literal = parseIpAddress(host);
    const answer: AddressAnswer = literal.ok
      ? { kind: "addresses", addresses: [literal.value], isSecure: false }
      : await this.#options.resolver.addresses(host);
    if (answer.kind === "trouble") return { kind: "trouble", reply: DNS_TROUBLE(host, answer.reason) };
    if (answer.kind === "none") return { kind: "trouble", reply: DNS_TROUBLE(host, "it has no address") };
    const others = answer.addresses.filter((address) => !this.#options.own.isOwnListener(address, port));
    if (others.length === 0) return { kind: "failed", reply: LOOP(formatHostPort(route.target)) };
    const credentials = this.#credentials(host);
    if (credentials === "unreadable") return { kind: "trouble", reply: UNREADABLE_PASSWORD(host) };
    const servers = others.map((address) => ({ host, address, port }));
    const domain = literal.ok || route.via === "local" ? null : (host as Domain);
    const sts = await this.#tls.stsOf(domain, DEFAULT_TLS, false);
    const hosts = new Map([[host, factsOf(answer, true)]]);
    return this.#hop(route.key, servers, credentials, { domain, hosts, sts });
  }

  async #findLiteral(key: string, address: IpAddress): Promise<Found> {
    const host = formatIpAddress(address);
    if (isUnusable(address) || this.#options.own.isOwnAddress(address)) return { kind: "failed", reply: LOOP(host) };
    const around = { domain: null, hosts: new Map(), sts: null };
    return await this.#hop(key, [{ host, address, port: SMTP_PORT }], null, around);
  }

  async #findExchanges(key: string, domain: Domain): Promise<Found> {
    // Asked for at once, so that no message waits for one after the other.
    const sts = this.#tls.stsOf(domain, DEFAULT_TLS, true);
    const answer = await this.#options.resolver.mx(domain);
    switch (answer.kind) {
      case "null-mx":
        return { kind: "failed", reply: NULL_MX(domain) };
      case "no-such-domain":
        return { kind: "failed", reply: NO_SUCH_DOMAIN(domain) };
      case "trouble":
        return { kind: "trouble", reply: DNS_TROUBLE(domain, answer.reason) };
      case "no-mx":
        return this.#findServers(key, domain, [{ preference: 0, host: domain }], true, sts);
      case "mx":
        return this.#findServers(key, domain, answer.hosts, answer.isSecure, sts);
    }
  }

  /** `isSecure`: as the exchangers were found. */
  async #findServers(
    key: string,
    domain: Domain,
    exchanges: readonly Exchange[],
    isSecure: boolean,
    sts: Promise<StsPolicy | null>,
  ): Promise<Found> {
    const { own, random, resolver } = this.#options;
    const ordered = orderExchanges(exchanges, own, random);
    if (ordered.length === 0) return { kind: "failed", reply: LOOP(domain) };
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
    if (!servers.ok) return { kind: "failed", reply: LOOP(domain) };
    if (servers.value.length > 0) {
      const hosts = new Map(answers.map(({ exchange, answer }) => [exchange.host, factsOf(answer, isSecure)]));
      return this.#hop(key, servers.value, null, { domain, hosts, sts: await sts });
    }
    const trouble = answers.map(({ answer }) => answer).find((answer) => answer.kind === "trouble");
    if (trouble) return { kind: "trouble", reply: DNS_TROUBLE(domain, trouble.reason) };
    const [first] = ordered;
    const isItself = first === undefined || first.host === domain;
    return { kind: "failed", reply: isItself ? NO_SERVER(domain) : NO_ADDRESS(domain, first.host) };
  }

  async #hop(
    key: string,
    servers: readonly Server[],
    credentials: NextHop["credentials"],
    around: Pick<Surroundings, "domain" | "hosts" | "sts">,
  ): Promise<Found> {
    const surroundings = { ...around, rule: DEFAULT_TLS, hasCredentials: credentials !== null };
    const found = await this.#tls.demandsOf(servers, surroundings);
    if (!found.ok) return { kind: "trouble", reply: found.error };
    const localAddresses = this.#options
      .entries("*CLTBIND")
      .flatMap((entry) => (entry.value.kind === "address" && this.#isLive(entry) ? [entry.value.address] : []));
    const connectionsKey = this.#connectionsKey(key, found.value);
    return {
      kind: "hop",
      hop: {
        key,
        connectionsKey,
        route: null,
        servers: found.value,
        credentials,
        auth: "auto",
        transport: "smtp",
        pace: DEFAULT_ROUTE.pace,
        localAddresses,
        rewriting: null,
      },
    };
  }

  /** Of two next hops of one key that demand different things of TLS, neither uses the connections of the other. */
  #connectionsKey(key: string, servers: readonly NextHopServer[]): string {
    const demands = new Set(servers.map(({ host, isImplicit, tls }) => `${host} ${isImplicit} ${textOfDemand(tls)}`));
    if (servers.every(({ isImplicit, tls }) => tls.kind === "may" && !isImplicit)) return key;
    const octets = octetsOfText([...demands].sort().join("\n"));
    return `${key} ${hexOf(this.#options.cryptography.sha256(octets))}`;
  }

  #credentials(host: string): NextHop["credentials"] | "unreadable" {
    for (const entry of this.#options.entries("*HOSTAUTH")) {
      const value = entry.value;
      if (value.kind !== "host-credentials" || !this.#isLive(entry)) continue;
      if (value.host.toLowerCase() !== host.toLowerCase()) continue;
      const password = this.#options.cryptography.unseal(value.sealedPassword);
      return password === null ? "unreadable" : { kind: "password", user: value.user, password };
    }
    return null;
  }

  #isLive(entry: Entry): boolean {
    return entry.expiresAt === null || entry.expiresAt > this.#options.clock.now();
  }
}

const DEFAULT_TLS: TlsRule = { level: "default", pins: [] };

function factsOf(answer: AddressAnswer, isSecure: boolean): HostFacts {
  const found = answer.kind === "addresses" ? answer : null;
  return { isSecure: isSecure && found?.isSecure === true, canonical: found?.canonical ?? null };
}

/** ASCII. */
function octetsOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

const UNREADABLE_PASSWORD = (host: string): Reply =>
  reply(451, "4.3.5", `The *HOSTAUTH password for ${host} was sealed with another key: enter it again`);
