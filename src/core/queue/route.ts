import { err, ok, type Result } from "../base/result.ts";
import type { Random } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import { formatHostPort, parseHostPort, SMTP_PORT, type HostPort } from "../mail/host-port.ts";
import { parseIpAddress, sameAddress, type IpAddress } from "../mail/ip.ts";
import { formatMailboxHost, type MailboxHost } from "../mail/mailbox.ts";
import { reply, type Reply } from "../mail/reply.ts";

/** TLS from the first octet (RFC 8314 §3.3). */
export const SUBMISSIONS_PORT = 465;

/** What routing needs to know: `[delivery]` of the configuration and the attributes of the policy of this moment. */
export interface RoutingRules {
  readonly mode: "mx" | "smarthost" | "capture";
  /** `delivery.smarthost`, null where none is configured. */
  readonly smarthost: HostPort | null;
  /** `delivery.local`: the next hop for local domains. */
  readonly local: HostPort | null;
  /** MAILROUTER: goes before `smarthost`, and makes mode `mx` send through it. */
  readonly mailRouter: HostPort | null;
  /** FIREWALL(*YES): mail for near domains goes by MX all the same. */
  readonly firewall: boolean;
  isLocal(domain: Domain): boolean;
  isNear(domain: Domain): boolean;
  /** An address of this machine: `user@[192.0.2.1]` with it is local mail. */
  isOwnAddress(address: IpAddress): boolean;
}

/** The way of one recipient. `key` names it: recipients of one key travel together, and share connections and trouble. */
export type Route =
  | { readonly kind: "capture"; readonly key: string }
  | { readonly kind: "host"; readonly key: string; readonly via: "smarthost" | "local"; readonly target: HostPort }
  | { readonly kind: "mx"; readonly key: string; readonly domain: Domain }
  | { readonly kind: "literal"; readonly key: string; readonly address: IpAddress }
  /** Mode `smarthost` without one. */
  | { readonly kind: "none"; readonly key: string };

/**
 * Where mail for `host` goes next. Pure: names are not looked up. Everything is captured in mode `capture`; local domains have
 * their own next hop where one is configured; then comes the smart host, save for near domains behind a firewall; then MX.
 */
export function routeOf(host: MailboxHost, rules: RoutingRules): Route {
  if (rules.mode === "capture") return { kind: "capture", key: "capture" };
  const domain = host.kind === "domain" ? host.domain : null;
  const ours = host.kind === "domain" ? rules.isLocal(host.domain) : rules.isOwnAddress(host.address);
  if (rules.local && ours) return hostRoute("local", rules.local);
  const smarthost = rules.mailRouter ?? (rules.mode === "smarthost" ? rules.smarthost : null);
  const direct = rules.firewall && domain !== null && rules.isNear(domain);
  if (smarthost && !direct) return hostRoute("smarthost", smarthost);
  if (rules.mode === "smarthost" && !smarthost) return { kind: "none", key: "none" };
  if (host.kind === "literal") {
    return { kind: "literal", key: `literal:${formatMailboxHost(host)}`, address: host.address };
  }
  return { kind: "mx", key: `mx:${host.domain}`, domain: host.domain };
}

function hostRoute(via: "smarthost" | "local", target: HostPort): Route {
  return { kind: "host", key: `${via}:${formatHostPort(target)}`, via, target };
}

/** The route behind a key, as the schedule keeps it. */
export function parseRouteKey(key: string): Route {
  const colon = key.indexOf(":");
  const rest = key.slice(colon + 1);
  if (key.startsWith("mx:")) return { kind: "mx", key, domain: rest as Domain };
  if (key.startsWith("literal:")) {
    const address = parseIpAddress(rest.replace(/^\[(IPv6:)?|\]$/g, ""));
    return address.ok ? { kind: "literal", key, address: address.value } : { kind: "none", key };
  }
  if (key.startsWith("smarthost:") || key.startsWith("local:")) {
    const target = parseHostPort(rest);
    const via = key.startsWith("local:") ? "local" : "smarthost";
    return target.ok ? { kind: "host", key, via, target: target.value } : { kind: "none", key };
  }
  return key === "capture" ? { kind: "capture", key } : { kind: "none", key };
}

