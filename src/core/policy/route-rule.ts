import type { Domain } from "../mail/domain.ts";
import type { HostPort } from "../mail/host-port.ts";
import type { Mailbox } from "../mail/mailbox.ts";
import type { Network } from "../mail/network.ts";
import { NO_PACE, type AuthMethod, type Pace, type TlsRule } from "../mail/next-hop-terms.ts";

/**
 * One entry of *ROUTE: which mail it is for, where that goes, and how. ADDSMTPRTE writes it, `route-fields.ts` has every part of it as
 * text. `name` is 1 to 32 of `A-Z 0-9 _ - .`, and a policy has it once.
 */
export interface RouteRule {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  /** TLS and TLSPIN. `default`: what goes without the route, of the configuration for its smart host. */
  readonly tls: TlsRule;
  readonly auth: RouteAuth;
  /** PROTOCOL. `graph`: handed to Microsoft Graph as the account of the route; RLYHOST is then the host of Graph, where it is another one. */
  readonly transport: "smtp" | "graph";
  readonly pace: Pace;
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

/** AUTHMTH and AUTHACC. `auto` takes the best that the next hop offers where there are credentials, and none where there are none. */
export interface RouteAuth {
  readonly method: "none" | AuthMethod;
  /** *HOSTAUTH: the entry of that list for the host; else the name of an OAuth account, which is written as names of routes are. */
  readonly account: string;
}

export const HOST_AUTHENTICATION = "*HOSTAUTH";

/** A route of which nothing is said but its name: it matches all mail, and changes nothing. */
export const DEFAULT_ROUTE: Omit<RouteRule, "name"> = {
  match: { recipient: null, sender: null, client: null },
  action: { kind: "default" },
  tls: { level: "default", pins: [] },
  auth: { method: "auto", account: HOST_AUTHENTICATION },
  transport: "smtp",
  pace: NO_PACE,
  rewrite: { sender: null, header: true },
  hygiene: "no",
};
