import { AssertionFault } from "../base/assert.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import { parseDomain, type Domain, type DomainFault } from "../mail/domain.ts";
import { formatIpAddress, parseIpAddress, type IpAddress, type IpFault } from "../mail/ip.ts";
import {
  formatMask,
  formatNetwork,
  parseCidr,
  parseMaskedNetwork,
  type Network,
  type NetworkFault,
} from "../mail/network.ts";
import type { EntryId, EntryValue, ListName, NewEntry } from "../policy/policy.ts";
import type { Arguments, BoundValue } from "./arguments.ts";
import { bareHost, HOST_AUTH_KEYWORDS, readHostAuth, type Sealing } from "./host-auth-value.ts";
import type { Diagnostic } from "./messages.ts";
import { parseExpiry } from "./time-value.ts";

/** A fault, or several. */
type Read<T> = Result<T, readonly Diagnostic[]>;

/** The list behind a TYPE; the IPv6 spellings are lists of IBM i that are one here. */
export function listOf(type: string): ListName {
  switch (type) {
    case "*ACCEPTIP6":
      return "*ACCEPT";
    case "*REJECTIP6":
      return "*REJECT";
    case "*DOMAINIP6":
      return "*DOMAIN";
    case "*SVRBNDIP6":
      return "*SVRBIND";
    case "*CLTBNDIP6":
      return "*CLTBIND";
    default:
      return type as ListName;
  }
}

/** The entry that ADDSMTPLE describes. */
export function readNewEntry(args: Arguments, now: Instant, sealing: Sealing | null): Read<NewEntry> {
  const value = readEntryValue(args, sealing);
  const expiry = readExpiry(args, now);
  const faults = [...(value.ok ? [] : value.error), ...(expiry.ok ? [] : expiry.error)];
  if (!value.ok || !expiry.ok) return err(faults);
  const text = args.plain("TEXT") ?? "";
  return ok({ list: listOf(args.text("TYPE") ?? ""), value: value.value, text, expiresAt: expiry.value });
}

/** EXPDATE as an instant, null for *NONE. */
export function readExpiry(args: Arguments, now: Instant): Read<Instant | null> {
  const value = args.value("EXPDATE");
  if (!value || value.special) return ok(null);
  const end = parseExpiry(value.text, now);
  return end === null ? err([{ id: "SMR0119", with: [value.text], at: value.at }]) : ok(end);
}

/** The value of an entry by the parameters that go with its TYPE. */
export function readEntryValue(args: Arguments, sealing: Sealing | null): Read<EntryValue> {
  const type = args.text("TYPE") ?? "";
  const list = listOf(type);
  switch (list) {
    case "*ACCEPT":
    case "*REJECT":
      return networkValue(args, type);
    case "*NEAR":
      return args.given("HOSTNAME") ? nearDomain(args) : networkValue(args, type);
    case "*DOMAIN":
      return interfaceDomain(args, type);
    case "*ETRNSVR": {
      if (!args.given("HOSTNAME")) return err([missing(args, "HOSTNAME", type)]);
      const domain = readDomain(args.text("HOSTNAME") ?? "", "HOSTNAME", args.at("HOSTNAME"));
      return domain.ok ? ok({ kind: "etrn-domain", domain: domain.value }) : domain;
    }
    case "*SVRBIND":
    case "*CLTBIND": {
      const address = readAddress(args, type);
      return address.ok ? ok({ kind: "address", address: address.value }) : address;
    }
    case "*HOSTAUTH":
      return args.given("HOSTNAME") ? hostCredentials(args, sealing) : err([missing(args, "HOSTNAME", "*HOSTAUTH")]);
    case "*ROUTE":
      throw new AssertionFault("no list command takes TYPE(*ROUTE)");
  }
}

/** The value by which RMVSMTPLE and CHGSMTPLE name an entry; a host of *HOSTAUTH is named without user and password. */
export function readNamedValue(args: Arguments): Read<EntryValue> {
  if (!args.is("TYPE", "*HOSTAUTH")) return readEntryValue(args, null);
  if (!args.given("HOSTNAME")) return err([missing(args, "HOSTNAME", "*HOSTAUTH")]);
  const host = readHost(args.value("HOSTNAME"), "HOSTNAME");
  return host.ok ? ok(bareHost(host.value)) : host;
}

