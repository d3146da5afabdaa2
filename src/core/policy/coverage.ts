import { counted } from "../base/count.ts";
import { formatIpAddress } from "../mail/ip.ts";
import { addressCount, formatNetwork, lastAddress, type Network } from "../mail/network.ts";
import type { EntryId, EntryValue } from "./policy.ts";
import { describeRoute } from "./route-words.ts";

/** `E17`. */
export function formatEntryId(id: EntryId): string {
  return `E${id}`;
}

/** An entry's value as people read it: `10.100.1.0/24`, `partner.example`, `.partner.example`, `example.com at 192.0.2.1`; a route by its name. */
export function formatEntryValue(value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return formatNetwork(value.network);
    case "domain":
      return `${value.subdomains ? "." : ""}${value.domain}`;
    case "interface-domain":
      return value.address === null ? value.domain : `${value.domain} at ${formatIpAddress(value.address)}`;
    case "etrn-domain":
      return value.domain;
    case "address":
      return formatIpAddress(value.address);
    case "host-credentials":
      return value.user === "" && value.account !== ""
        ? `${value.host} as account ${value.account}`
        : `${value.host} as ${value.user}`;
    case "route":
      return value.route.name;
  }
}

/** What tells entries of one list apart: two with the same key are the same entry. A host has one user. */
export function valueKey(value: EntryValue): string {
  return value.kind === "host-credentials"
    ? `host-credentials ${value.host.toLowerCase()}`
    : `${value.kind} ${formatEntryValue(value)}`;
}

/** `1 address`, or the first and the last with their count: `10.1.0.0 to 10.1.255.255, 65,536 addresses`. */
export function describeNetwork(network: Network): string {
  const count = addressCount(network);
  if (count === 1n) return "1 address";
  return `${formatIpAddress(network.base)} to ${formatIpAddress(lastAddress(network))}, ${counted(count, "address", "addresses")}`;
}

/** What an entry of this value covers, as a sentence. */
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
    case "etrn-domain":
      return `ETRN may start the queue of ${value.domain}, under ETRNSVR(*YES).`;
    case "address":
      return "Covers 1 address of this machine.";
    case "host-credentials":
      return value.account === ""
        ? `The password is kept sealed and sent to ${value.host} in TLS sessions only.`
        : `Tokens of OAuth account ${value.account} are sent to ${value.host} in TLS sessions only.`;
    case "route":
      return describeRoute(value.route);
  }
}
