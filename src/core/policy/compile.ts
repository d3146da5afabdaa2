import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import { sameAddress, type IpAddress } from "../mail/ip.ts";
import { valueKey } from "./coverage.ts";
import { DomainSet } from "./domain-set.ts";
import { EntryTable } from "./entry-table.ts";
import { NetworkSet } from "./network-set.ts";
import { NetworkSetBuilder } from "./network-set-builder.ts";
import {
  hasEnded,
  DEFAULT_ATTRIBUTES,
  LIST_NAMES,
  type Attributes,
  type Entry,
  type EntryId,
  type EntryValue,
  type ListName,
} from "./policy.ts";
import { RouteTable } from "./route-table.ts";

/** What the configuration file adds to a policy. */
export interface PolicySettings {
  /** `local_domains`: mail for these is ours. */
  readonly localDomains: readonly Domain[];
  /** Entries of all lists together. */
  readonly entriesMax: number;
}

/** The lists of networks, and the names of *NEAR. */
export interface MatchingSets {
  readonly accept: NetworkSet;
  readonly reject: NetworkSet;
  readonly nearNetworks: NetworkSet;
  readonly nearDomains: DomainSet;
}

/** Of *DOMAIN, *SVRBIND, *CLTBIND, *HOSTAUTH, *ROUTE and *ETRNSVR together: each change of one copies the map of all. */
export const OTHER_ENTRIES_MAX = 10_000;

/** By list and key of the value. */
export type OtherEntries = ReadonlyMap<string, Entry>;

export interface PolicyParts extends MatchingSets {
  readonly settings: PolicySettings;
  readonly version: number;
  readonly attributes: Attributes;
  readonly table: EntryTable;
  /** The entries of the lists that match nothing. */
  readonly others: OtherEntries;
  /** Numbers below it were given to entries, and are never given again. */
  readonly nextId: EntryId;
}

/** Why a domain is ours. */
export type LocalBecause =
  | { readonly kind: "configured" }
  | { readonly kind: "alias" }
  /** An address literal with the address that the session came in at. */
  | { readonly kind: "address" }
  | { readonly kind: "entry"; readonly entry: Entry };

/**
 * One version of the policy, ready to decide. It never changes: who holds it is judged by it. `change.ts` makes the next version from
 * it, and that one shares what stayed.
 */
export class CompiledPolicy implements PolicyParts {
  readonly settings: PolicySettings;
  readonly version: number;
  readonly attributes: Attributes;
  readonly table: EntryTable;
  readonly accept: NetworkSet;
  readonly reject: NetworkSet;
  readonly nearNetworks: NetworkSet;
  readonly nearDomains: DomainSet;
  readonly others: OtherEntries;
  readonly nextId: EntryId;
  /** *ROUTE. */
  readonly routes: RouteTable;
  readonly #ownDomains: ReadonlyMap<Domain, LocalBecause>;
  readonly #interfaceDomains: ReadonlyMap<Domain, readonly Entry[]>;

  /** `before`, where there is one, lends what was derived from parts that are the same. */
  constructor(parts: PolicyParts, before: CompiledPolicy | null = null) {
    this.settings = parts.settings;
    this.version = parts.version;
    this.attributes = parts.attributes;
    this.table = parts.table;
    this.accept = parts.accept;
    this.reject = parts.reject;
    this.nearNetworks = parts.nearNetworks;
    this.nearDomains = parts.nearDomains;
    this.others = parts.others;
    this.nextId = parts.nextId;
    const sameAliases = before?.attributes.ALIASDMN === parts.attributes.ALIASDMN;
    this.#ownDomains = before && sameAliases ? before.#ownDomains : ownDomainsOf(parts);
    this.routes = before && before.others === parts.others ? before.routes : routesOf(parts.others);
    this.#interfaceDomains =
      before && before.others === parts.others ? before.#interfaceDomains : interfaceDomainsOf(parts.others);
  }

  entry(id: EntryId): Entry | null {
    return this.table.get(id);
  }

  /** The entry with this value; null where there is none. Ended ones too. */
  find(list: ListName, value: EntryValue): EntryId | null {
    if (value.kind === "network") return networksOf(this, list)?.find(value.network) ?? null;
    if (value.kind === "domain") return this.nearDomains.find(value.domain, value.subdomains);
    return this.others.get(otherKey(list, value))?.id ?? null;
  }

