import { formatInstant, type Instant } from "../base/time.ts";
import { formatIpAddress } from "../mail/ip.ts";
import { formatMask, type Network } from "../mail/network.ts";
import { formatEntryValue } from "../policy/coverage.ts";
import type { EntryValue, ListName, NewEntry } from "../policy/policy.ts";

/** A sealed password in CL: PASSWORD('{sealed}…'). What follows is for the key of one data directory only. */
export const SEALED_PREFIX = "{sealed}";

/** Text as a CL value: in apostrophes, with those within doubled; as hexadecimal UTF-8 where it would break the line. */
export function quote(text: string): string {
  if (!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  const octets = [...new TextEncoder().encode(text)];
  return `X'${octets.map((octet) => octet.toString(16).padStart(2, "0")).join("")}'`;
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
