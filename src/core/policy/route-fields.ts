/**
 * A route as texts, field by field: what CL, the policy log and JSON are made of. What is as in `DEFAULT_ROUTE` has no text, so a field
 * that a later version adds changes nothing about routes that were written before.
 */
import { parseName } from "../base/names.ts";
import { err, ok, type Result } from "../base/result.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatHostPort, parseHostPort } from "../mail/host-port.ts";
import { formatMailbox } from "../mail/mailbox.ts";
import { formatNetwork, parseCidr, type Network } from "../mail/network.ts";
import { parseIpAddress } from "../mail/ip.ts";
import { parseMailbox } from "../mail/path.ts";
import type { AuthMethod } from "../mail/next-hop-terms.ts";
import {
  DEFAULT_ROUTE,
  HOST_AUTHENTICATION,
  type DomainPattern,
  type RelayHost,
  type RouteAuth,
  type RouteRule,
  type SenderPattern,
} from "./route-rule.ts";

/** The fields of a route, by their keywords of ADDSMTPRTE and in the order of that command. */
export const ROUTE_FIELDS = [
  "RCPDMN",
  "SNDADR",
  "CLTADR",
  "ACTION",
  "RLYHOST",
  "TLS",
  "TLSPIN",
  "AUTHMTH",
  "AUTHACC",
  "PROTOCOL",
  "MAXCNN",
  "MAXMSG",
  "RATESEC",
  "RATEMIN",
  "RATEDAY",
  "SNDRWT",
  "HDRRWT",
  "HDRFIX",
] as const;

export type RouteField = (typeof ROUTE_FIELDS)[number];

/** Fields that are not there have their default. RLYHOST and TLSPIN have a text for each value, all others one. */
export type RouteTexts = Readonly<Partial<Record<RouteField, readonly string[]>>>;

/** What is wrong with one text. */
export interface RouteFault {
  readonly field: RouteField | "RTE";
  readonly text: string;
  /** A sentence. */
  readonly why: string;
}

export const ROUTE_HOSTS_MAX = 20;
export const ROUTE_PINS_MAX = 10;
export const ROUTE_WEIGHT_MAX = 1_000;
/** Of MAXCNN to RATEDAY. */
export const ROUTE_PACE_MAX = 1_000_000;

/** Special values in CL, the default first, and what they are in a `RouteRule`. */
const ACTIONS = {
  "*DFT": "default",
  "*MX": "mx",
  "*RELAY": "relay",
  "*LOCAL": "local",
  "*HOLD": "hold",
  "*CAPTURE": "capture",
  "*REFUSE": "refuse",
} as const;
const TLS_LEVELS = {
  "*DFT": "default",
  "*NONE": "none",
  "*MAY": "may",
  "*ENCRYPT": "encrypt",
  "*VERIFY": "verify",
  "*DANE": "dane",
  "*MTASTS": "mta-sts",
  "*PIN": "pin",
} as const;
const AUTH_METHODS = {
  "*AUTO": "auto",
  "*NONE": "none",
  "*PLAIN": "plain",
  "*LOGIN": "login",
  "*CRAMMD5": "cram-md5",
  "*XOAUTH2": "xoauth2",
  "*OAUTHBEARER": "oauthbearer",
} as const;
const TRANSPORTS = { "*SMTP": "smtp", "*GRAPH": "graph" } as const;
const YES_NO = { "*YES": true, "*NO": false } as const;
const HYGIENE = { "*NO": "no", "*LIST": "listed", "*YES": "yes" } as const;

/** The fields that say nothing, or nothing of their own. */
const NOTHING: Readonly<Partial<Record<RouteField, string>>> = {
  RCPDMN: "*ANY",
  SNDADR: "*ANY",
  CLTADR: "*ANY",
  RLYHOST: "*NONE",
  TLSPIN: "*NONE",
  MAXCNN: "*DFT",
  MAXMSG: "*DFT",
  RATESEC: "*NOMAX",
  RATEMIN: "*NOMAX",
  RATEDAY: "*NOMAX",
  SNDRWT: "*NONE",
};

/** The fields that are not as in `DEFAULT_ROUTE`. */
export function formatRoute(route: Omit<RouteRule, "name">): RouteTexts {
  const texts = allTexts(route);
  const changed = ROUTE_FIELDS.filter((field) => texts[field].join(" ") !== DEFAULT_TEXTS[field].join(" "));
  return Object.fromEntries(changed.map((field) => [field, texts[field]]));
}