export function parseEntryId(text: string): EntryId | null {
  const match = /^E?([1-9]\d{0,14})$/i.exec(text);
  return match ? Number(match[1]) : null;
}

function missing(args: Arguments, what: string, type: string): Diagnostic {
  return { id: "SMR0017", with: [what, "TYPE", type], at: args.at("TYPE") };
}

function nearDomain(args: Arguments): Read<EntryValue> {
  if (args.given("INTNETADR") || args.given("IP6NETADR")) {
    return err([
      {
        id: "SMR0016",
        with: ["HOSTNAME", "TYPE", "*NEAR", "Name and address are two entries."],
        at: args.at("HOSTNAME"),
      },
    ]);
  }
  return readNearDomain(args.text("HOSTNAME") ?? "", "HOSTNAME", args.at("HOSTNAME"));
}

function readNearDomain(text: string, keyword: string, at: number): Read<EntryValue> {
  const subdomains = text.startsWith(".");
  const domain = readDomain(subdomains ? text.slice(1) : text, keyword, at);
  return domain.ok ? ok({ kind: "domain", domain: domain.value, subdomains }) : domain;
}

function interfaceDomain(args: Arguments, type: string): Read<EntryValue> {
  if (!args.given("HOSTNAME")) return err([missing(args, "HOSTNAME", type)]);
  const domain = readDomain(args.text("HOSTNAME") ?? "", "HOSTNAME", args.at("HOSTNAME"));
  if (!domain.ok) return domain;
  if (!args.given("INTNETADR") && !args.given("IP6NETADR")) {
    return ok({ kind: "interface-domain", domain: domain.value, address: null });
  }
  const address = readAddress(args, type);
  return address.ok ? ok({ kind: "interface-domain", domain: domain.value, address: address.value }) : address;
}

/** One address of this machine: INTNETADR, or IP6NETADR for the IPv6 spellings. */
function readAddress(args: Arguments, type: string): Read<IpAddress> {
  const keyword = args.given("IP6NETADR") || type.endsWith("IP6") ? "IP6NETADR" : "INTNETADR";
  const value = args.value(keyword);
  return value ? parseAddress(value.text, keyword, value.at) : err([missing(args, keyword, type)]);
}

/** An address; the fault says what is wrong with it. */
export function parseAddress(text: string, keyword: string, at: number): Read<IpAddress> {
  const address = parseIpAddress(text);
  return address.ok ? ok(address.value) : err([{ id: "SMR0112", with: [text, keyword, IP_FAULTS[address.error]], at }]);
}

function networkValue(args: Arguments, type: string): Read<EntryValue> {
  const ip6 = args.given("IP6NETADR");
  if (ip6 && args.given("INTNETADR")) {
    return err([
      { id: "SMR0016", with: ["IP6NETADR", "TYPE", type, "Two addresses are two entries."], at: args.at("IP6NETADR") },
    ]);
  }
  const network = ip6 ? readIp6Network(args) : readNetworkOf(args, type);
  return network.ok ? ok({ kind: "network", network: network.value }) : network;
}

function readNetworkOf(args: Arguments, type: string): Read<Network> {
  const address = args.value("INTNETADR");
  const needed = type.endsWith("IP6") ? "IP6NETADR" : type === "*NEAR" ? "HOSTNAME or INTNETADR" : "INTNETADR";
  if (!address) return err([missing(args, needed, type)]);
  const mask = args.given("SUBNETMASK") ? args.value("SUBNETMASK") : null;
  return readNetwork(address.text, mask?.text ?? null, {
    keyword: "INTNETADR",
    mask: "SUBNETMASK",
    at: address.at,
    maskAt: args.at("SUBNETMASK"),
  });
}

