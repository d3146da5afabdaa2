import { formatIpAddress } from "../mail/ip.ts";
import { addressCount, formatNetwork, lastAddress, type Network } from "../mail/network.ts";
import type { EntryId, EntryValue } from "./policy.ts";

/** `E17`. */
export function formatEntryId(id: EntryId): string {
  return `E${id}`;
}

/** An entry's value as people read it: `10.100.1.0/24`, `partner.example`, `.partner.example`, `example.com at 192.0.2.1`. */
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
    ? `host-credentials ${value.host.toLowerCase()}`
    : `${value.kind} ${formatEntryValue(value)}`;
}

/** `10.1.0.0 to 10.1.255.255, 65,536 addresses`, or `10.1.2.3, 1 address`. */
export function describeNetwork(network: Network): string {
  const first = formatIpAddress(network.base);
  const count = addressCount(network);
  return count === 1n
    ? `${first}, 1 address`
    : `${first} to ${formatIpAddress(lastAddress(network))}, ${formatAddresses(count)}`;
}

/** What an entry is about, in words. */
export function describeValue(value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return describeNetwork(value.network);
    case "domain":
      return value.subdomains ? `every name below ${value.domain}, not the name itself` : `${value.domain} alone`;
    case "interface-domain":
      return value.address === null
        ? `mail for ${value.domain} is local`
        : `mail for ${value.domain} is local where the session came in at ${formatIpAddress(value.address)}`;
    case "address":
      return `${formatIpAddress(value.address)}, an address of this machine`;
    case "host-credentials":
      return `user ${value.user} at ${value.host}`;
  }
}

/** `1 address`, `65,536 addresses`. */
export function formatAddresses(count: bigint): string {
  return count === 1n ? "1 address" : `${formatCount(count)} addresses`;
}

/** `65,536`; from a million million on as a power of two, where it is one. */
export function formatCount(count: bigint | number): string {
  const exact = BigInt(count);
  const bits = exact.toString(2).length - 1;
  if (exact > 10n ** 12n && exact === 1n << BigInt(bits)) return `2^${bits}`;
  return exact.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