/** The text of a field that is as by default. */
export function defaultText(field: RouteField): readonly string[] {
  return DEFAULT_TEXTS[field];
}

type AllTexts = Readonly<Record<RouteField, readonly string[]>>;

function allTexts({ match, action, tls, auth, transport, pace, rewrite, hygiene }: Omit<RouteRule, "name">): AllTexts {
  const orNothing = (field: RouteField, texts: readonly string[]): readonly string[] =>
    texts.length > 0 ? texts : [NOTHING[field] ?? ""];
  const number = (field: RouteField, value: number | null): readonly string[] =>
    orNothing(field, value === null ? [] : [String(value)]);
  return {
    RCPDMN: orNothing("RCPDMN", match.recipient === null ? [] : [formatDomainPattern(match.recipient)]),
    SNDADR: orNothing("SNDADR", match.sender === null ? [] : [formatSenderPattern(match.sender)]),
    CLTADR: orNothing("CLTADR", match.client === null ? [] : [formatNetwork(match.client)]),
    ACTION: [nameOf(ACTIONS, action.kind)],
    RLYHOST: orNothing("RLYHOST", action.kind === "relay" ? action.hosts.map(formatRelayHost) : []),
    TLS: [nameOf(TLS_LEVELS, tls.level)],
    TLSPIN: orNothing("TLSPIN", tls.pins),
    AUTHMTH: [formatAuthMethod(auth.method)],
    AUTHACC: [auth.account],
    PROTOCOL: [nameOf(TRANSPORTS, transport)],
    MAXCNN: number("MAXCNN", pace.connections),
    MAXMSG: number("MAXMSG", pace.messagesPerConnection),
    RATESEC: number("RATESEC", pace.perSecond),
    RATEMIN: number("RATEMIN", pace.perMinute),
    RATEDAY: number("RATEDAY", pace.perDay),
    SNDRWT: orNothing("SNDRWT", rewrite.sender === null ? [] : [formatMailbox(rewrite.sender)]),
    HDRRWT: [nameOf(YES_NO, rewrite.header)],
    HDRFIX: [nameOf(HYGIENE, hygiene)],
  };
}

const DEFAULT_TEXTS = allTexts(DEFAULT_ROUTE);

/** `*XOAUTH2` */
export function formatAuthMethod(method: RouteAuth["method"]): string {
  return nameOf(AUTH_METHODS, method);
}

/** null where the text is no method of a *HOSTAUTH entry. */
export function parseHostMethod(text: string): AuthMethod | null {
  const method = Object.hasOwn(AUTH_METHODS, text) ? AUTH_METHODS[text as keyof typeof AUTH_METHODS] : "none";
  return method === "none" ? null : method;
}

function nameOf<T>(names: Readonly<Record<string, T>>, value: T): string {
  return Object.keys(names).find((name) => names[name] === value) ?? "";
}

export function formatDomainPattern({ domain, subdomains }: DomainPattern): string {
  return `${subdomains ? "." : ""}${domain}`;
}

export function formatSenderPattern(pattern: SenderPattern): string {
  switch (pattern.kind) {
    case "address":
      return formatMailbox(pattern.mailbox);
    case "domain":
      return formatDomainPattern(pattern);
    case "null":
      return "<>";
  }
}

/** `smtp.example.net:587 10`, `mx:example.net`, `backup.example.net:25 *FALLBACK`. */
export function formatRelayHost({ target, mx, weight }: RelayHost): string {
  const share = weight === 0 ? " *FALLBACK" : weight === 1 ? "" : ` ${weight}`;
  return `${mx ? "mx:" : ""}${formatHostPort(target)}${share}`;
}