function readIp6Network(args: Arguments): Read<Network> {
  const address = args.value("IP6NETADR");
  const text = address?.text ?? "";
  const at = address?.at ?? 0;
  if (!text.includes(":")) {
    return err([{ id: "SMR0112", with: [text, "IP6NETADR", "It is no IPv6 address: use INTNETADR."], at }]);
  }
  const given = args.given("IP6PFX");
  if (given && text.includes("/")) return err([{ id: "SMR0128", with: ["IP6NETADR", "IP6PFX"], at }]);
  const prefix = args.text("IP6PFX") ?? "128";
  const network = parseCidr(text.includes("/") ? text : `${text}/${prefix}`);
  return network.ok
    ? ok(network.value)
    : err([networkFault(network.error, text, prefix, { keyword: "IP6NETADR", at, maskAt: args.at("IP6PFX") })]);
}

/** A network by address and mask, or with a prefix length; one address where neither is said. */
function readNetwork(
  text: string,
  mask: string | null,
  names: { readonly keyword: string; readonly mask: string; readonly at: number; readonly maskAt: number },
): Read<Network> {
  if (text.includes("/") && mask !== null)
    return err([{ id: "SMR0128", with: [names.keyword, names.mask], at: names.at }]);
  const network = mask === null ? parseCidr(text) : parseMaskedNetwork(text, mask);
  return network.ok ? ok(network.value) : err([networkFault(network.error, text, mask ?? "", names)]);
}

function networkFault(
  fault: NetworkFault,
  address: string,
  mask: string,
  names: { readonly keyword: string; readonly at: number; readonly maskAt: number },
): Diagnostic {
  const { at, maskAt } = names;
  switch (fault.kind) {
    case "address":
      return { id: "SMR0112", with: [address, names.keyword, IP_FAULTS[fault.fault]], at };
    case "mask":
      return { id: "SMR0113", with: [mask, maskHint(address, mask)], at: maskAt };
    case "mask-not-contiguous":
      return { id: "SMR0114", with: [mask, fault.meant], at: maskAt };
    case "mask-inverted":
      return { id: "SMR0115", with: [mask, fault.meant], at: maskAt };
    case "mask-for-ipv6":
      return { id: "SMR0116", with: [address], at: maskAt };
    case "prefix-out-of-range":
      return {
        id: "SMR0117",
        with: [address.includes("/") ? address.slice(address.indexOf("/") + 1) : mask, String(fault.bitsMax)],
        at,
      };
  }
}

/** Who writes a prefix length as the mask is told how to. */
function maskHint(address: string, mask: string): string {
  const bits = /^\/?(\d{1,2})$/.exec(mask)?.[1];
  if (bits === undefined || Number(bits) > 32) return "";
  return `Use INTNETADR('${address}/${bits}'), or SUBNETMASK('${formatMask(Number(bits))}').`;
}

const IP_FAULTS: Readonly<Record<IpFault, string>> = {
  "not-an-address": "",
  "octet-out-of-range": "A number is above 255.",
  "leading-zero": "A number begins with zero: some programs read that as octal.",
  "too-few-octets": "There are fewer than four numbers.",
};

export function readDomain(text: string, keyword: string, at: number): Read<Domain> {
  const domain = parseDomain(text);
  return domain.ok
    ? ok(domain.value)
    : err([{ id: "SMR0118", with: [text, keyword, DOMAIN_FAULTS[domain.error]], at }]);
}

const DOMAIN_FAULTS: Readonly<Record<DomainFault, string>> = {
  empty: "It is empty.",
  "empty-label": "Two dots stand together, or one at the beginning.",
  "label-too-long": "A label is longer than 63 characters.",
  "domain-too-long": "It is longer than 253 characters.",
  character: "A character does not belong in a name.",
  "not-idna": "It has no form in the domain name system (UTS 46).",
  numeric: "It looks like an address: use INTNETADR.",
};

/** A host that mail goes to: a name or an address. */
function readHost(value: BoundValue | null, keyword: string): Read<string> {
  const text = value?.text ?? "";
  const address = parseIpAddress(text);
  return address.ok ? ok(formatIpAddress(address.value)) : readDomain(text, keyword, value?.at ?? 0);
}

