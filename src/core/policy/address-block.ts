import type { Words } from "./network-leaf.ts";

/**
 * Sorted addresses of one family at the front of a typed array that is never changed once it is made; what belongs to them
 * (`network-leaf.ts`) stands behind. The addresses of one block begin alike. Of what follows the common bits, the next 32 are the
 * digest of an address: to search is to compare digests, and only where two are the same the rest.
 *
 *     header | starts: for each of some equal ranges of digests, its first place | digests | IPv6 alone: addresses, 4 words each
 *
 * An IPv4 address is its own digest.
 */
export type AddressBlock = Uint32Array;

/** Header: places in it. */
export const COUNT = 0;
const COMMON_BITS = 1;
const SHIFT = 2;
const FIRST_DIGEST = 3;
const FIRST_WORDS = 4;
const RANGES = 8;
const DIGESTS_AT = 9;
/** Where the words of addresses stand; for IPv4 the digests are the words. */
const WORDS_AT = 10;
/** Where the caller's own words stand. */
export const REST_AT = 11;
const STARTS_AT = 12;

/** Addresses to a range of digests: what then remains to be searched fits one or two cache lines. */
const ADDRESSES_PER_RANGE = 8;

/** A block of the `count` sorted addresses in `words`, `width` words each, with `restWords` words free behind it. */
export function blockOf(words: Uint32Array, width: 1 | 4, count: number, restWords: number): AddressBlock {
  let ranges = 2; // so that a shift of 31 is always enough
  while (ranges * ADDRESSES_PER_RANGE < count) ranges *= 2;
  const digestsAt = STARTS_AT + ranges + 1;
  const wordsAt = width === 1 ? digestsAt : digestsAt + count;
  const restAt = wordsAt + count * width;
  const block = new Uint32Array(restAt + restWords);
  block.set(words, wordsAt);
  block[COUNT] = count;
  block[RANGES] = ranges;
  block[DIGESTS_AT] = digestsAt;
  block[WORDS_AT] = wordsAt;
  block[REST_AT] = restAt;
  if (count === 0) return block;
  for (let w = 0; w < width; w++) block[FIRST_WORDS + w] = words[w]!;
  if (width === 4) {
    const common = commonBits(words, (count - 1) * 4);
    block[COMMON_BITS] = common;
    for (let i = 0; i < count; i++) {
      block[digestsAt + i] = digestOf(words[i * 4]!, words[i * 4 + 1]!, words[i * 4 + 2]!, words[i * 4 + 3]!, common);
    }
  }
  writeStarts(block, count, ranges, digestsAt);
  return block;
}

function writeStarts(block: Uint32Array, count: number, ranges: number, digestsAt: number): void {
  const first = block[digestsAt]!;
  const span = block[digestsAt + count - 1]! - first;
  let shift = 0;
  while (span >>> shift >= ranges) shift++;
  block[FIRST_DIGEST] = first;
  block[SHIFT] = shift;
  let range = 0;
  for (let i = 0; i < count; i++) {
    for (const own = (block[digestsAt + i]! - first) >>> shift; range < own;) block[STARTS_AT + ++range] = i;
  }
  while (range < ranges) block[STARTS_AT + ++range] = count;
}

/** How many bits the first address and the one at `lastAt` share; at most 96, so that a digest is left. */
function commonBits(words: Uint32Array, lastAt: number): number {
  for (let w = 0; w < 3; w++) {
    const differing = words[w]! ^ words[lastAt + w]!;
    if (differing !== 0) return 32 * w + Math.clz32(differing);
  }
  return 96;
}

/** The 32 bits behind the first `common` bits. */
function digestOf(a: number, b: number, c: number, d: number, common: number): number {
  const bits = common & 31;
  const word = common < 32 ? a : common < 64 ? b : common < 96 ? c : d;
  if (bits === 0) return word >>> 0;
  const next = common < 32 ? b : common < 64 ? c : d;
  return ((word << bits) | (next >>> (32 - bits))) >>> 0;
}

/** How many addresses of the block are at or below `bits`, an unsigned IPv4 address. */
export function placeOfIpv4(block: AddressBlock, bits: number): number {
  const count = block[COUNT]!;
  const first = block[FIRST_DIGEST]!;
  if (count === 0 || bits < first) return 0;
  const range = (bits - first) >>> block[SHIFT]!;
  if (range >= block[RANGES]!) return count;
  const digestsAt = block[DIGESTS_AT]!;
  let at = block[STARTS_AT + range]!;
  for (let length = block[STARTS_AT + range + 1]! - at; length > 0;) {
    const half = (length + 1) >>> 1;
    if (block[digestsAt + at + half - 1]! <= bits) at += half;
    length -= half;
  }
  return at;
}

/** How many addresses of the block are at or below the IPv6 address of these unsigned words. */
export function placeOfIpv6(block: AddressBlock, a: number, b: number, c: number, d: number): number {
  const count = block[COUNT]!;
  if (count === 0) return 0;
  const common = block[COMMON_BITS]!;
  const side = sideOf(block, a, b, c, common);
  if (side !== 0) return side < 0 ? 0 : count;
  const digest = digestOf(a, b, c, d, common);
  const first = block[FIRST_DIGEST]!;
  if (digest < first) return 0;
  const range = (digest - first) >>> block[SHIFT]!;
  if (range >= block[RANGES]!) return count;
  const digestsAt = block[DIGESTS_AT]!;
  let at = block[STARTS_AT + range]!;
  for (let length = block[STARTS_AT + range + 1]! - at; length > 0;) {
    const half = (length + 1) >>> 1;
    const other = block[digestsAt + at + half - 1]!;
    if (other < digest || (other === digest && reaches(block, at + half - 1, a, b, c, d))) at += half;
    length -= half;
  }
  return at;
}

/** Negative or positive where the address is below or above everything in the block by the common bits alone. */
function sideOf(block: AddressBlock, a: number, b: number, c: number, common: number): number {
  if (common === 0) return 0;
  let word = block[FIRST_WORDS]!;
  if (common < 32) return (a >>> (32 - common)) - (word >>> (32 - common));
  if (a !== word) return a - word;
  if (common === 32) return 0;
  word = block[FIRST_WORDS + 1]!;
  if (common < 64) return (b >>> (64 - common)) - (word >>> (64 - common));
  if (b !== word) return b - word;
  if (common === 64) return 0;
  word = block[FIRST_WORDS + 2]!;
  if (common < 96) return (c >>> (96 - common)) - (word >>> (96 - common));
  return c - word;
}

/** Whether the address is at or above number `i` of the block. */
function reaches(block: AddressBlock, i: number, a: number, b: number, c: number, d: number): boolean {
  const at = block[WORDS_AT]! + 4 * i;
  let word = block[at]!;
  if (word !== a) return word < a;
  word = block[at + 1]!;
  if (word !== b) return word < b;
  word = block[at + 2]!;
  if (word !== c) return word < c;
  return block[at + 3]! <= d;
}

/** How many addresses of the block are at or below the address. */
export function placeIn(block: AddressBlock, words: Words): number {
  const [a = 0, b = 0, c = 0, d = 0] = words;
  return words.length === 1 ? placeOfIpv4(block, a) : placeOfIpv6(block, a, b, c, d);
}

/** Where the words of address `i` stand in the block. */
export function wordsAt(block: AddressBlock, width: 1 | 4, i: number): number {
  return block[WORDS_AT]! + width * i;
}
