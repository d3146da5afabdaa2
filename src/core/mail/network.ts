import { err, ok, type Result } from "../base/result.ts";
import { formatIpAddress, ipv4, parseIpAddress, parseIpv4, type IpAddress, type IpFault } from "./ip.ts";

/** A block of addresses. `base` has no host bits; `prefixBits` is 0 to 32 for IPv4 and 0 to 128 for IPv6. */
export interface Network {
  readonly base: IpAddress;
  readonly prefixBits: number;
}

export type NetworkFault =
  | { readonly kind: "address"; readonly fault: IpFault }
  | { readonly kind: "mask"; readonly fault: IpFault }
  | { readonly kind: "mask-not-contiguous"; readonly meant: string }
  | { readonly kind: "mask-inverted"; readonly meant: string }
  | { readonly kind: "mask-for-ipv6" }
  | { readonly kind: "prefix-out-of-range"; readonly bitsMax: 32 | 128 };

/** Clears host bits, as IBM i does when it compares (client AND mask) with (entry AND mask). */
export function networkOf(address: IpAddress, prefixBits: number): Network {
  if (address.family === 4) return { base: ipv4(address.bits & wordMask(prefixBits)), prefixBits };
  const [a, b, c, d] = address.words;
  const cut = (word: number, from: number): number => (word & wordMask(prefixBits - from)) >>> 0;
  return { base: { family: 6, words: [cut(a, 0), cut(b, 32), cut(c, 64), cut(d, 96)] }, prefixBits };
}

/** The mask of the first `bits` of a 32-bit word; below 0 is 0, above 32 is 32. Shift counts wrap at 32, hence the ends. */
export function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

/** INTNETADR and SUBNETMASK. Host bits are dropped: the caller says what is covered. */
export function parseMaskedNetwork(address: string, mask: string): Result<Network, NetworkFault> {
  const base = parseIpAddress(address);
  if (!base.ok) return err({ kind: "address", fault: base.error });
  if (base.value.family === 6) return err({ kind: "mask-for-ipv6" });
  const prefix = parseMask(mask);
  return prefix.ok ? ok(networkOf(base.value, prefix.value)) : prefix;
}

/** A contiguous dotted mask as its number of bits. A mask with holes and an inverted one are refused with the one probably meant. */
export function parseMask(mask: string): Result<number, NetworkFault> {
  const bits = parseIpv4(mask);
  if (!bits.ok) return err({ kind: "mask", fault: bits.error });
  const host = ~bits.value.bits >>> 0; // a contiguous mask leaves 2^n - 1
  if ((host & (host + 1)) === 0) return ok(Math.clz32(host));
  const inverted = (bits.value.bits & (bits.value.bits + 1)) === 0;
  if (inverted) return err({ kind: "mask-inverted", meant: formatIpAddress(ipv4(host)) });
  // Holes filled: of two guesses the narrower one, which lets fewer in.
  const lowest = bits.value.bits & -bits.value.bits;
  return err({ kind: "mask-not-contiguous", meant: formatMask(Math.clz32(lowest) + 1) });
}

/** `10.1.0.0/16`, `2001:db8::/32`, or an address alone (one host). Host bits are dropped. */
export function parseCidr(text: string): Result<Network, NetworkFault> {
  const slash = text.indexOf("/");
  const base = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (!base.ok) return err({ kind: "address", fault: base.error });
  const bitsMax = base.value.family === 4 ? 32 : 128;
  if (slash < 0) return ok(networkOf(base.value, bitsMax));
  const digits = text.slice(slash + 1);
  const prefix = mappedPrefix(text.slice(0, slash), base.value, digits);
  if (prefix === undefined || prefix > bitsMax) return err({ kind: "prefix-out-of-range", bitsMax });
  return ok(networkOf(base.value, prefix));
}

/** The prefix as a number; that of an IPv4-mapped address (`::ffff:10.0.0.0/104`) counts from the IPv4 part. */
export function mappedPrefix(addressText: string, address: IpAddress, digits: string): number | undefined {
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const prefix = Number(digits);
  if (address.family === 6 || !addressText.includes(":")) return prefix;
  return prefix >= 96 ? prefix - 96 : undefined;
}

export function formatMask(prefixBits: number): string {
  return formatIpAddress(ipv4(wordMask(prefixBits)));
}

/** `10.1.0.0/16`; always with the prefix, a single host too. */
export function formatNetwork(network: Network): string {
  return `${formatIpAddress(network.base)}/${network.prefixBits}`;
}

/** The last address of the block. */
export function lastAddress(network: Network): IpAddress {
  if (network.base.family === 4) return ipv4(network.base.bits | (~wordMask(network.prefixBits) >>> 0));
  const [a, b, c, d] = network.base.words;
  const fill = (word: number, from: number): number => (word | (~wordMask(network.prefixBits - from) >>> 0)) >>> 0;
  return { family: 6, words: [fill(a, 0), fill(b, 32), fill(c, 64), fill(d, 96)] };
}

/** How many addresses the block covers: exact, therefore a bigint (IPv6 goes to 2^128). */
export function addressCount(network: Network): bigint {
  return 1n << BigInt((network.base.family === 4 ? 32 : 128) - network.prefixBits);
}

export function contains(network: Network, address: IpAddress): boolean {
  if (network.base.family === 4) {
    return address.family === 4 && ((network.base.bits ^ address.bits) & wordMask(network.prefixBits)) === 0;
  }
  if (address.family === 4) return false;
  const base = network.base.words;
  return address.words.every((word, i) => ((word ^ (base[i] ?? 0)) & wordMask(network.prefixBits - 32 * i)) === 0);
}

/** Whether every address of `inner` is in `outer`. */
export function covers(outer: Network, inner: Network): boolean {
  return outer.prefixBits <= inner.prefixBits && contains(outer, inner.base);
}

export function sameNetwork(a: Network, b: Network): boolean {
  return a.prefixBits === b.prefixBits && covers(a, b);
}
