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
  /** FWDHUBSVR: goes before `mailRouter`, for near domains too. */
  readonly hub: HostPort | null;
  /** FIREWALL(*YES): mail for near domains goes by MX all the same. */
  readonly firewall: boolean;
  isLocal(domain: Domain): boolean;
  isNear(domain: Domain): boolean;
  /** An address of this machine: `user@[192.0.2.1]` with it is local mail. */
  isOwnAddress(address: IpAddress): boolean;
}

/** Where mail goes, as far as it can be said without looking names up. */
export type Way =
  | { readonly kind: "capture" }
  | { readonly kind: "host"; readonly via: "smarthost" | "local"; readonly target: HostPort }
  | { readonly kind: "mx"; readonly domain: Domain }
  | { readonly kind: "literal"; readonly address: IpAddress }
  /** A host is wanted that is not configured. */
  | { readonly kind: "none"; readonly missing: "smarthost" | "local" }
  /** To the hosts of a route of the policy, into the queue until it is released, or nowhere. */
  | { readonly kind: "relay" | "hold" | "refuse" };

/**
 * The way of one recipient. `key` names it: recipients of one key travel together, and share connections and trouble. `rule` is the name
 * of the route of the policy that was chosen for it, which says how mail goes there; null where none was.
 */
export type Route = Way & { readonly key: string; readonly rule: string | null };

/** What of a route of the policy says where mail goes. */
export interface ChosenRoute {
  readonly name: string;
  readonly match: { readonly recipient: unknown };
  readonly action: { readonly kind: "default" | "mx" | "relay" | "local" | "hold" | "capture" | "refuse" };
}

/**
 * Where mail for `host` goes next. Pure: names are not looked up. Everything is captured in mode `capture`. Then comes the route that was
 * chosen for it; but one for every recipient leaves mail for local domains to their own next hop. Without a route local domains have their
 * own next hop where one is configured; then comes the hub for all others; then the smart host, save for near domains behind a firewall; then MX.
 */
export function routeOf(host: MailboxHost, rules: RoutingRules, chosen: ChosenRoute | null = null): Route {
  if (rules.mode === "capture") return routeBy(null, { kind: "capture" });
  const ours = host.kind === "domain" ? rules.isLocal(host.domain) : rules.isOwnAddress(host.address);
  if (chosen === null) return routeBy(null, wayOf(host, ours, rules));
  const isElsewhere = ["default", "mx", "relay"].includes(chosen.action.kind);
  if (ours && rules.local !== null && isElsewhere && chosen.match.recipient === null) {
    return routeBy(null, wayOf(host, ours, rules));
  }
  switch (chosen.action.kind) {
    case "default":
      return routeBy(chosen, wayOf(host, ours, rules));
    case "mx":
      return routeBy(chosen, exchangesOf(host));
    case "local":
      return routeBy(chosen, rules.local ? toHost("local", rules.local) : { kind: "none", missing: "local" });
    case "capture":
      return routeBy(null, { kind: "capture" });
    case "relay":
    case "hold":
    case "refuse":
      return routeBy(chosen, { kind: chosen.action.kind });
  }
}

/** Without a route of the policy. */
function wayOf(host: MailboxHost, ours: boolean, rules: RoutingRules): Way {
  if (rules.local && ours) return toHost("local", rules.local);
  if (rules.hub) return toHost("smarthost", rules.hub);
  const smarthost = rules.mailRouter ?? (rules.mode === "smarthost" ? rules.smarthost : null);
  const direct = rules.firewall && host.kind === "domain" && rules.isNear(host.domain);
  if (smarthost && !direct) return toHost("smarthost", smarthost);
  if (rules.mode === "smarthost" && !smarthost) return { kind: "none", missing: "smarthost" };
  return exchangesOf(host);
}

function exchangesOf(host: MailboxHost): Way {
  return host.kind === "literal" ? { kind: "literal", address: host.address } : { kind: "mx", domain: host.domain };
}

function toHost(via: "smarthost" | "local", target: HostPort): Way {
  return { kind: "host", via, target };
}

