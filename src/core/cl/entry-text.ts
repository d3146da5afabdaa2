import { formatInstant, type Instant } from "../base/time.ts";
import { formatIpAddress } from "../mail/ip.ts";
import { addressCount, formatMask, formatNetwork, lastAddress, type Network } from "../mail/network.ts";
import type { Entry, EntryValue, ListName, NewEntry } from "../policy/policy.ts";
import { counted } from "./layout.ts";

/** A sealed password in CL: PASSWORD('{sealed}…'). What follows is for the key of one data directory only. */
export const SEALED_PREFIX = "{sealed}";

/** Text as a CL value: in apostrophes, with those within doubled; as hexadecimal UTF-8 where it would break the line. */
export function quote(text: string): string {
  if (!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  const octets = [...new TextEncoder().encode(text)];
  return `X'${octets.map((octet) => octet.toString(16).padStart(2, "0")).join("")}'`;
}

/** `E17`. */
export function formatEntryId(entry: Pick<Entry, "id">): string {
  return `E${entry.id}`;
}

/** An entry's value as people read it: `10.100.1.2/32`, `partner.example`, `.partner.example`. */
export function formatEntryValue(value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return formatNetwork(value.network);
    case "domain":
      return `${value.subdomains ? "." : ""}${value.domain}`;
    case "interface-domain":
      return value.address === null ? value.domain : `${value.domain} at ${formatIpAddress(value.address)}`;
    case "address":
      return formatIpAddress(value.address);
    case "host-credentials":
      return `${value.host} as ${value.user}`;
  }
}

/** What tells entries of one list apart: two with the same key are the same entry. A host has one user. */
export function valueKey(value: EntryValue): string {
  return value.kind === "host-credentials"
    ? `host-credentials ${value.host}`
    : `${value.kind} ${formatEntryValue(value)}`;
}

/** What the entry covers, as a sentence. */
export function describeCoverage(value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return `Covers ${describeNetwork(value.network)}.`;
    case "domain":
      return value.subdomains
        ? `Covers every name below ${value.domain}, not the name itself.`
        : `Covers ${value.domain}, no name below it.`;
    case "interface-domain":
      return value.address === null
        ? `Mail for ${value.domain} is local.`
        : `Mail for ${value.domain} is local in sessions at ${formatIpAddress(value.address)}.`;
    case "address":
      return `Covers 1 address of this machine.`;
    case "host-credentials":
      return `The password is kept sealed and sent to ${value.host} in TLS sessions only.`;
  }
}

/** `1 address`, or first and last with their count. */
export function describeNetwork(network: Network): string {
  const count = addressCount(network);
  if (count === 1n) return "1 address";
  return `${formatIpAddress(network.base)} to ${formatIpAddress(lastAddress(network))}, ${counted(count, "address", "addresses")}`;
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
    case "address": {
      const address = quote(formatIpAddress(value.address));
      return value.address.family === 4
        ? `TYPE(${list}) INTNETADR(${address})`
        : `TYPE(${IPV6_SPELLINGS[list] ?? list}) IP6NETADR(${address})`;
    }
    case "host-credentials":
      return (
        `TYPE(${list}) HOSTNAME(${quote(value.host)}) USERNAME(${quote(value.user)}) ` +
        `PASSWORD(${quote(SEALED_PREFIX + value.sealedPassword)})`
      );
  }
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
  return `ADDSMTPLE ${formatEntryParameters(entry.list, entry.value)}${text}${formatExpiry(entry.expiresAt)}`;
}

function formatExpiry(expiresAt: Instant | null): string {
  return expiresAt === null ? "" : ` EXPDATE('${formatExactInstant(expiresAt)}')`;
}

/** To the second, and to the millisecond where there is a fraction: read again it is the same instant. */
export function formatExactInstant(instant: Instant): string {
  return instant % 1_000 === 0 ? formatInstant(instant) : new Date(instant).toISOString();
}
