import { Resolver as NodeResolver } from "node:dns/promises";
import type { MxRecord, RecordWithTtl } from "node:dns";
import { parseDomain, type Domain } from "../../core/mail/domain.ts";
import { parseIpAddress, parseIpv4, type IpAddress, type Ipv4Address } from "../../core/mail/ip.ts";
import type { AddressAnswer, Clock, MxAnswer, Resolver, TxtAnswer } from "../../flows/ports.ts";
import { AnswerCache } from "./answer-cache.ts";
import { HostsFile } from "./hosts-file.ts";
import { listName } from "./list-name.ts";

/** An answer is kept as long as its TTL says, within these bounds. */
const TTL_MIN_S = 5;
const TTL_MAX_S = 3_600;
/** What `node:dns` gives no TTL for: MX answers, and that something is not there (RFC 2308 asks for the SOA's). */
const MX_TTL_S = 300;
const NEGATIVE_TTL_S = 60;
/** Who asks for a TXT record often has just written it. */
const TXT_TTL_S = 5;
/** TXT records of a name beyond these say nothing. */
const TEXTS_MAX = 32;
/** More hosts of a domain, or addresses of a host, are not tried (RFC 5321 §5.1 asks for at least two). */
const HOSTS_MAX = 32;
/** Tries of one question before the deadline. */
const TRIES = 3;

export interface ResolverOptions {
  /** `192.0.2.53`, `[2001:db8::53]:5353`; without them those of the system. */
  readonly servers?: readonly string[];
  /** Until `mx` and `addresses` answer with trouble. */
  readonly timeoutMs: number;
  /** Until `listed` answers `unknown`. */
  readonly listTimeoutMs: number;
  readonly cacheEntriesMax: number;
  /** Questions under way at once; more are answered with trouble or `unknown`. */
  readonly queriesMax: number;
  /** Names that need no DNS: hosts(5). */
  readonly hostsFile: string;
  readonly clock: Clock;
}

export type ClosableResolver = Resolver & { close(): void };

type Listed = "listed" | "not-listed" | "unknown";
type Answer = MxAnswer | AddressAnswer | Listed | TxtAnswer;
/** An answer and for how long; 0 is not kept. */
interface Found<Kind extends Answer> {
  readonly answer: Kind;
  readonly ttlSeconds: number;
}

/** Asks the DNS by `node:dns` (c-ares: never in the thread pool). Equal questions under way share one answer; answers are cached. */
export function createResolver(options: ResolverOptions): ClosableResolver {
  return new DnsResolver(options);
}