// --- mail exchangers --------------------------------------------------------------------------------------------------

export interface Exchange {
  readonly preference: number;
  readonly host: string;
}

/** Who we are: what must never be a next hop. */
export interface OwnIdentity {
  isOwnName(host: string): boolean;
  /** An address of this machine. */
  isOwnAddress(address: IpAddress): boolean;
}

/**
 * The exchangers to try, in order (RFC 5321 §5.1): lowest preference first, equals in random order. Where we are one of them
 * ourselves, we and all that are not nearer than we are are dropped; nothing left is a loop. At most `EXCHANGES_MAX`.
 */
export function orderExchanges(exchanges: readonly Exchange[], own: OwnIdentity, random: Random): Exchange[] {
  const limit = exchanges.reduce(
    (lowest, { host, preference }) => (own.isOwnName(host) ? Math.min(lowest, preference) : lowest),
    Infinity,
  );
  return exchanges
    .filter(({ preference }) => preference < limit)
    .map((exchange) => ({ exchange, chance: random.uint32() }))
    .sort((a, b) => a.exchange.preference - b.exchange.preference || a.chance - b.chance)
    .slice(0, EXCHANGES_MAX)
    .map(({ exchange }) => exchange);
}

/** Hosts and addresses of one domain that are tried; hostile zones list thousands. */
export const EXCHANGES_MAX = 10;
export const SERVERS_MAX = 20;

export interface Server {
  readonly host: string;
  readonly address: IpAddress;
  readonly port: number;
}

export interface ResolvedExchange {
  readonly exchange: Exchange;
  readonly addresses: readonly IpAddress[];
}

/**
 * The servers behind exchangers whose addresses were looked up. An address of our own or of no host at all (loopback, 0.0.0.0)
 * ends the list where it stands, as in RFC 5321 §5.1: what is not nearer than we are is not tried.
 */
export function serversOf(resolved: readonly ResolvedExchange[], own: OwnIdentity): Result<Server[], "loop"> {
  let limit = Infinity;
  for (const { exchange, addresses } of resolved) {
    if (addresses.some((address) => isUnusable(address) || own.isOwnAddress(address))) {
      limit = Math.min(limit, exchange.preference);
    }
  }
  const servers = resolved
    .filter(({ exchange }) => exchange.preference < limit)
    .flatMap(({ exchange, addresses }) =>
      addresses.map((address) => ({ host: exchange.host, address, port: SMTP_PORT })),
    );
  return servers.length === 0 && limit < Infinity ? err("loop") : ok(servers.slice(0, SERVERS_MAX));
}

/** Loopback, the unspecified address, multicast and 240/4: no mail exchanger of another host. */
export function isUnusable(address: IpAddress): boolean {
  if (address.family === 4) {
    const first = address.bits >>> 24;
    return first === 0 || first === 127 || first >= 224;
  }
  const [a, b, c, d] = address.words;
  return a >>> 24 === 0xff || (a === 0 && b === 0 && c === 0 && d <= 1);
}

export function includesAddress(addresses: readonly IpAddress[], address: IpAddress): boolean {
  return addresses.some((one) => sameAddress(one, address));
}

// --- what a sender hears when there is no next hop --------------------------------------------------------------------

export const LOOP = (name: string): Reply =>
  reply(554, "5.4.6", `Mail for ${name} leads back to this host: a loop. Its MX or next hop names ourselves`);
export const NULL_MX = (domain: string): Reply => reply(556, "5.1.10", `${domain} takes no mail (null MX)`);
export const NO_SUCH_DOMAIN = (domain: string): Reply => reply(550, "5.1.2", `${domain} does not exist`);
export const NO_SERVER = (domain: string): Reply => reply(550, "5.1.2", `${domain} has neither MX nor address records`);
export const NO_ADDRESS = (domain: string, exchange: string): Reply =>
  reply(550, "5.4.4", `None of the mail exchangers of ${domain} has an address: ${exchange} is the first of them`);
export const DNS_TROUBLE = (name: string, reason: string): Reply =>
  reply(451, "4.4.3", `The name ${name} cannot be looked up now: ${reason}`);
export const NO_SMARTHOST: Reply = reply(451, "4.3.5", "delivery.mode is smarthost, and no smart host is configured");