  /** The entries of one list or of all: by list, names before networks, networks by address, wider ones first. Ended ones too. */
  *entries(list?: ListName): Generator<Entry> {
    for (const name of list === undefined ? LIST_NAMES : [list]) {
      if (name === "*NEAR") yield* named(this.#all(this.nearDomains.ids()));
      const networks = networksOf(this, name);
      if (networks) yield* this.#all(networks.ids());
      else yield* named(Array.from(this.others.values()).filter((entry) => entry.list === name));
    }
  }

  /**
   * Whether mail for the domain is ours: by configuration, ALIASDMN, or *DOMAIN. Under IFCDMN(*YES) an entry of *DOMAIN with an address
   * counts only for sessions that came in there; `localAddress` null asks whether the domain is ours at any interface. Entries that
   * ended before `now` do not count; without `now`, as for mail that was taken while they did, all do.
   */
  isLocal(domain: Domain, localAddress: IpAddress | null, now: Instant = -Infinity): boolean {
    return this.localBecause(domain, localAddress, now) !== null;
  }

  /** Whether ETRN may start the queue of the domain, by whom it is asked apart. */
  hasEtrn(domain: Domain, now: Instant): boolean {
    if (this.attributes.ETRNSVR !== "*YES") return false;
    const id = this.find("*ETRNSVR", { kind: "etrn-domain", domain });
    const entry = id === null ? null : this.entry(id);
    return entry !== null && !hasEnded(entry, now);
  }

  localBecause(domain: Domain, localAddress: IpAddress | null, now: Instant): LocalBecause | null {
    const own = this.#ownDomains.get(domain);
    if (own !== undefined) return own;
    if (this.#interfaceDomains.size === 0) return null;
    const anywhere = this.attributes.IFCDMN === "*NO" || localAddress === null;
    for (const entry of this.#interfaceDomains.get(domain) ?? []) {
      const { value } = entry;
      if (value.kind !== "interface-domain" || hasEnded(entry, now)) continue;
      if (anywhere || value.address === null || sameAddress(value.address, localAddress)) {
        return { kind: "entry", entry };
      }
    }
    return null;
  }

  /** Whether a name of *NEAR covers the domain. `now` as in `isLocal`. */
  isNear(domain: Domain, now: Instant = -Infinity): boolean {
    return this.nearDomains.match(domain, now, this.table) !== 0;
  }

  *#all(ids: Iterable<EntryId>): Generator<Entry> {
    for (const id of ids) {
      const entry = this.table.read(id);
      if (entry !== null) yield entry;
    }
  }
}

/** The policy of a new data directory: version 0, ALWRLY(*NONE), no entries. */
export function emptyPolicy(settings: PolicySettings): CompiledPolicy {
  return new CompiledPolicy({
    settings,
    version: 0,
    attributes: DEFAULT_ATTRIBUTES,
    nextId: 1,
    table: EntryTable.EMPTY,
    accept: NetworkSet.EMPTY,
    reject: NetworkSet.EMPTY,
    nearNetworks: NetworkSet.EMPTY,
    nearDomains: DomainSet.EMPTY,
    others: new Map(),
  });
}

type CompiledEntries = MatchingSets & Pick<PolicyParts, "table" | "others">;

/** The sets and the table of many entries at once, in ascending order of their ids; or an entry whose value one before it has too. */
export function* compileEntries(entries: readonly Entry[]): Steps<CompiledEntries | { readonly twice: EntryId }> {
  const builders = {
    accept: new NetworkSetBuilder(),
    reject: new NetworkSetBuilder(),
    nearNetworks: new NetworkSetBuilder(),
  };
  let nearDomains = DomainSet.EMPTY;
  const others = new Map<string, Entry>();
  for (const entry of entries) {
    const { id, list, value } = entry;
    const expires = entry.expiresAt !== null;
    if (value.kind === "network") builders[networksName(list)].add(value.network, id, expires);
    else if (value.kind === "domain") {
      if (nearDomains.find(value.domain, value.subdomains) !== null) return { twice: id };
      nearDomains = nearDomains.with(value.domain, value.subdomains, id, expires);
    } else {
      const key = otherKey(list, value);
      if (others.has(key)) return { twice: id };
      others.set(key, entry);
    }
    yield;
  }
  const accept = yield* builders.accept.build();
  const reject = yield* builders.reject.build();
  const nearNetworks = yield* builders.nearNetworks.build();
  if ("twice" in accept) return accept;
  if ("twice" in reject) return reject;
  if ("twice" in nearNetworks) return nearNetworks;
  return { table: yield* EntryTable.of(entries), accept, reject, nearNetworks, nearDomains, others };
}

/** The set that has the networks of a list. */
export function networksName(list: ListName): "accept" | "reject" | "nearNetworks" {
  if (list === "*REJECT") return "reject";
  return list === "*ACCEPT" ? "accept" : "nearNetworks";
}

/** The networks of a list; null where it has none. */
export function networksOf(sets: MatchingSets, list: ListName): NetworkSet | null {
  switch (list) {
    case "*ACCEPT":
      return sets.accept;
    case "*REJECT":
      return sets.reject;
    case "*NEAR":
      return sets.nearNetworks;
    default:
      return null;
  }
}

export function otherKey(list: ListName, value: EntryValue): string {
  return `${list} ${valueKey(value)}`;
}

function named(entries: Iterable<Entry>): Entry[] {
  const keyed = Array.from(entries, (entry) => ({ entry, key: valueKey(entry.value) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ entry }) => entry);
}

function ownDomainsOf({ settings, attributes }: PolicyParts): ReadonlyMap<Domain, LocalBecause> {
  const own = new Map<Domain, LocalBecause>();
  for (const domain of attributes.ALIASDMN) own.set(domain, { kind: "alias" });
  for (const domain of settings.localDomains) own.set(domain, { kind: "configured" });
  return own;
}

function routesOf(others: OtherEntries): RouteTable {
  const routes = Array.from(others.values()).filter(({ list }) => list === "*ROUTE");
  return routes.length === 0 ? RouteTable.EMPTY : new RouteTable(routes);
}

function interfaceDomainsOf(others: OtherEntries): ReadonlyMap<Domain, readonly Entry[]> {
  const domains = new Map<Domain, Entry[]>();
  // By number, so that the entry that is named does not hang on the order in which entries were changed.
  for (const entry of Array.from(others.values()).sort((a, b) => a.id - b.id)) {
    if (entry.value.kind !== "interface-domain") continue;
    const known = domains.get(entry.value.domain);
    if (known) known.push(entry);
    else domains.set(entry.value.domain, [entry]);
  }
  return domains;
}