function hostCredentials(args: Arguments, sealing: Sealing | null): Read<EntryValue> {
  const host = readHost(args.value("HOSTNAME"), "HOSTNAME");
  if (!host.ok) return host;
  const absent = args.given("OAUACC") ? [] : ["USERNAME", "PASSWORD"].filter((keyword) => !args.given(keyword));
  if (absent.length > 0) return err(absent.map((keyword) => missing(args, keyword, "*HOSTAUTH")));
  return readHostAuth(args, bareHost(host.value), sealing);
}

// --- CHGSMTPLE --------------------------------------------------------------------------------------------------------

/** Whether CHGSMTPLE changes the value itself, and not only text or end. */
export function changesValue(args: Arguments): boolean {
  const own = ["NEWADR", "NEWMASK", "NEWHOST", ...HOST_AUTH_KEYWORDS];
  const byNumber = ["INTNETADR", "SUBNETMASK", "HOSTNAME", "IP6NETADR", "IP6PFX"];
  return [...own, ...(args.given("ENTRY") ? byNumber : [])].some((keyword) => args.given(keyword));
}

/** The value as CHGSMTPLE makes it of the present one. Beside ENTRY the parameters of the value are the new ones. */
export function readChangedValue(args: Arguments, present: EntryValue, sealing: Sealing | null): Read<EntryValue> {
  const byNumber = args.given("ENTRY");
  const pick = (...keywords: readonly string[]): Picked => {
    const keyword = keywords.find((candidate) => args.given(candidate));
    return keyword === undefined ? null : { keyword, text: args.text(keyword) ?? "", at: args.at(keyword) };
  };
  const address = byNumber ? pick("NEWADR", "INTNETADR", "IP6NETADR") : pick("NEWADR");
  const mask = byNumber ? pick("NEWMASK", "SUBNETMASK", "IP6PFX") : pick("NEWMASK");
  const host = byNumber ? pick("NEWHOST", "HOSTNAME") : pick("NEWHOST");
  switch (present.kind) {
    case "network":
      return changedNetwork(present.network, address, mask);
    case "domain":
      return host ? readNearDomain(host.text, host.keyword, host.at) : ok(present);
    case "interface-domain": {
      const domain = host ? readDomain(host.text, host.keyword, host.at) : ok(present.domain);
      const at = address ? parseAddress(address.text, address.keyword, address.at) : ok(present.address);
      if (!domain.ok) return domain;
      return at.ok ? ok({ ...present, domain: domain.value, address: at.value }) : at;
    }
    case "etrn-domain": {
      const domain = host ? readDomain(host.text, host.keyword, host.at) : ok(present.domain);
      return domain.ok ? ok({ ...present, domain: domain.value }) : domain;
    }
    case "address": {
      const own = address ? parseAddress(address.text, address.keyword, address.at) : ok(present.address);
      return own.ok ? ok({ ...present, address: own.value }) : own;
    }
    case "host-credentials": {
      const name = host ? readHost({ text: host.text, special: false, at: host.at }, host.keyword) : ok(present.host);
      return name.ok ? readHostAuth(args, { ...present, host: name.value }, sealing) : name;
    }
    case "route":
      return err([{ id: "SMR0152", with: [present.route.name], at: args.at("ENTRY") }]);
  }
}

type Picked = { readonly keyword: string; readonly text: string; readonly at: number } | null;

function changedNetwork(present: Network, address: Picked, mask: Picked): Read<EntryValue> {
  const text = address?.text ?? formatIpAddress(present.base);
  const names = {
    keyword: address?.keyword ?? "ENTRY",
    mask: mask?.keyword ?? "NEWMASK",
    at: (address ?? mask)?.at ?? 0,
    maskAt: mask?.at ?? 0,
  };
  // A prefix length in place of a mask is what IPv6 has; and an address alone keeps the size of the network.
  const bits = mask && /^\d{1,3}$/.test(mask.text) ? mask.text : null;
  const kept =
    mask === null && address !== null && !text.includes("/") && text.includes(":") === (present.base.family === 6);
  const network =
    bits !== null || kept
      ? readNetwork(`${text}/${bits ?? present.prefixBits}`, null, names)
      : mask === null && address === null
        ? readNetwork(formatNetwork(present), null, names)
        : readNetwork(text, mask?.text ?? null, names);
  return network.ok ? ok({ kind: "network", network: network.value }) : network;
}