function routeBy(chosen: ChosenRoute | null, way: Way): Route {
  const key = formatWay(way);
  // No key of a way has a slash, and no name of a route.
  return chosen === null ? { ...way, key, rule: null } : { ...way, key: `${chosen.name}/${key}`, rule: chosen.name };
}

function formatWay(way: Way): string {
  switch (way.kind) {
    case "host":
      return `${way.via}:${formatHostPort(way.target)}`;
    case "literal":
      return `literal:${formatMailboxHost(way)}`;
    case "mx":
      return `mx:${way.domain}`;
    case "none":
      return way.missing === "local" ? "no-local" : "none";
    default:
      return way.kind;
  }
}

/** Of what goes into the capture box, by a route too. */
export const CAPTURE_KEY = "capture";

/** The name of the route of the policy in a key; null where it has none. */
export function ruleOfKey(key: string): string | null {
  const slash = key.indexOf("/");
  return slash < 0 ? null : key.slice(0, slash);
}

/** Whether this way leads to the mail exchangers of the recipients' domain. */
export function isExchangeKey(key: string): boolean {
  return /^(?:[^/]*\/)?mx:/.test(key);
}

/** Whether this way leads to `delivery.local`. */
export function isLocalKey(key: string): boolean {
  return /^(?:[^/]*\/)?local:/.test(key);
}

/** Whether what goes this way stays in the queue until it is released. */
export function isHoldKey(key: string): boolean {
  return key.endsWith("/hold");
}

/** The route behind a key, as the schedule keeps it. */
export function parseRouteKey(key: string): Route {
  const rule = ruleOfKey(key);
  return { ...parseWay(rule === null ? key : key.slice(rule.length + 1)), key, rule };
}

function parseWay(key: string): Way {
  const rest = key.slice(key.indexOf(":") + 1);
  if (key.startsWith("mx:")) return { kind: "mx", domain: rest as Domain };
  if (key.startsWith("literal:")) {
    const address = parseIpAddress(rest.replace(/^\[(IPv6:)?|\]$/g, ""));
    return address.ok ? { kind: "literal", address: address.value } : { kind: "none", missing: "smarthost" };
  }
  if (key.startsWith("smarthost:") || key.startsWith("local:")) {
    const target = parseHostPort(rest);
    const via = key.startsWith("local:") ? "local" : "smarthost";
    return target.ok ? { kind: "host", via, target: target.value } : { kind: "none", missing: via };
  }
  if (key === "capture" || key === "relay" || key === "hold" || key === "refuse") return { kind: key };
  return { kind: "none", missing: key === "no-local" ? "local" : "smarthost" };
}

// --- several hosts ----------------------------------------------------------------------------------------------------

/**
 * Hosts in the order of one connection: those with a weight by weighted chance, so that each is first as often as its weight says; behind
 * them those without, as they stand.
 */
export function orderByWeight<T extends { readonly weight: number }>(hosts: readonly T[], random: Random): T[] {
  const left = hosts.filter(({ weight }) => weight > 0);
  const ordered: T[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    let at = 0;
    for (let chance = random.uint32() % total; chance >= (left[at]?.weight ?? Infinity); at++) {
      chance -= left[at]?.weight ?? 0;
    }
    ordered.push(...left.splice(at, 1));
  }
  return [...ordered, ...hosts.filter(({ weight }) => weight === 0)];
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
export const NO_HOST = (missing: "smarthost" | "local"): Reply =>
  missing === "local"
    ? reply(451, "4.3.5", "A route leads to the next hop of local domains, and delivery.local is not configured")
    : reply(451, "4.3.5", "delivery.mode is smarthost, and no smart host is configured");
export const REFUSED_BY_ROUTE = (route: string): Reply =>
  reply(550, "5.7.1", `Mail for it is not passed on, by policy (route ${route})`);
export const HELD_BY_ROUTE = (route: string): Reply =>
  reply(450, "4.7.1", `Route ${route} holds it until it is released (RLSSMTPEMM)`);
export const NO_SUCH_ROUTE = (route: string): Reply => reply(451, "4.3.5", `There is no route ${route} any more`);
export const NO_SUCH_ACCOUNT = (what: string, account: string): Reply =>
  reply(451, "4.3.5", `${what} names account ${account}, and there is none`);
