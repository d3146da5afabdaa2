import { encodeHex } from "../base/hex.ts";
import { formatInstant, type Instant } from "../base/time.ts";
import { formatIpAddress } from "../mail/ip.ts";
import { formatMask, type Network } from "../mail/network.ts";
import { formatEntryValue } from "../policy/coverage.ts";
import type { EntryValue, ListName, NewEntry } from "../policy/policy.ts";
import { formatAuthMethod, formatRoute, type RouteTexts } from "../policy/route-fields.ts";
import type { RouteRule } from "../policy/route-rule.ts";

/** A sealed password in CL: PASSWORD('{sealed}…'). What follows is for the key of one data directory only. */
export const SEALED_PREFIX = "{sealed}";

/** Text as a CL value: in apostrophes, with those within doubled; as hexadecimal UTF-8 where it would break the line. */
export function quote(text: string): string {
  if (!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  return `X'${encodeHex(new TextEncoder().encode(text))}'`;
}

/** TYPE and value of an entry as CL parameters; the same text for ever, so that files compare. */
export function formatEntryParameters(list: ListName, value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return formatNetworkParameters(list, value.network);
    case "domain":
      return `TYPE(${list}) HOSTNAME(${quote(formatEntryValue(value))})`;
    case "interface-domain": {
      if (value.address === null) return `TYPE(${list}) HOSTNAME(${quote(value.domain)})`;
      const address = quote(formatIpAddress(value.address));
      return value.address.family === 4
        ? `TYPE(${list}) HOSTNAME(${quote(value.domain)}) INTNETADR(${address})`
        : `TYPE(${IPV6_SPELLINGS[list] ?? list}) HOSTNAME(${quote(value.domain)}) IP6NETADR(${address})`;
    }
    case "etrn-domain":
      return `TYPE(${list}) HOSTNAME(${quote(value.domain)})`;
    case "address": {
      const address = quote(formatIpAddress(value.address));
      return value.address.family === 4
        ? `TYPE(${list}) INTNETADR(${address})`
        : `TYPE(${IPV6_SPELLINGS[list] ?? list}) IP6NETADR(${address})`;
    }
    case "host-credentials":
      return `TYPE(${list}) HOSTNAME(${quote(value.host)})${formatHostAuth(value)}`;
    case "route":
      return `${formatRouteName(value.route)}${formatRouteTexts(formatRoute(value.route))}`;
  }
}

type HostCredentials = EntryValue & { readonly kind: "host-credentials" };

/** ` USERNAME('u') PASSWORD('{sealed}…')`, with a blank before each; with `present`, what differs from it. */
export function formatHostAuth(value: HostCredentials, present: HostCredentials | null = null): string {
  const texts = (of: HostCredentials): readonly (readonly [keyword: string, text: string])[] => [
    ...(of.user === "" && of.account !== "" && (present === null || present.user === "")
      ? []
      : ([["USERNAME", quote(of.user)]] as const)),
    of.account === "" ? ["PASSWORD", quote(SEALED_PREFIX + of.sealedPassword)] : ["OAUACC", quote(of.account)],
    ...(of.method === "auto" && (present === null || present.method === "auto")
      ? []
      : ([["AUTHMTH", formatAuthMethod(of.method)]] as const)),
  ];
  const old = new Set(present === null ? [] : texts(present).map(([keyword, text]) => `${keyword} ${text}`));
  return texts(value)
    .filter(([keyword, text]) => !old.has(`${keyword} ${text}`))
    .map(([keyword, text]) => ` ${keyword}(${text})`)
    .join("");
}

export function formatRouteName(route: RouteRule): string {
  return `RTE(${/^[A-Z][A-Z0-9_.]*$/.test(route.name) ? route.name : quote(route.name)})`;
}

/** ` RCPDMN('partner.example') RLYHOST(('smtp.partner.example:25' 10))`: every field that is there, with a blank before it. */
export function formatRouteTexts(texts: RouteTexts): string {
  return Object.entries(texts)
    .map(([field, values]) => ` ${field}(${values.map(field === "RLYHOST" ? formatShare : formatAtom).join(" ")})`)
    .join("");
}

/** `('smtp.example.net:587' 10)`; the host alone where its share is not said. */
function formatShare(text: string): string {
  const [host = "", share] = text.split(" ");
  return share === undefined ? formatAtom(host) : `(${quote(host)} ${share})`;
}

/** Numbers and special values stand without apostrophes. */
function formatAtom(text: string): string {
  return /^(\d+|\*[A-Z0-9]+)$/.test(text) ? text : quote(text);
}

/** IBM i has a list of its own for each family; *NEAR alone has one. */
export const IPV6_SPELLINGS: Readonly<Partial<Record<ListName, string>>> = {
  "*ACCEPT": "*ACCEPTIP6",
  "*REJECT": "*REJECTIP6",
  "*DOMAIN": "*DOMAINIP6",
  "*SVRBIND": "*SVRBNDIP6",
  "*CLTBIND": "*CLTBNDIP6",
};

function formatNetworkParameters(list: ListName, network: Network): string {
  const address = quote(formatIpAddress(network.base));
  if (network.base.family === 4) {
    return `TYPE(${list}) INTNETADR(${address}) SUBNETMASK(${quote(formatMask(network.prefixBits))})`;
  }
  return `TYPE(${IPV6_SPELLINGS[list] ?? list}) IP6NETADR(${address}) IP6PFX(${quote(String(network.prefixBits))})`;
}

/** The command that adds the entry again. */
export function formatAddCommand(entry: NewEntry): string {
  const text = entry.text === "" ? "" : ` TEXT(${quote(entry.text)})`;
  const command = entry.list === "*ROUTE" ? "ADDSMTPRTE" : "ADDSMTPLE";
  return `${command} ${formatEntryParameters(entry.list, entry.value)}${text}${formatExpiry(entry.expiresAt)}`;
}

function formatExpiry(expiresAt: Instant | null): string {
  return expiresAt === null ? "" : ` EXPDATE('${formatExactInstant(expiresAt)}')`;
}

/** To the second, and to the millisecond where there is a fraction: read again it is the same instant. */
export function formatExactInstant(instant: Instant): string {
  return instant % 1_000 === 0 ? formatInstant(instant) : new Date(instant).toISOString();
}
