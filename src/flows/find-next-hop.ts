import { encodeHex } from "../core/base/hex.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import type { Instant } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { formatHostPort, SMTP_PORT, type HostPort } from "../core/mail/host-port.ts";
import type { TlsRule } from "../core/mail/next-hop-terms.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import { hasEnded, type Entry, type EntryValue, type ListName } from "../core/policy/policy.ts";
import { DEFAULT_ROUTE, HOST_AUTHENTICATION, type RelayHost, type RouteRule } from "../core/policy/route-rule.ts";
import {
  HELD_BY_ROUTE,
  NO_HOST,
  NO_SUCH_ACCOUNT,
  NO_SUCH_ROUTE,
  orderByWeight,
  REFUSED_BY_ROUTE,
  SERVERS_MAX,
  type Route,
} from "../core/queue/route.ts";
import { textOfDemand } from "../core/tls-policy/demand.ts";
import {
  ServerFinder,
  type FoundServers,
  type NoServers,
  type ServerFinderOptions,
  type ServerTerms,
} from "./find-servers.ts";
import type { Clock, Cryptography, NextHop, NextHopCredentials, NextHopServer } from "./ports.ts";
import type { DeliveryConfiguration, Routing } from "./routing.ts";

export interface NextHopOptions extends ServerFinderOptions {
  readonly clock: Clock;
  readonly cryptography: Pick<Cryptography, "unseal" | "sha256">;
  /** Entries of a list, for *HOSTAUTH and *CLTBIND. */
  readonly policy: { entries(list: ListName): readonly Entry[] };
  readonly routing: Pick<Routing, "routes">;
  readonly accounts: Accounts;
  /** For the smart host that it names: TLS and credentials. */
  readonly delivery: DeliveryConfiguration;
}

/** The accounts that routes name with AUTHACC. */
export interface Accounts {
  credentialsOf(account: string): NextHopCredentials | null;
}

export const NO_ACCOUNTS: Accounts = { credentialsOf: () => null };

export type Found = { readonly kind: "hop"; readonly hop: NextHop } | NoServers;

/** Servers that share a weight: those of one host of a route. */
interface Group {
  readonly weight: number;
  readonly servers: readonly NextHopServer[];
}

interface Known {
  readonly hop: NextHop;
  readonly groups: readonly Group[];
  readonly until: Instant;
}

type HostCredentials = EntryValue & { readonly kind: "host-credentials" };

/** Names change seldom and mail comes in crowds: what was found is good for so long. */
const REMEMBER_MS = 60_000;
const REMEMBERED_MAX = 10_000;

/** Microsoft Graph, where a route names no other host of it. */
const GRAPH: RelayHost = { target: { host: "graph.microsoft.com", port: 443 }, mx: false, weight: 1 };

/** Finds the servers behind a route, with what the route of the policy asks of them, credentials and own addresses. */
export class NextHopFinder {
  readonly #options: NextHopOptions;
  readonly #servers: ServerFinder;
  readonly #remembered = new Map<string, Known>();

  constructor(options: NextHopOptions) {
    this.#options = options;
    this.#servers = new ServerFinder(options);
  }

  /** A hop that was found lately, without waiting. Its servers stand in the order of one more connection. */
  remembered(key: string): NextHop | null {
    const known = this.#remembered.get(key);
    if (!known) return null;
    const now = this.#options.clock.now();
    // A clock that was set back makes nothing good for longer.
    if (now < known.until && known.until - now <= REMEMBER_MS) return this.#inOrder(known);
    this.#remembered.delete(key);
    return null;
  }

  /** The policy changed: credentials, bind addresses and routers may be others now. */
  forget(): void {
    this.#remembered.clear();
  }

