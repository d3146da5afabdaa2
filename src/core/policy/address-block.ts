/** The words of an address: one for IPv4, four for IPv6, the most significant first. */
export type Words = readonly number[];

/** Words to an address of a family. */
export type Width = 1 | 4;

/** Sorted networks as columns: what a block is made of. `words` has `width` words for each base. */
export interface Columns {
  readonly words: Uint32Array;
  /** Prefix (8 bits), whether the entry has an end (1 bit), and above the place + 1 of the parent, or 0. */
  readonly marks: Uint32Array;
  readonly ids: Uint32Array;
}

export const MARK_EXPIRES = 0x100;
export const MARK_PARENT_SHIFT = 9;
/** In a key alone: the network has a parent, whose place stands among the parents. */
export const KEY_HAS_PARENT = 0x200;

/**
 * Sorted networks of one family in one typed array that is never changed once it is made. Their bases begin alike. Of what follows the common
 * bits, the next 16 are the digest of an address: to search is to compare digests, and only where two are the same the rest.
 *
 *     header | starts: for each of some equal ranges of digests, its first place
 *            | keys: digest (16 bits), whether there is a parent and an end, prefix (8 bits)
 *            | parents: place + 1 of the narrowest network of the block that contains this one, two in a word
 *            | rows: the words of the base, and the id
 *
 * Among a million networks the miss of a cache costs more than everything else. Whoever is in none of them is told so by starts and
 * keys alone, some five octets for each network; a row is read to be sure of a match, and for its id.
 */
export type AddressBlock = Uint32Array;

/** Header: places in it. */
export const COUNT = 0;
export const COMMON_BITS = 1;
const SHIFT = 2;
const FIRST_DIGEST = 3;
const FIRST_WORDS = 4;
const RANGES = 8;
/** Where keys, parents and rows begin. */
export const KEYS_AT = 9;
export const PARENTS_AT = 10;
export const ROWS_AT = 11;
const STARTS_AT = 12;

/** Networks to a range of digests: what then remains to be searched is in one cache line or two. */
const NETWORKS_PER_RANGE = 8;

const DIGEST_BITS = 16;

export function blockOf({ words, marks, ids }: Columns, width: Width): AddressBlock {
  const count = ids.length;
  let ranges = 1;
  while (ranges * NETWORKS_PER_RANGE < count) ranges *= 2;
  const keysAt = STARTS_AT + ranges + 1;
  const parentsAt = keysAt + count;
  const rowsAt = parentsAt + ((count + 1) >>> 1);
  const block = new Uint32Array(rowsAt + count * (width + 1));
  block[COUNT] = count;
  block[RANGES] = ranges;
  block[KEYS_AT] = keysAt;
  block[PARENTS_AT] = parentsAt;
  block[ROWS_AT] = rowsAt;
  if (count === 0) return block;
  for (let w = 0; w < width; w++) block[FIRST_WORDS + w] = words[w]!;
  const common = commonBits(words, width, count);
  block[COMMON_BITS] = common;
  for (let i = 0; i < count; i++) {
    const at = i * width;
    const digest =
      width === 1
        ? digestOfIpv4(words[at]!, common)
        : digestOfIpv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, common);
    const parent = marks[i]! >>> MARK_PARENT_SHIFT;
    block[keysAt + i] = (digest << DIGEST_BITS) | (marks[i]! & 0x1ff) | (parent === 0 ? 0 : KEY_HAS_PARENT);
    block[parentsAt + (i >>> 1)]! |= parent << (16 * (i & 1));
    const row = rowsAt + i * (width + 1);
    for (let w = 0; w < width; w++) block[row + w] = words[at + w]!;
    block[row + width] = ids[i]!;
  }
  writeStarts(block, count, ranges, keysAt);
  return block;
}

function writeStarts(block: Uint32Array, count: number, ranges: number, keysAt: number): void {
  const first = block[keysAt]! >>> DIGEST_BITS;
  const span = (block[keysAt + count - 1]! >>> DIGEST_BITS) - first;
  let shift = 0;
  while (span >>> shift >= ranges) shift++;
  block[FIRST_DIGEST] = first;
  block[SHIFT] = shift;
  let range = 0;
  for (let i = 0; i < count; i++) {
    const own = ((block[keysAt + i]! >>> DIGEST_BITS) - first) >>> shift;
    while (range < own) block[STARTS_AT + ++range] = i;
  }
  while (range < ranges) block[STARTS_AT + ++range] = count;
}

/** How many bits the first address and the last one share; at most so many that a digest is left. */
function commonBits(words: Uint32Array, width: Width, count: number): number {
  const lastAt = (count - 1) * width;
  let common = 0;
  for (let w = 0; w < width; w++, common += 32) {
    const differing = words[w]! ^ words[lastAt + w]!;
    if (differing === 0) continue;
    common += Math.clz32(differing);
    break;
  }
  return Math.min(common, 32 * width - DIGEST_BITS);
}