/** The route again, with every fault that is in its texts. */
export function parseRoute(name: string, texts: RouteTexts): Result<RouteRule, readonly RouteFault[]> {
  const reader = new RouteReader(texts);
  const named = parseName(name);
  if (named === null) reader.faults.push({ field: "RTE", text: name, why: NAME_RULE });
  const hosts = reader.all("RLYHOST", ROUTE_HOSTS_MAX, parseRelayHost);
  const kind = reader.choice("ACTION", ACTIONS);
  const route: RouteRule = {
    name: named ?? "",
    match: {
      recipient: reader.one("RCPDMN", parseDomainPattern),
      sender: reader.one("SNDADR", parseSenderPattern),
      client: reader.one("CLTADR", parseClient),
    },
    action: kind === "relay" ? { kind, hosts } : { kind },
    tls: { level: reader.choice("TLS", TLS_LEVELS), pins: reader.all("TLSPIN", ROUTE_PINS_MAX, parsePin) },
    auth: {
      method: reader.choice("AUTHMTH", AUTH_METHODS),
      account: reader.one("AUTHACC", parseAccount) ?? HOST_AUTHENTICATION,
    },
    transport: reader.choice("PROTOCOL", TRANSPORTS),
    pace: {
      connections: reader.one("MAXCNN", parsePace),
      messagesPerConnection: reader.one("MAXMSG", parsePace),
      perSecond: reader.one("RATESEC", parsePace),
      perMinute: reader.one("RATEMIN", parsePace),
      perDay: reader.one("RATEDAY", parsePace),
    },
    rewrite: { sender: reader.one("SNDRWT", parseSender), header: reader.choice("HDRRWT", YES_NO) },
    hygiene: reader.choice("HDRFIX", HYGIENE),
  };
  if (reader.faults.length === 0) reader.faults.push(...disagreements(route, hosts));
  return reader.faults.length === 0 ? ok(route) : err(reader.faults);
}

/** Fields that do not go together. */
function* disagreements(
  { action, tls, transport, auth }: RouteRule,
  hosts: readonly RelayHost[],
): Generator<RouteFault, void> {
  if (action.kind === "relay" && hosts.length === 0 && transport === "smtp") {
    yield { field: "RLYHOST", text: "*NONE", why: "ACTION(*RELAY) needs a host." };
  }
  if (action.kind !== "relay" && hosts.length > 0) {
    yield { field: "RLYHOST", text: hosts.map(formatRelayHost).join(" "), why: "It goes with ACTION(*RELAY)." };
  }
  if (hosts.length > 0 && hosts.every(({ weight }) => weight === 0)) {
    yield { field: "RLYHOST", text: "*FALLBACK", why: "One host at least needs a weight." };
  }
  if (tls.level === "pin" && tls.pins.length === 0) {
    yield { field: "TLSPIN", text: "*NONE", why: "TLS(*PIN) needs a fingerprint." };
  }
  if (tls.level !== "pin" && tls.pins.length > 0) {
    yield { field: "TLSPIN", text: tls.pins.join(" "), why: "It goes with TLS(*PIN)." };
  }
  if (transport === "graph" && action.kind !== "relay") {
    yield { field: "PROTOCOL", text: "*GRAPH", why: "It goes with ACTION(*RELAY)." };
  }
  if (transport === "graph" && auth.account === HOST_AUTHENTICATION) {
    yield { field: "AUTHACC", text: auth.account, why: "PROTOCOL(*GRAPH) needs the name of an account." };
  }
}

/** What a new route may not do with credentials. Routes that were written before are kept: what they send is verified (`TlsFinder`). */
export function credentialsFault({ tls, auth, transport }: RouteRule): RouteFault | null {
  // Graph is asked by HTTPS, whatever TLS() says.
  if (transport === "graph" || (tls.level !== "none" && tls.level !== "may") || !namesCredentials(auth)) return null;
  return { field: "TLS", text: nameOf(TLS_LEVELS, tls.level), why: PROOF_WANTED };
}

/** Whether the route says by itself that it authenticates. */
export function namesCredentials({ method, account }: RouteAuth): boolean {
  return method !== "none" && (method !== "auto" || account !== HOST_AUTHENTICATION);
}

const PROOF_WANTED =
  "With credentials the next hop has to prove its name: TLS(*DFT), *VERIFY, *DANE, *MTASTS or *PIN. *ENCRYPT encrypts to whoever answers.";

type Parsed<T> = Result<T, string>;

/** Reads field by field and keeps what is wrong. */
class RouteReader {
  readonly faults: RouteFault[] = [];
  readonly #texts: RouteTexts;

  constructor(texts: RouteTexts) {
    this.#texts = texts;
  }

