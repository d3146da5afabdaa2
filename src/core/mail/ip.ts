import { err, ok, type Result } from "../base/result.ts";

/** `bits` is the address as an unsigned 32-bit number: `10.0.0.1` is 0x0a000001. */
export interface Ipv4Address {
  readonly family: 4;
  readonly bits: number;
}

/** `words` are the four unsigned 32-bit words of the address, the most significant first. */
export interface Ipv6Address {
  readonly family: 6;
  readonly words: readonly [number, number, number, number];
}

/** A client's or a host's address, normalised once, at the edge: IPv4-mapped IPv6 is IPv4, zone ids are gone. */
export type IpAddress = Ipv4Address | Ipv6Address;

export type IpFault = "not-an-address" | "octet-out-of-range" | "leading-zero" | "too-few-octets";

export const IPV4_LOOPBACK: Ipv4Address = { family: 4, bits: 0x7f000001 };

export function ipv4(bits: number): Ipv4Address {
  return { family: 4, bits: bits >>> 0 };
}

/** Strict dotted quad: four decimal octets, no leading zero (`010.1.1.1` means 8.1.1.1 to some and 10.1.1.1 to others). */
export function parseIpv4(text: string): Result<Ipv4Address, IpFault> {
  let bits = 0;
  let octet = -1;
  let octets = 0;
  if (text.length > 15) return err("not-an-address");
  for (let i = 0; i <= text.length; i++) {
    const c = i === text.length ? 0x2e : text.charCodeAt(i);
    if (c === 0x2e) {
      if (octet < 0 || octets === 4) return err("not-an-address");
      bits = (bits * 256 + octet) >>> 0;
      octets++;
      octet = -1;
    } else if (c >= 0x30 && c <= 0x39) {
      if (octet === 0) return err("leading-zero");
      octet = (octet < 0 ? 0 : octet * 10) + (c - 0x30);
      if (octet > 255) return err("octet-out-of-range");
    } else return err("not-an-address");
  }
  return octets === 4 ? ok({ family: 4, bits }) : err("too-few-octets");
}

/**
 * IPv6 text of RFC 4291 §2.2, with `::` and an embedded dotted quad. A zone id (`%eth0`) is dropped,
 * `::ffff:10.0.0.1` becomes the IPv4 address it maps (RFC 4291 §2.5.5.2).
 */
export function parseIpAddress(text: string): Result<IpAddress, IpFault> {
  if (!text.includes(":")) return parseIpv4(text);
  const zone = text.indexOf("%");
  const groups = parseGroups(zone < 0 ? text : text.slice(0, zone));
  if (!groups) return err("not-an-address");
  const word = (i: number): number => ((groups[i] ?? 0) * 0x10000 + (groups[i + 1] ?? 0)) >>> 0;
  return ok(normaliseIpv6([word(0), word(2), word(4), word(6)]));
}

/** The IPv4 address behind an IPv4-mapped one, else the IPv6 address itself. */
export function normaliseIpv6(words: readonly [number, number, number, number]): IpAddress {
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return ipv4(words[3]);
  return { family: 6, words };
}

function parseGroups(text: string): number[] | undefined {
  const halves = text.split("::");
  if (text.length > 45 || halves.length > 2) return undefined;
  const head = parseHalf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseHalf(halves[1] ?? "", true) : [];
  if (!head || !tail) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  const gap = 8 - head.length - tail.length;
  return gap < 1 ? undefined : [...head, ...new Array<number>(gap).fill(0), ...tail];
}

function parseHalf(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes(".")) {
      const quad = parseIpv4(part);
      if (!quad.ok) return undefined;
      groups.push(quad.value.bits >>> 16, quad.value.bits & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(parseInt(part, 16));
    }
  }
  return groups;
}

export function formatIpAddress(address: IpAddress): string {
  return address.family === 4 ? formatIpv4(address.bits) : formatIpv6(address.words);
}

function formatIpv4(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** RFC 5952: lower case, the longest run of at least two zero groups shortened, the first of equals. */
function formatIpv6(words: readonly number[]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { at: i, length };
    i += length;
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (best.at < 0) return hex(groups);
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

/** What never leaves the machine: 127.0.0.0/8 (RFC 1122 §3.2.1.3) and ::1 (RFC 4291 §2.5.3). */
export function isLoopback(address: IpAddress): boolean {
  if (address.family === 4) return address.bits >>> 24 === 127;
  return address.words.join() === "0,0,0,1";
}

export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  if (a.family === 4) return b.family === 4 && a.bits === b.bits;
  return b.family === 6 && a.words.every((word, i) => word === b.words[i]);
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]`, as in Received fields and address literals (RFC 5321 §4.1.3). */
export function formatAddressLiteral(address: IpAddress): string {
  return address.family === 4 ? `[${formatIpv4(address.bits)}]` : `[IPv6:${formatIpv6(address.words)}]`;
}