/** The 16 bits behind the first `common` bits, at most 16. */
export function digestOfIpv4(bits: number, common: number): number {
  return (bits << common) >>> DIGEST_BITS;
}

/** The 16 bits behind the first `common` bits, at most 112. */
export function digestOfIpv6(a: number, b: number, c: number, d: number, common: number): number {
  const bits = common & 31;
  const word = common < 32 ? a : common < 64 ? b : common < 96 ? c : d;
  if (bits <= DIGEST_BITS) return (word << bits) >>> DIGEST_BITS;
  const next = common < 32 ? b : common < 64 ? c : d;
  return ((word << bits) | (next >>> (32 - bits))) >>> DIGEST_BITS;
}

/** How many bases of the block are at or below `bits`, an unsigned IPv4 address. */
export function placeOfIpv4(block: AddressBlock, bits: number): number {
  const count = block[COUNT]!;
  const common = block[COMMON_BITS]!;
  if (count === 0) return 0;
  const first = block[FIRST_WORDS]!;
  if (common > 0 && (bits ^ first) >>> (32 - common) !== 0) return bits < first ? 0 : count;
  const digest = digestOfIpv4(bits, common);
  if (digest < block[FIRST_DIGEST]!) return 0;
  const range = (digest - block[FIRST_DIGEST]!) >>> block[SHIFT]!;
  if (range >= block[RANGES]!) return count;
  const keys = block[KEYS_AT]! - 1;
  const rows = block[ROWS_AT]! - 2;
  let at = block[STARTS_AT + range]!;
  for (let length = block[STARTS_AT + range + 1]! - at; length > 0;) {
    const half = (length + 1) >>> 1;
    const other = block[keys + at + half]! >>> DIGEST_BITS;
    if (other < digest || (other === digest && block[rows + 2 * (at + half)]! <= bits)) at += half;
    length -= half;
  }
  return at;
}

/** How many bases of the block are at or below the IPv6 address of these unsigned words. */
export function placeOfIpv6(block: AddressBlock, a: number, b: number, c: number, d: number): number {
  const count = block[COUNT]!;
  if (count === 0) return 0;
  const common = block[COMMON_BITS]!;
  const side = common === 0 ? 0 : sideOf(block, a, b, c, d, common);
  if (side !== 0) return side < 0 ? 0 : count;
  const digest = digestOfIpv6(a, b, c, d, common);
  if (digest < block[FIRST_DIGEST]!) return 0;
  const range = (digest - block[FIRST_DIGEST]!) >>> block[SHIFT]!;
  if (range >= block[RANGES]!) return count;
  const keys = block[KEYS_AT]! - 1;
  let at = block[STARTS_AT + range]!;
  for (let length = block[STARTS_AT + range + 1]! - at; length > 0;) {
    const half = (length + 1) >>> 1;
    const other = block[keys + at + half]! >>> DIGEST_BITS;
    if (other < digest || (other === digest && reaches(block, at + half - 1, a, b, c, d))) at += half;
    length -= half;
  }
  return at;
}

/** Negative or positive where the address is below or above everything in the block by the common bits alone. */
function sideOf(block: AddressBlock, a: number, b: number, c: number, d: number, common: number): number {
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
  if (c !== word || common === 96) return c - word;
  return (d >>> (128 - common)) - (block[FIRST_WORDS + 3]! >>> (128 - common));
}

/** Whether the address is at or above base `i` of the block. */
function reaches(block: AddressBlock, i: number, a: number, b: number, c: number, d: number): boolean {
  const at = block[ROWS_AT]! + 5 * i;
  let word = block[at]!;
  if (word !== a) return word < a;
  word = block[at + 1]!;
  if (word !== b) return word < b;
  word = block[at + 2]!;
  if (word !== c) return word < c;
  return block[at + 3]! <= d;
}

/** How many bases of the block are at or below the address. */
export function placeIn(block: AddressBlock, words: Words): number {
  const [a = 0, b = 0, c = 0, d = 0] = words;
  return words.length === 1 ? placeOfIpv4(block, a) : placeOfIpv6(block, a, b, c, d);
}

/** Where row `i` of the block stands: the words of its base, then its id. */
export function rowPlace(block: AddressBlock, width: Width, i: number): number {
  return block[ROWS_AT]! + (width + 1) * i;
}

/** The place + 1 of the parent of network `i`, or 0. */
export function parentOf(block: AddressBlock, i: number): number {
  return (block[block[PARENTS_AT]! + (i >>> 1)]! >>> (16 * (i & 1))) & 0xffff;
}