  /** null where the field says nothing. */
  one<T>(field: RouteField, parse: (text: string) => Parsed<T>): T | null {
    return this.all(field, 1, parse)[0] ?? null;
  }

  all<T>(field: RouteField, max: number, parse: (text: string) => Parsed<T>): readonly T[] {
    const texts = this.#texts[field] ?? [];
    if (texts.length === 1 && texts[0] === NOTHING[field]) return [];
    if (texts.length > max) this.#fault(field, texts.join(" "), `It takes at most ${max}.`);
    const values: T[] = [];
    const seen = new Set<string>();
    for (const text of texts.slice(0, max)) {
      const parsed = parse(text);
      if (!parsed.ok) this.#fault(field, text, parsed.error);
      else if (seen.has(JSON.stringify(parsed.value))) this.#fault(field, text, "It stands there twice.");
      else {
        seen.add(JSON.stringify(parsed.value));
        values.push(parsed.value);
      }
    }
    return values;
  }

  /** One of the names; the default where nothing is said. */
  choice<T>(field: RouteField, names: Readonly<Record<string, T>>): T {
    const text = this.#texts[field]?.join(" ") ?? DEFAULT_TEXTS[field].join(" ");
    if (!Object.hasOwn(names, text)) this.#fault(field, text, `It takes ${Object.keys(names).join(" ")}.`);
    return names[text] as T;
  }

  #fault(field: RouteField, text: string, why: string): void {
    this.faults.push({ field, text, why });
  }
}

const NAME_RULE = "A name is 1 to 32 letters, digits, underscores, hyphens and dots.";

function parseAccount(text: string): Parsed<string> {
  if (text === HOST_AUTHENTICATION) return ok(text);
  const name = parseName(text);
  return name === null ? err(NAME_RULE) : ok(name);
}

function parseDomainPattern(text: string): Parsed<DomainPattern> {
  const subdomains = text.startsWith(".");
  const domain = parseDomain(subdomains ? text.slice(1) : text);
  return domain.ok ? ok({ domain: domain.value, subdomains }) : err("It is no domain.");
}

function parseSenderPattern(text: string): Parsed<SenderPattern> {
  if (text === "<>") return ok({ kind: "null" });
  if (text.includes("@")) {
    const mailbox = parseMailbox(text);
    return mailbox.ok ? ok({ kind: "address", mailbox: mailbox.value }) : err("It is no address.");
  }
  const domain = parseDomainPattern(text);
  return domain.ok ? ok({ kind: "domain", ...domain.value }) : domain;
}

function parseClient(text: string): Parsed<Network> {
  const address = text.includes("/") ? null : parseIpAddress(text);
  const network = parseCidr(address?.ok ? `${text}/${address.value.family === 4 ? 32 : 128}` : text);
  return network.ok ? ok(network.value) : err("It is no network: 10.1.0.0/16.");
}

function parseRelayHost(text: string): Parsed<RelayHost> {
  const [name = "", share = "1", ...more] = text.split(" ");
  const mx = /^mx:/i.test(name);
  const target = parseHostPort(mx ? name.slice(3) : name);
  if (!target.ok) return err("A host is a name or an address, with its port: smtp.example.net:587.");
  if (mx && parseIpAddress(target.value.host).ok) return err("An address has no mail exchangers.");
  const weight = share === "*FALLBACK" ? 0 : /^\d{1,4}$/.test(share) ? Number(share) : NaN;
  if (more.length > 0 || !(weight >= 0 && weight <= ROUTE_WEIGHT_MAX)) {
    return err(`A weight is 1 to ${ROUTE_WEIGHT_MAX}, or *FALLBACK.`);
  }
  return ok({ target: target.value, mx, weight });
}

/** With or without the colons that openssl prints. */
function parsePin(text: string): Parsed<string> {
  const digits = text.replaceAll(":", "").toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? ok(digits) : err("A fingerprint is SHA-256: 64 hexadecimal digits.");
}

function parsePace(text: string): Parsed<number> {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= ROUTE_PACE_MAX ? ok(number) : err(`It takes 1 to ${ROUTE_PACE_MAX}.`);
}

function parseSender(text: string): Parsed<NonNullable<RouteRule["rewrite"]["sender"]>> {
  const mailbox = parseMailbox(text);
  return mailbox.ok ? ok(mailbox.value) : err("It is no address.");
}
