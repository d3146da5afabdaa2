import type { Instant } from "../base/time.ts";
import type { Domain } from "../mail/domain.ts";
import type { IpAddress } from "../mail/ip.ts";
import type { Network } from "../mail/network.ts";
import type { AuthMethod } from "../mail/next-hop-terms.ts";
import type { RouteRule } from "./route-rule.ts";

/** CHGSMTPA ALWRLY: whether, and for whom, mail is relayed. */
export type AllowRelay = "*NONE" | "*ALL" | "*LIST" | "*NEAR" | "*BOTH";

/** The lists of ADDSMTPLE, and *ROUTE of ADDSMTPRTE. The IPv6 spellings (*ACCEPTIP6 …) are CL names of the same lists. */
export type ListName =
  "*ACCEPT" | "*REJECT" | "*NEAR" | "*DOMAIN" | "*SVRBIND" | "*CLTBIND" | "*HOSTAUTH" | "*ROUTE" | "*ETRNSVR";

export const LIST_NAMES: readonly ListName[] = [
  "*ACCEPT",
  "*REJECT",
  "*NEAR",
  "*DOMAIN",
  "*SVRBIND",
  "*CLTBIND",
  "*HOSTAUTH",
  "*ROUTE",
  "*ETRNSVR",
];

/** A positive integer that is never used again: an entry keeps it through CHGSMTPLE. Shown as `E17`. */
export type EntryId = number;

/**
 * What an entry is about. `network`: *ACCEPT, *REJECT, *NEAR. `domain`: *NEAR; with `subdomains` (written with a leading dot)
 * it covers the subdomains and not the name itself. `interface-domain`: *DOMAIN, local where the session came in at `address`
 * (or anywhere, when IFCDMN is *NO). `etrn-domain`: *ETRNSVR. `address`: *SVRBIND, *CLTBIND. `host-credentials`: *HOSTAUTH; the password is sealed
 * with the key of the data directory and never printed. `route`: *ROUTE.
 */
export type EntryValue =
  | { readonly kind: "network"; readonly network: Network }
  | { readonly kind: "domain"; readonly domain: Domain; readonly subdomains: boolean }
  | { readonly kind: "interface-domain"; readonly domain: Domain; readonly address: IpAddress | null }
  | { readonly kind: "etrn-domain"; readonly domain: Domain }
  | { readonly kind: "address"; readonly address: IpAddress }
  | {
      readonly kind: "host-credentials";
      readonly host: string;
      readonly user: string;
      /** "" where there is an account. */
      readonly sealedPassword: string;
      readonly method: AuthMethod;
      /** Name of an OAuth account whose tokens are said in place of a password; "" for none. Without `user` it is that of the account. */
      readonly account: string;
    }
  | { readonly kind: "route"; readonly route: RouteRule };

export interface Entry {
  readonly id: EntryId;
  readonly list: ListName;
  readonly value: EntryValue;
  /** TEXT: why the entry is there; `""` where nobody said. */
  readonly text: string;
  readonly addedBy: string;
  readonly addedAt: Instant;
  /** EXPDATE: from this instant on the entry matches nothing; null is *NONE. */
  readonly expiresAt: Instant | null;
}

/** Whether the entry matches nothing any more: EXPDATE has come. */
export function hasEnded({ expiresAt }: Pick<Entry, "expiresAt">, now: Instant): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** A retry level of CHGSMTPA: so many attempts, so far apart, in the unit of the level (minutes, hours, days). */
export interface RetryLevel {
  readonly attempts: number;
  readonly interval: number;
}

