import type { Limits } from "../../core/base/limits.ts";
import { SECOND_MS, type Random } from "../../core/base/time.ts";
import type { AddressAnswer, MxAnswer, TlsaAnswer, TxtAnswer } from "../../core/mail/dns-answer.ts";
import { parseDomain, type Domain } from "../../core/mail/domain.ts";
import { ipv4, normaliseIpv6, parseIpAddress, type IpAddress } from "../../core/mail/ip.ts";
import type { Clock, Resolver } from "../../flows/ports.ts";
import { AnswerCache } from "./answer-cache.ts";
import { ChangingFile } from "./changing-file.ts";
import { parseHosts } from "./hosts-file.ts";
import { listName } from "./list-name.ts";
import { LATE, Lookup, type Looked, type Patience } from "./lookup.ts";
import { nameServer, parseResolvConf, type NameServer } from "./name-servers.ts";
import { textOf, type DnsRecord, type QuestionType } from "./packet.ts";

/** More hosts of a domain, addresses of a host or texts of a name are not looked at (RFC 5321 §5.1 asks for at least two). */
const RECORDS_MAX = 32;
/** Tries of one question before the deadline, and of one question to a DNS list. */
const TRIES = 3;
const LIST_TRIES = 2;
const HOSTS_OCTETS_MAX = 1_048_576;
const RESOLV_CONF_OCTETS_MAX = 65_536;

export type DnsLimits = Pick<Limits, Extract<keyof Limits, `dns${string}`>>;

export interface ResolverOptions {
  /** Servers that resolve for us; where there are none, those of `resolvConf`. */
  readonly servers: readonly { readonly address: IpAddress; readonly port: number }[];
  /** What they say to have validated is believed, though it crosses a network. */
  readonly isTrusted: boolean;
  readonly limits: DnsLimits;
  /** Names that need no DNS: hosts(5). */
  readonly hostsFile: string;
  /** The servers of the system: resolv.conf(5). */
  readonly resolvConf: string;
  readonly clock: Clock;
  /** Good enough for secrets. */
  readonly random: Random;
}

export type ClosableResolver = Resolver & { close(): void };

type Listed = "listed" | "not-listed" | "unknown";
type Answer = MxAnswer | AddressAnswer | TxtAnswer | TlsaAnswer | Listed;
/** An answer and for how long; 0 is not kept. */
interface Found<Kind extends Answer> {
  readonly answer: Kind;
  readonly keepMs: number;
}

/** Asks name servers that resolve for us. Equal questions under way share one answer; answers are cached. */
export function createResolver(options: ResolverOptions): ClosableResolver {
  return new DnsResolver(options);
}

class DnsResolver implements ClosableResolver {
  readonly #options: ResolverOptions;
  readonly #lookup: Lookup;
  readonly #hosts: ChangingFile<ReadonlyMap<string, readonly IpAddress[]>>;
  readonly #cache: AnswerCache<Answer>;
  readonly #flights = new Map<string, Promise<Answer>>();