  async find(route: Route): Promise<Found> {
    const rule = route.rule === null ? null : (this.#options.routing.routes.find(route.rule)?.route ?? null);
    if (route.rule !== null && rule === null) return { kind: "trouble", reply: NO_SUCH_ROUTE(route.rule) };
    const groups = await this.#groupsOf(route, rule);
    if (!groups.ok) return groups.error;
    const hop = this.#hop(route.key, rule, groups.value);
    const known: Known = { hop, groups: groups.value, until: this.#options.clock.now() + REMEMBER_MS };
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(route.key, known);
    return { kind: "hop", hop: this.#inOrder(known) };
  }

  #inOrder({ hop, groups }: Known): NextHop {
    if (groups.length < 2) return hop;
    const servers = orderByWeight(groups, this.#options.random).flatMap((group) => group.servers);
    return { ...hop, servers: servers.slice(0, SERVERS_MAX) };
  }

  async #groupsOf(route: Route, rule: RouteRule | null): Promise<Result<readonly Group[], NoServers>> {
    switch (route.kind) {
      case "relay":
        return rule === null ? noServers("trouble", NO_SUCH_ROUTE("")) : this.#groupsOfRelay(rule);
      case "host":
        return alone(await this.#ofHost(route.target, route.via === "smarthost", rule));
      case "mx":
        return alone(await this.#servers.ofExchanges(route.domain, SMTP_PORT, exchangeTerms(rule)));
      case "literal":
        return alone(await this.#servers.ofLiteral(route.address, exchangeTerms(rule)));
      case "none":
        return noServers("trouble", NO_HOST(route.missing));
      case "hold":
        return noServers("trouble", HELD_BY_ROUTE(route.rule ?? ""));
      case "refuse":
        return noServers("failed", REFUSED_BY_ROUTE(route.rule ?? ""));
      case "capture":
        return noServers("failed", reply(554, "5.3.5", "The capture box is no next hop"));
    }
  }

  /** Those of all hosts of the route; where one cannot be found the others do, and where none can that is no fault of the message. */
  async #groupsOfRelay(rule: RouteRule): Promise<Result<readonly Group[], NoServers>> {
    const named = rule.action.kind === "relay" ? rule.action.hosts : [];
    const hosts = named.length === 0 && rule.transport === "graph" ? [GRAPH] : named;
    const found = await Promise.all(
      hosts.map(async ({ target, mx, weight }) => {
        const servers = mx
          ? await this.#servers.ofExchanges(target.host as Domain, target.port, exchangeTerms(rule))
          : await this.#ofHost(target, true, rule);
        return { weight, servers };
      }),
    );
    const groups = found.flatMap(({ weight, servers }) => (servers.ok ? [{ weight, servers: servers.value }] : []));
    const first = found.find(({ servers }) => !servers.ok)?.servers;
    if (groups.length > 0 || first === undefined || first.ok) return ok(groups);
    return noServers("trouble", first.error.reply);
  }

  async #ofHost(target: HostPort, isPublic: boolean, rule: RouteRule | null): Promise<FoundServers> {
    const terms = this.#termsOf(target, isPublic, rule);
    return terms.ok ? this.#servers.ofHost(target, isPublic, terms.value) : terms;
  }

  /** What a host that was named is asked and told: by the route, else by the configuration where it is the smart host of that. */
  #termsOf(target: HostPort, isPublic: boolean, rule: RouteRule | null): Result<ServerTerms, NoServers> {
    const { smarthost, tls, credentials: configured } = this.#options.delivery;
    const isConfigured = isPublic && smarthost !== null && formatHostPort(smarthost) === formatHostPort(target);
    const ofFile = isConfigured ? FILE_TLS[tls] : DEFAULT_TERMS;
    const asked = rule === null || rule.tls.level === "default" ? ofFile.tls : rule.tls;
    const credentials = this.#credentials(target.host, rule);
    if (!credentials.ok) return credentials;
    const isOwn = credentials.value === null && isConfigured && configured !== null && takesHostAuthentication(rule);
    return ok({
      tls: asked,
      implicit: ofFile.implicit && asked.level !== "none",
      credentials: isOwn ? { kind: "password", ...configured } : credentials.value,
    });
  }

  #credentials(host: string, rule: RouteRule | null): Result<NextHopCredentials | null, NoServers> {
    if (rule !== null && rule.auth.method === "none") return ok(null);
    if (rule !== null && rule.auth.account !== HOST_AUTHENTICATION) {
      const credentials = this.#options.accounts.credentialsOf(rule.auth.account);
      return credentials === null
        ? noServers("trouble", NO_SUCH_ACCOUNT(`Route ${rule.name}`, rule.auth.account))
        : ok(credentials);
    }
    for (const { value } of this.#options.policy.entries("*HOSTAUTH").filter((entry) => this.#isLive(entry))) {
      if (value.kind !== "host-credentials" || value.host.toLowerCase() !== host.toLowerCase()) continue;
      return this.#ofEntry(value);
    }
    return ok(null);
  }

  #ofEntry({ host, user, sealedPassword, method, account }: HostCredentials): Result<NextHopCredentials, NoServers> {
    if (account !== "") {
      const known = this.#options.accounts.credentialsOf(account);
      if (known === null) return noServers("trouble", NO_SUCH_ACCOUNT(`*HOSTAUTH entry ${host}`, account));
      return ok({ ...known, user: user === "" ? known.user : user, method });
    }
    const password = this.#options.cryptography.unseal(sealedPassword);
    if (password === null) return noServers("trouble", UNREADABLE_PASSWORD(host));
    return ok({ kind: "password", user, password, method });
  }