/** What CHGSMTPA sets. Each is live for the next command of every session, except where its definition says "next start". */
export interface Attributes {
  readonly ALWRLY: AllowRelay;
  /** May an authenticated client relay (*RELAY), or must every client authenticate, for local mail too (*LCLRLY)? */
  readonly ALWAUTH: "*NONE" | "*RELAY" | "*LCLRLY";
  /** *YES lets a client on *REJECT connect to a listener that offers AUTH, and do nothing there before it authenticated. */
  readonly OVRRJTCNNL: "*NO" | "*YES";
  /** DNS lists asked at connect; empty is *NONE. */
  readonly RBLSVR: readonly Domain[];
  readonly PCTRTGCHR: "*YES" | "*NO";
  readonly ALWBARELF: "*NO" | "*YES";
  /** The reverse-path must be in a local domain: of nobody (*NONE), everybody (*ALL), or clients not on *ACCEPT (*LIST). */
  readonly VFYFROMUSR: "*NONE" | "*ALL" | "*LIST";
  /** Smart host `host` or `host:port`; null is *NONE, then the configuration file decides. */
  readonly MAILROUTER: string | null;
  /** Forwarding hub `host` or `host:port`: all mail that is not local goes there, before MAILROUTER and whatever FIREWALL says; null is *NONE. */
  readonly FWDHUBSVR: string | null;
  /** *YES: mail for near domains goes by MX, all other mail to MAILROUTER. */
  readonly FIREWALL: "*NO" | "*YES";
  readonly RTYMIN: RetryLevel;
  readonly RTYHOUR: RetryLevel;
  readonly RTYDAY: RetryLevel;
  /** Largest message in kilobytes (1,024 octets). */
  readonly MAXEMMSIZE: number;
  /** Sessions in all, in and out. */
  readonly MAXINEMM: number;
  readonly MAXOUTEMM: number;
  readonly MIME8BIT: "*YES" | "*NO";
  /** *NO keeps decisions that let mail through and outcomes out of the journal; refusals and changes are always kept. */
  readonly JOURNAL: "*YES" | "*NO";
  /** Whether `serve` opens the listeners (next start). */
  readonly AUTOSTART: "*YES" | "*NO";
  /** Up to ten more domains that are ours. */
  readonly ALIASDMN: readonly Domain[];
  readonly IFCDMN: "*NO" | "*YES";
  /** *YES: clients that we relay for may start the queue of a domain on *ETRNSVR (RFC 1985). */
  readonly ETRNSVR: "*NO" | "*YES";
  /** The domain whose DKIM key seals what is forwarded (RFC 8617); null is *NONE. */
  readonly ARCDMN: Domain | null;
}

export const DEFAULT_ATTRIBUTES: Attributes = {
  ALWRLY: "*NONE",
  ALWAUTH: "*NONE",
  OVRRJTCNNL: "*NO",
  RBLSVR: [],
  PCTRTGCHR: "*YES",
  ALWBARELF: "*NO",
  VFYFROMUSR: "*NONE",
  MAILROUTER: null,
  FWDHUBSVR: null,
  FIREWALL: "*NO",
  RTYMIN: { attempts: 3, interval: 30 },
  RTYHOUR: { attempts: 21, interval: 1 },
  RTYDAY: { attempts: 4, interval: 1 },
  MAXEMMSIZE: 51_200,
  MAXINEMM: 1_000,
  MAXOUTEMM: 100,
  MIME8BIT: "*YES",
  JOURNAL: "*YES",
  AUTOSTART: "*YES",
  ALIASDMN: [],
  IFCDMN: "*NO",
  ETRNSVR: "*NO",
  ARCDMN: null,
};

/** What an entry of a new policy is given before it has an id, an adder and a time. */
export interface NewEntry {
  readonly list: ListName;
  readonly value: EntryValue;
  readonly text: string;
  readonly expiresAt: Instant | null;
}

/** The entry as it would be added again, without id, adder and time. */
export function asNewEntry({ list, value, text, expiresAt }: Entry): NewEntry {
  return { list, value, text, expiresAt };
}

/**
 * One step of the policy's history. The log of these is the policy: its version is their count.
 * `replace` is policy apply and undo: attributes and entries become exactly these; entries that stay keep their id and history.
 */
export type PolicyChange =
  | { readonly kind: "set-attributes"; readonly attributes: Partial<Attributes> }
  | { readonly kind: "add-entry"; readonly entry: NewEntry }
  | { readonly kind: "remove-entry"; readonly id: EntryId }
  | {
      readonly kind: "change-entry";
      readonly id: EntryId;
      readonly value?: EntryValue;
      readonly text?: string;
      readonly expiresAt?: Instant | null;
    }
  | { readonly kind: "replace"; readonly attributes: Attributes; readonly entries: readonly NewEntry[] };

/** A record of the log without what a change of many entries makes long. */
export interface PolicyHead {
  readonly version: number;
  readonly at: Instant;
  readonly by: string;
  readonly command: string;
  readonly kind: PolicyChange["kind"];
}

/** A change as the log keeps it: truth, audit trail and recovery at once. `version` is that of the policy after it. */
export interface PolicyRecord {
  readonly version: number;
  readonly at: Instant;
  /** Who: a system user of the control socket, a console user, `initial` for the file of a new data directory. */
  readonly by: string;
  /** The command as it was typed, secrets taken out. */
  readonly command: string;
  readonly change: PolicyChange;
}
