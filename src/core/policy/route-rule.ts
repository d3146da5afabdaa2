import type { Domain } from "../mail/domain.ts";
import type { HostPort } from "../mail/host-port.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Network } from "../mail/network.ts";

/**
 * One entry of *ROUTE: which mail it is for, where that goes, and how. ADDSMTPRTE writes it, `route-fields.ts` has every part of it as
 * text. `name` is 1 to 32 of `A-Z 0-9 _ - .`, and a policy has it once.
 */
export interface RouteRule {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly tls: RouteTls;
  readonly auth: RouteAuth;
  /** PROTOCOL. `graph`: handed to Microsoft Graph as the account of the route; RLYHOST is then the host of Graph, where it is another one. */
  readonly transport: "smtp" | "graph";
  readonly pace: RoutePace;
  /** SNDRWT: the sender in place of every other; null leaves senders alone. HDRRWT `header`: the From field as well. */
  readonly rewrite: { readonly sender: Mailbox | null; readonly header: boolean };
  /** HDRFIX: Bcc is taken out, a missing From, Date or Message-ID is added. `listed`: of clients that the policy names. */
  readonly hygiene: "no" | "listed" | "yes";
}

/** Every part that is there must hold; null is *ANY. */
export interface RouteMatch {
  /** RCPDMN: the domain of the recipient; address literals have none. */
  readonly recipient: DomainPattern | null;
  /** SNDADR: the reverse-path. */
  readonly sender: SenderPattern | null;
  /** CLTADR: the network that the client is in. A report of our own has no client, and is of no network. */
  readonly client: Network | null;
}

/** A name; with `subdomains` (written with a leading dot) the names below it and not the name itself. */
export interface DomainPattern {
  readonly domain: Domain;
  readonly subdomains: boolean;
}

/** `user@example.com` (whatever the case of the letters), `example.com`, `.example.com`, or `<>`: the null reverse-path. */
export type SenderPattern =
  | { readonly kind: "address"; readonly mailbox: Mailbox }
  | ({ readonly kind: "domain" } & DomainPattern)
  | { readonly kind: "null" };

/**
 * ACTION. `default`: the way it would go without this route, with what else the route says. `mx`: by MX of the recipient's domain, past
 * every smart host. `local`: to `delivery.local`. `hold`: stays in the queue until an operator releases it. `refuse`: said at RCPT.
 */
export type RouteAction =
  | { readonly kind: "default" | "mx" | "local" | "hold" | "capture" | "refuse" }
  | { readonly kind: "relay"; readonly hosts: readonly RelayHost[] };

/** One of RLYHOST. */
export interface RelayHost {
  readonly target: HostPort;
  /** Written `mx:example.net`: the mail exchangers of that name, not its addresses. */
  readonly mx: boolean;
  /** Its share of the load, 1 to 1,000; 0 is *FALLBACK: tried when none with a share can be, in the order in which they stand. */
  readonly weight: number;
}

/** `default`: what goes without the route: of the configuration for its smart host, verified where credentials are sent, else `may`. */
export interface RouteTls {
  readonly level: "default" | TlsLevel;
  /** SHA-256 of certificates or public keys that `pin` takes, 64 hexadecimal digits in lower case. */
  readonly pins: readonly string[];
}

/**
 * `none`: never TLS. `may`: where it is offered, whatever the certificate. `encrypt`: always, whatever the certificate. `verify`: a
 * certificate of a known authority for the name. `dane`: RFC 7672. `mta-sts`: RFC 8461. `pin`: one of the pins.
 */
export type TlsLevel = "none" | "may" | "encrypt" | "verify" | "dane" | "mta-sts" | "pin";

/** AUTHMTH and AUTHACC. `auto` takes the best that the next hop offers where there are credentials, and none where there are none. */
export interface RouteAuth {
  readonly method: "none" | "auto" | "plain" | "login" | "cram-md5" | "xoauth2" | "oauthbearer";
  /** *HOSTAUTH: the entry of that list for the host; else the name of an OAuth account, which is written as names of routes are. */
  readonly account: string;
}

/** Bounds of one next hop. null: what goes without the route, for rates none. */
export interface RoutePace {
  readonly connections: number | null;
  readonly messagesPerConnection: number | null;
  /** Messages. */
  readonly perSecond: number | null;
  readonly perMinute: number | null;
  readonly perDay: number | null;
}

export const HOST_AUTHENTICATION = "*HOSTAUTH";

/** A route of which nothing is said but its name: it matches all mail, and changes nothing. */
export const DEFAULT_ROUTE: Omit<RouteRule, "name"> = {
  match: { recipient: null, sender: null, client: null },
  action: { kind: "default" },
  tls: { level: "default", pins: [] },
  auth: { method: "auto", account: HOST_AUTHENTICATION },
  transport: "smtp",
  pace: { connections: null, messagesPerConnection: null, perSecond: null, perMinute: null, perDay: null },
  rewrite: { sender: null, header: true },
  hygiene: "no",
};