  #hop(key: string, rule: RouteRule | null, groups: readonly Group[]): NextHop {
    const servers = groups.flatMap((group) => group.servers);
    const { auth, transport, pace, rewrite, hygiene } = rule ?? DEFAULT_ROUTE;
    const localAddresses = this.#options.policy
      .entries("*CLTBIND")
      .flatMap((entry) => (entry.value.kind === "address" && this.#isLive(entry) ? [entry.value.address] : []));
    return {
      key,
      connectionsKey: this.#connectionsKey(key, auth.method, servers),
      route: rule?.name ?? null,
      servers: servers.slice(0, SERVERS_MAX),
      auth: auth.method,
      transport,
      pace,
      localAddresses,
      rewriting: rule && { rewrite, hygiene },
    };
  }

  /**
   * Of two next hops of one key that demand different things of TLS, or say otherwise who we are, neither uses the connections of the
   * other. Secrets are in it as a digest only.
   */
  #connectionsKey(key: string, auth: NextHop["auth"], servers: readonly NextHopServer[]): string {
    if (servers.every(({ isImplicit, tls, credentials }) => tls.kind === "may" && !isImplicit && credentials === null))
      return key;
    const demands = servers.map(({ host, isImplicit, tls, credentials }) =>
      JSON.stringify([
        host,
        isImplicit,
        textOfDemand(tls),
        credentials && [auth, credentials.method ?? "auto", ...identityOf(credentials)],
      ]),
    );
    const octets = new TextEncoder().encode([...new Set(demands)].sort().join("\n"));
    return `${key} ${encodeHex(this.#options.cryptography.sha256(octets))}`;
  }

  #isLive(entry: Entry): boolean {
    return !hasEnded(entry, this.#options.clock.now());
  }
}

const DEFAULT_TERMS: Pick<ServerTerms, "tls" | "implicit"> = { tls: { level: "default", pins: [] }, implicit: false };

/** `delivery.tls`. What is required is verified: a certificate of anybody keeps nobody out. */
const FILE_TLS: Readonly<Record<DeliveryConfiguration["tls"], Pick<ServerTerms, "tls" | "implicit">>> = {
  none: { tls: { level: "none", pins: [] }, implicit: false },
  may: DEFAULT_TERMS,
  require: { tls: { level: "verify", pins: [] }, implicit: false },
  implicit: { tls: { level: "verify", pins: [] }, implicit: true },
};

/** For hosts that nobody named but DNS: they are told no password, which whoever forges an MX record could ask for. */
function exchangeTerms(rule: RouteRule | null): ServerTerms {
  const tls: TlsRule = rule?.tls ?? DEFAULT_TERMS.tls;
  return { tls, implicit: false, credentials: null };
}

function takesHostAuthentication(rule: RouteRule | null): boolean {
  return rule === null || (rule.auth.method !== "none" && rule.auth.account === HOST_AUTHENTICATION);
}

function alone(servers: FoundServers): Result<readonly Group[], NoServers> {
  return servers.ok ? ok([{ weight: 1, servers: servers.value }]) : servers;
}

function noServers(kind: NoServers["kind"], why: Reply): Result<never, NoServers> {
  return err({ kind, reply: why });
}

/** What a connection was opened with; a token is another one every hour and is no other identity. */
function identityOf(credentials: NextHopCredentials): readonly string[] {
  return credentials.kind === "token"
    ? [credentials.user, "token", credentials.account]
    : [credentials.user, "password", credentials.password];
}

const UNREADABLE_PASSWORD = (host: string): Reply =>
  reply(451, "4.3.5", `The *HOSTAUTH password for ${host} was sealed with another key: enter it again`);