class DnsResolver implements ClosableResolver {
  readonly #options: ResolverOptions;
  readonly #dns: NodeResolver;
  readonly #listDns: NodeResolver;
  readonly #hosts: HostsFile;
  readonly #cache: AnswerCache<Answer>;
  readonly #flights = new Map<string, Promise<Answer>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#dns = new NodeResolver({ timeout: Math.ceil(options.timeoutMs / TRIES), tries: TRIES });
    this.#listDns = new NodeResolver({ timeout: Math.ceil(options.listTimeoutMs / 2), tries: 2 });
    if (options.servers !== undefined) {
      this.#dns.setServers(options.servers);
      this.#listDns.setServers(options.servers);
    }
    this.#hosts = new HostsFile(options.hostsFile);
    this.#cache = new AnswerCache(options.cacheEntriesMax);
  }

  mx(domain: Domain): Promise<MxAnswer> {
    const late: MxAnswer = { kind: "trouble", reason: "no answer in time" };
    return this.#ask(`mx ${domain}`, () => this.#findMx(domain), late, this.#options.timeoutMs);
  }

  async addresses(host: string): Promise<AddressAnswer> {
    const literal = parseIpAddress(host.replace(/^\[(?:IPv6:)?(.*)\]$/i, "$1"));
    if (literal.ok) return { kind: "addresses", addresses: [literal.value] };
    const name = host.toLowerCase().replace(/\.$/, "");
    const known = await this.#hosts.find(name);
    if (known.length > 0) return { kind: "addresses", addresses: known };
    const late: AddressAnswer = { kind: "trouble", reason: "no answer in time" };
    return this.#ask(`a ${name}`, () => this.#findAddresses(name), late, this.#options.timeoutMs);
  }

  listed(client: IpAddress, list: Domain): Promise<Listed> {
    const name = listName(client, list);
    return this.#ask<Listed>(`list ${name}`, () => this.#findListed(name), "unknown", this.#options.listTimeoutMs);
  }

  txt(name: Domain): Promise<TxtAnswer> {
    const late: TxtAnswer = { kind: "trouble", reason: "no answer in time" };
    return this.#ask(`txt ${name}`, () => this.#findTxt(name), late, this.#options.timeoutMs);
  }

  close(): void {
    this.#dns.cancel();
    this.#listDns.cancel();
  }

  /** From the cache, from a flight under way or by a new one. What comes after the deadline still goes into the cache. */
  async #ask<Kind extends Answer>(
    key: string,
    find: () => Promise<Found<Kind>>,
    late: Kind,
    timeoutMs: number,
  ): Promise<Kind> {
    const { clock, queriesMax } = this.#options;
    const cached = this.#cache.get(key, clock.now());
    if (cached !== null) return cached as Kind;
    let flight = this.#flights.get(key) as Promise<Kind> | undefined;
    if (flight === undefined) {
      if (this.#flights.size >= queriesMax) return late;
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
      const { answer, ttlSeconds } = await find();
      const seconds = Math.min(TTL_MAX_S, Math.max(TTL_MIN_S, ttlSeconds));
      if (ttlSeconds > 0) this.#cache.set(key, answer, this.#options.clock.now() + 1_000 * seconds);
      return answer;
    } finally {
      this.#flights.delete(key);
    }
  }

  async #findMx(domain: Domain): Promise<Found<MxAnswer>> {
    try {
      return { answer: readMx(await this.#dns.resolveMx(domain)), ttlSeconds: MX_TTL_S };
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENODATA") return { answer: { kind: "no-mx" }, ttlSeconds: NEGATIVE_TTL_S };
      if (code === "ENOTFOUND") return { answer: { kind: "no-such-domain" }, ttlSeconds: NEGATIVE_TTL_S };
      return { answer: { kind: "trouble", reason: reasonOf(code) }, ttlSeconds: 0 };
    }
  }

  async #findTxt(name: Domain): Promise<Found<TxtAnswer>> {
    try {
      const records = await this.#dns.resolveTxt(name);
      const texts = records.slice(0, TEXTS_MAX).map((strings) => strings.join(""));
      return { answer: { kind: "texts", texts }, ttlSeconds: TXT_TTL_S };
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENODATA") return { answer: { kind: "none" }, ttlSeconds: TTL_MIN_S };
      if (code === "ENOTFOUND") return { answer: { kind: "no-such-domain" }, ttlSeconds: TTL_MIN_S };
      return { answer: { kind: "trouble", reason: reasonOf(code) }, ttlSeconds: 0 };
    }
  }

  async #findAddresses(name: string): Promise<Found<AddressAnswer>> {
    const [six, four] = await Promise.all([
      settle(this.#dns.resolve6(name, { ttl: true })),
      settle(this.#dns.resolve4(name, { ttl: true })),
    ]);
    const trouble = six.trouble ?? four.trouble;
    const addresses = interleave(readAddresses(six.records), readAddresses(four.records));
    if (addresses.length > 0) {
      // Half an answer is used, and soon asked for again.
      const ttls = trouble === null ? [...six.records, ...four.records].map(({ ttl }) => ttl) : [TTL_MIN_S];
      return { answer: { kind: "addresses", addresses }, ttlSeconds: Math.max(1, Math.min(...ttls)) };
    }
    if (trouble !== null) return { answer: { kind: "trouble", reason: reasonOf(trouble) }, ttlSeconds: 0 };
    return { answer: { kind: "none" }, ttlSeconds: NEGATIVE_TTL_S };
  }

  async #findListed(name: string): Promise<Found<Listed>> {
    const { records, trouble } = await settle(this.#listDns.resolve4(name, { ttl: true }));
    if (trouble !== null) return { answer: "unknown", ttlSeconds: 0 };
    const answers = records.map(({ address }) => parseIpv4(address)).filter((parsed) => parsed.ok);
    const codes = answers.map(({ value }) => value).filter(isListCode);
    const ttls = records.map(({ ttl }) => ttl);
    const ttlSeconds = Math.max(1, ttls.length === 0 ? NEGATIVE_TTL_S : Math.min(...ttls));
    if (codes.some((code) => !isListError(code))) return { answer: "listed", ttlSeconds };
    return codes.length > 0 ? { answer: "unknown", ttlSeconds } : { answer: "not-listed", ttlSeconds };
  }
}

/** `MX 0 .` alone is the null MX (RFC 7505); beside others it says nothing. What is no host name is no host. */
function readMx(records: readonly MxRecord[]): MxAnswer {
  const isNull = (record: MxRecord): boolean => record.exchange === "" || record.exchange === ".";
  if (records.length > 0 && records.every(isNull)) return { kind: "null-mx" };
  const hosts = records
    .filter((record) => !isNull(record))
    .flatMap(({ exchange, priority }) => {
      const host = parseDomain(exchange);
      return host.ok ? [{ preference: priority, host: host.value }] : [];
    })
    .sort((a, b) => a.preference - b.preference)
    .slice(0, HOSTS_MAX);
  return hosts.length > 0 ? { kind: "mx", hosts } : { kind: "trouble", reason: "its MX records name no host" };
}

function readAddresses(records: readonly RecordWithTtl[]): IpAddress[] {
  return records.flatMap(({ address }) => {
    const parsed = parseIpAddress(address);
    return parsed.ok ? [parsed.value] : [];
  });
}

/** IPv6 first, then by turns, so that a family that does not work costs one attempt before the other. */
function interleave(six: readonly IpAddress[], four: readonly IpAddress[]): IpAddress[] {
  const all: IpAddress[] = [];
  for (let i = 0; i < Math.max(six.length, four.length); i++) {
    for (const address of [six[i], four[i]]) if (address !== undefined) all.push(address);
  }
  return all.slice(0, HOSTS_MAX);
}

/** A list answers within 127.0.0.0/8; anything else is a domain that was given up and parked (RFC 5782 §2.1). */
function isListCode({ bits }: Ipv4Address): boolean {
  return bits >>> 24 === 127;
}

/** 127.255.255.0/24 is how lists say that they do not answer us: the question came by an open resolver, or too often. */
function isListError({ bits }: Ipv4Address): boolean {
  return bits >>> 8 === 0x7fffff;
}

/** The records, or none because there are none; or the code of what was in the way. */
async function settle(
  query: Promise<RecordWithTtl[]>,
): Promise<{ readonly records: readonly RecordWithTtl[]; readonly trouble: string | null }> {
  try {
    return { records: await query, trouble: null };
  } catch (error) {
    const code = codeOf(error);
    return { records: [], trouble: code === "ENODATA" || code === "ENOTFOUND" ? null : code };
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : String(error);
}

const REASONS: { readonly [code: string]: string } = {
  ESERVFAIL: "the name server failed (SERVFAIL)",
  EREFUSED: "the name server refuses to answer (REFUSED)",
  ETIMEOUT: "no answer in time",
  ECONNREFUSED: "no name server can be reached",
  EBADRESP: "the answer cannot be read",
  EFORMERR: "the name server does not understand the question (FORMERR)",
  EBADNAME: "it is no name that can be asked for",
  ECANCELLED: "the question was given up",
};

function reasonOf(code: string): string {
  return REASONS[code] ?? code;
}