  constructor(options: ResolverOptions) {
    const { limits, clock, random } = options;
    this.#options = options;
    this.#lookup = new Lookup({
      servers: serversOf(options),
      clock,
      random,
      socketsMax: limits.dnsPorts,
      connectionsMax: limits.dnsTcpConnections,
    });
    this.#hosts = new ChangingFile(options.hostsFile, HOSTS_OCTETS_MAX, parseHosts);
    this.#cache = new AnswerCache(limits.dnsCacheEntries, limits.dnsCacheOctets);
  }

  mx(domain: Domain): Promise<MxAnswer> {
    return this.#ask<MxAnswer>(`mx ${domain}`, () => this.#findMx(domain), TOO_LATE);
  }

  async addresses(host: string): Promise<AddressAnswer> {
    const literal = parseIpAddress(host.replace(/^\[(?:IPv6:)?(.*)\]$/i, "$1"));
    if (literal.ok) return { kind: "addresses", addresses: [literal.value], isSecure: false };
    const name = host.toLowerCase().replace(/\.$/, "");
    const known = (await this.#hosts.read()).get(name);
    if (known !== undefined) return { kind: "addresses", addresses: known, isSecure: false };
    return await this.#ask<AddressAnswer>(`a ${name}`, () => this.#findAddresses(name), TOO_LATE);
  }

  listed(client: IpAddress, list: Domain): Promise<Listed> {
    const name = listName(client, list);
    const timeoutMs = this.#options.limits.dnsListTimeoutMs;
    return this.#ask<Listed>(`list ${name}`, () => this.#findListed(name), "unknown", timeoutMs);
  }

  txt(name: Domain): Promise<TxtAnswer> {
    return this.#ask<TxtAnswer>(`txt ${name}`, () => this.#findTxt(name), TOO_LATE);
  }

  tlsa(name: Domain): Promise<TlsaAnswer> {
    return this.#ask<TlsaAnswer>(`tlsa ${name}`, () => this.#findTlsa(name), TOO_LATE);
  }

  close(): void {
    this.#lookup.close();
  }

  /** From the cache, from a flight under way or by a new one. What comes after the deadline still goes into the cache. */
  async #ask<Kind extends Answer>(
    key: string,
    find: () => Promise<Found<Kind>>,
    late: Kind,
    timeoutMs = this.#options.limits.dnsTimeoutMs,
  ): Promise<Kind> {
    const { clock, limits } = this.#options;
    const cached = this.#cache.get(key, clock.now());
    if (cached !== null) return cached as Kind;
    let flight = this.#flights.get(key) as Promise<Kind> | undefined;
    if (flight === undefined) {
      if (this.#flights.size >= limits.dnsQueries) return late;
      flight = this.#fly(key, find);
      this.#flights.set(key, flight);
    }
    const answered = flight;
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => resolve(late));
      answered.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async #fly<Kind extends Answer>(key: string, find: () => Promise<Found<Kind>>): Promise<Kind> {
    try {
      const { answer, keepMs } = await find();
      if (keepMs > 0) this.#cache.set(key, answer, this.#options.clock.now(), keepMs);
      return answer;
    } finally {
      this.#flights.delete(key);
    }
  }

  #find(name: string, type: QuestionType): Promise<Looked> {
    return this.#lookup.find(name, type, { timeoutMs: this.#options.limits.dnsTimeoutMs, tries: TRIES });
  }

  async #findMx(domain: Domain): Promise<Found<MxAnswer>> {
    const looked = await this.#find(domain, "MX");
    const keepMs = this.#keepMs(looked);
    switch (looked.kind) {
      case "records": {
        const answer = readMx(looked.records, looked.isSecure);
        return { answer, keepMs: answer.kind === "trouble" ? 0 : keepMs };
      }
      case "none":
        return { answer: { kind: "no-mx" }, keepMs };
      case "no-such-domain":
        return { answer: { kind: "no-such-domain" }, keepMs };
      case "trouble":
        return { answer: looked, keepMs };
    }
  }

  async #findAddresses(name: string): Promise<Found<AddressAnswer>> {
    const families = await Promise.all([this.#find(name, "AAAA"), this.#find(name, "A")]);
    const [six, four] = families;
    const trouble = families.find((looked) => looked.kind === "trouble");
    const addresses = interleave(readAddresses(six), readAddresses(four));
    const keepMs = Math.min(...families.filter(isThere).map((looked) => this.#keepMs(looked)));
    if (addresses.length > 0) {
      const isSecure = families.every((looked) => looked.kind !== "records" || looked.isSecure);
      // Half an answer is used, and soon asked for again.
      const soonMs = trouble === undefined ? keepMs : this.#options.limits.dnsTtlMinMs;
      const owner = families.find(isThere)?.owner ?? name;
      const canonical = owner === name ? {} : { canonical: owner };
      return { answer: { kind: "addresses", addresses, isSecure, ...canonical }, keepMs: soonMs };
    }
    if (trouble !== undefined) return { answer: trouble, keepMs: 0 };
    return { answer: { kind: "none" }, keepMs: Math.min(...families.map((looked) => this.#keepMs(looked))) };
  }

  async #findListed(name: string): Promise<Found<Listed>> {
    const patience: Patience = { timeoutMs: this.#options.limits.dnsListTimeoutMs, tries: LIST_TRIES };
    const looked = await this.#lookup.find(name, "A", patience);
    const keepMs = this.#keepMs(looked);
    if (looked.kind === "trouble") return { answer: "unknown", keepMs };
    const codes = readAddresses(looked).filter(isListCode);
    if (codes.some((code) => !isListError(code))) return { answer: "listed", keepMs };
    return { answer: codes.length > 0 ? "unknown" : "not-listed", keepMs };
  }

  async #findTxt(name: Domain): Promise<Found<TxtAnswer>> {
    const looked = await this.#find(name, "TXT");
    const keepMs = this.#keepMs(looked);
    if (looked.kind === "trouble") return { answer: looked, keepMs };
    if (looked.kind !== "records") return { answer: { kind: looked.kind }, keepMs };
    const texts = looked.records.flatMap((data) => (data.type === "TXT" ? (textOf(data.octets) ?? []) : []));
    return { answer: { kind: "texts", texts: texts.slice(0, RECORDS_MAX) }, keepMs };
  }

  async #findTlsa(name: Domain): Promise<Found<TlsaAnswer>> {
    const looked = await this.#find(name, "TLSA");
    const keepMs = this.#keepMs(looked);
    if (looked.kind === "trouble") return { answer: looked, keepMs };
    if (looked.kind !== "records") return { answer: { kind: "none" }, keepMs };
    const records = looked.records.flatMap((data) => {
      if (data.type !== "TLSA") return [];
      const [usage = 0, selector = 0, matchingType = 0] = data.octets;
      return [{ usage, selector, matchingType, octets: data.octets.subarray(3) }];
    });
    const { isSecure } = looked;
    return { answer: { kind: "records", records: records.slice(0, RECORDS_MAX), isSecure }, keepMs };
  }

  /** For how long: what the records or the SOA say, within bounds; trouble not at all. */
  #keepMs(looked: Looked): number {
    if (looked.kind === "trouble") return 0;
    const { dnsTtlMinMs, dnsTtlMaxMs, dnsNegativeTtlMaxMs } = this.#options.limits;
    const mostMs = looked.kind === "records" ? dnsTtlMaxMs : dnsNegativeTtlMaxMs;
    return Math.min(mostMs, Math.max(dnsTtlMinMs, looked.ttlSeconds * SECOND_MS));
  }
}

const TOO_LATE = { kind: "trouble", reason: LATE } as const;

function serversOf({ servers, isTrusted, resolvConf }: ResolverOptions): () => Promise<readonly NameServer[]> {
  const ours = servers.map(({ address, port }) => nameServer(address, port, isTrusted));
  if (ours.length > 0) return () => Promise.resolve(ours);
  const file = new ChangingFile(resolvConf, RESOLV_CONF_OCTETS_MAX, (text) => parseResolvConf(text, isTrusted));
  return () => file.read();
}

/** `MX 0 .` alone is the null MX (RFC 7505); beside others it says nothing. What is no host name is no host. */
function readMx(records: readonly DnsRecord["data"][], isSecure: boolean): MxAnswer {
  const exchanges = records.filter((data) => data.type === "MX");
  if (exchanges.every(({ exchange }) => exchange === "")) return { kind: "null-mx" };
  const hosts = exchanges
    .flatMap(({ preference, exchange }) => {
      const host = parseDomain(exchange);
      return host.ok ? [{ preference, host: host.value }] : [];
    })
    .sort((a, b) => a.preference - b.preference)
    .slice(0, RECORDS_MAX);
  return hosts.length > 0
    ? { kind: "mx", hosts, isSecure }
    : { kind: "trouble", reason: "its MX records name no host" };
}

function isThere(looked: Looked): looked is Looked & { kind: "records" } {
  return looked.kind === "records";
}

function readAddresses(looked: Looked): IpAddress[] {
  if (looked.kind !== "records") return [];
  return looked.records.flatMap((data) => {
    if (data.type !== "A" && data.type !== "AAAA") return [];
    const view = new DataView(data.octets.buffer, data.octets.byteOffset);
    const word = (i: number): number => view.getUint32(4 * i);
    return [data.type === "A" ? ipv4(word(0)) : normaliseIpv6([word(0), word(1), word(2), word(3)])];
  });
}

/** IPv6 first, then by turns, so that a family that does not work costs one attempt before the other. */
function interleave(six: readonly IpAddress[], four: readonly IpAddress[]): IpAddress[] {
  const all: IpAddress[] = [];
  for (let i = 0; i < Math.max(six.length, four.length); i++) {
    for (const address of [six[i], four[i]]) if (address !== undefined) all.push(address);
  }
  return all.slice(0, RECORDS_MAX);
}

/** A list answers within 127.0.0.0/8; anything else is a domain that was given up and parked (RFC 5782 §2.1). */
function isListCode(address: IpAddress): boolean {
  return address.family === 4 && address.bits >>> 24 === 127;
}

/** 127.255.255.0/24 is how lists say that they do not answer us: the question came by an open resolver, or too often. */
function isListError(address: IpAddress): boolean {
  return address.family === 4 && address.bits >>> 8 === 0x7fffff;
}
