/** The words of an address: one for IPv4, four for IPv6, the most significant first. */
export type Words = readonly number[];

/** Words to an address of a family. */
export type Width = 1 | 4;

/**
 * Sorted networks of one family in one typed array that is never changed once it is sealed. Their bases begin alike. Of what follows the common
 * bits, the next 16 are the digest of an address: to search is to compare digests, and only where two are the same the rest.
 *
 *     header | map: a bit for each of some equal ranges of digests, set where a network of the block reaches into it
 *            | starts: for each of some equal ranges of digests, its first place, two in a word
 *            | digests, two in a word
 *            | rows: the words of the base, the id, the mark: parent (16 bits, above), whether there is an end (1 bit), prefix (8 bits)
 *
 * The parent is the place + 1 of the narrowest network of the block that contains this one, or 0. Among a million networks the miss of a
 * cache costs more than everything else: whoever is in none of them is nearly always told so by one bit of the map; who is in one, by
 * one look at each of the others.
 */
export type AddressBlock = Uint32Array;

/** How a block is laid out: ranges of digests, and bits of its map, for each network; powers of two, or no map. */
export interface BlockShape {
  readonly ranges: number;
  readonly mapBits: number;
}

/** Header: places in it. */
export const COUNT = 0;
export const COMMON_BITS = 1;
/** A digest shifted right by so much is a bit of the map. */
const MAP_SHIFT = 2;
const SHIFT = 3;
const FIRST_DIGEST = 4;
const RANGES = 5;
/** Where starts, digests and rows begin. */
const STARTS_AT = 6;
const DIGESTS_AT = 7;
export const ROWS_AT = 8;
const FIRST_WORDS = 9;
/** A whole line of the cache; the map follows. */
const MAP_AT = 16;

/** In a mark. */
export const MARK_EXPIRES = 0x100;
export const MARK_PREFIX = 0xff;
export const MARK_PARENT_SHIFT = 16;

/** Words to a row behind its base. */
const ROW_EXTRA = 2;

/** So few are looked through one by one: the next step is then easier to foresee than where a half is. */
const LINEAR_MAX = 8;

const DIGEST_BITS = 16;

/** A block with room for `count` rows, to be written at `rowPlace` in order of base and prefix, and then sealed. */
export function openBlock(count: number, width: Width, shape: BlockShape): AddressBlock {
  const ranges = powerAtLeast(count * shape.ranges);
  const mapBits =
    shape.mapBits === 0 ? 0 : Math.min(1 << DIGEST_BITS, Math.max(32, powerAtLeast(count * shape.mapBits)));
  const startsAt = MAP_AT + (mapBits >>> 5);
  const digestsAt = startsAt + ((ranges + 2) >>> 1);
  const rowsAt = digestsAt + ((count + 1) >>> 1);
  const block = new Uint32Array(rowsAt + count * (width + ROW_EXTRA));
  block[COUNT] = count;
  block[MAP_SHIFT] = mapBits === 0 ? 0 : Math.clz32(mapBits) - (31 - DIGEST_BITS);
  block[RANGES] = ranges;
  block[STARTS_AT] = startsAt;
  block[DIGESTS_AT] = digestsAt;
  block[ROWS_AT] = rowsAt;
  return block;
}

function powerAtLeast(number: number): number {
  let power = 1;
  while (power < number) power *= 2;
  return power;
}

/** Where row `i` of the block stands: the words of its base, its id, its mark. */
export function rowPlace(block: AddressBlock, width: Width, i: number): number {
  return block[ROWS_AT]! + (width + ROW_EXTRA) * i;
}

/** Fills in what is searched, once the rows stand there, no two of them the same. */
export function sealBlock(block: AddressBlock, width: Width): AddressBlock {
  const count = block[COUNT]!;
  if (count === 0) return block;
  const rows = block[ROWS_AT]!;
  for (let w = 0; w < width; w++) block[FIRST_WORDS + w] = block[rows + w]!;
  const common = commonBits(block, width, count);
  block[COMMON_BITS] = common;
  const digests = block[DIGESTS_AT]!;
  for (let i = 0, at = rows; i < count; i++, at += width + ROW_EXTRA) {
    const digest =
      width === 1
        ? digestOfIpv4(block[at]!, common)
        : digestOfIpv6(block[at]!, block[at + 1]!, block[at + 2]!, block[at + 3]!, common);
    block[digests + (i >>> 1)]! |= digest << (DIGEST_BITS * (i & 1));
  }
  linkParents(block, width, count);
  writeStarts(block, count);
  if (block[STARTS_AT]! > MAP_AT) writeMap(block, width, count);
  return block;
}

/** Sets the bits of all networks; those within others are set already. */
function writeMap(block: AddressBlock, width: Width, count: number): void {
  const marks = block[ROWS_AT]! + width + 1;
  const common = block[COMMON_BITS]!;
  for (let i = 0; i < count; i++) {
    const mark = block[marks + i * (width + ROW_EXTRA)]!;
    if (mark >>> MARK_PARENT_SHIFT !== 0) continue;
    const digest = digestAt(block, i);
    const ownBits = DIGEST_BITS - Math.max(0, (mark & MARK_PREFIX) - common);
    const last = ownBits <= 0 ? digest : Math.min(0xffff, digest | ((1 << Math.min(ownBits, DIGEST_BITS)) - 1));
    setBits(block, digest >>> block[MAP_SHIFT]!, last >>> block[MAP_SHIFT]!);
  }
}

function setBits(block: AddressBlock, first: number, last: number): void {
  for (let bit = first; bit <= last;) {
    if ((bit & 31) === 0 && bit + 31 <= last) {
      block[MAP_AT + (bit >>> 5)] = 0xffff_ffff;
      bit += 32;
    } else {
      block[MAP_AT + (bit >>> 5)]! |= 1 << (bit & 31);
      bit++;
    }
  }
}

/**
 * Whether the map leaves open that a network of the block contains the IPv4 address; for an address whose common bits are others it says
 * something or other, and what follows finds out.
 */
export function mayHoldIpv4(block: AddressBlock, bits: number): boolean {
  const bit = digestOfIpv4(bits, block[COMMON_BITS]!) >>> block[MAP_SHIFT]!;
  return (block[MAP_AT + (bit >>> 5)]! & (1 << (bit & 31))) !== 0;
}

/** The same for the IPv6 address of these unsigned words. */
export function mayHoldIpv6(block: AddressBlock, a: number, b: number, c: number, d: number): boolean {
  const bit = digestOfIpv6(a, b, c, d, block[COMMON_BITS]!) >>> block[MAP_SHIFT]!;
  return (block[MAP_AT + (bit >>> 5)]! & (1 << (bit & 31))) !== 0;
}

function writeStarts(block: AddressBlock, count: number): void {
  const ranges = block[RANGES]!;
  const first = digestAt(block, 0);
  const span = digestAt(block, count - 1) - first;
  let shift = 0;
  while (span >>> shift >= ranges) shift++;
  block[FIRST_DIGEST] = first;
  block[SHIFT] = shift;
  const starts = block[STARTS_AT]!;
  const write = (range: number, place: number): void => {
    block[starts + (range >>> 1)]! |= place << (16 * (range & 1));
  };
  let range = 0;
  for (let i = 0; i < count; i++) {
    const own = (digestAt(block, i) - first) >>> shift;
    while (range < own) write(++range, i);
  }
  while (range < ranges) write(++range, count);
}

/** The parent of a network is the network before it, or one of that one's parents. */
function linkParents(block: AddressBlock, width: Width, count: number): void {
  const rows = block[ROWS_AT]!;
  const step = width + ROW_EXTRA;
  for (let i = 0, at = rows; i < count; i++, at += step) {
    let parent = i; // place + 1 of the network before
    while (parent > 0) {
      const mark = block[rows + parent * step - 1]!;
      if (samePrefix(block, rows + (parent - 1) * step, block, at, mark & MARK_PREFIX)) break;
      parent = mark >>> MARK_PARENT_SHIFT;
    }
    const own = block[at + width + 1]! & (MARK_PREFIX | MARK_EXPIRES);
    block[at + width + 1] = own | (parent << MARK_PARENT_SHIFT);
  }
}

/** Whether two addresses agree in their first `bits` bits. */
export function samePrefix(
  a: Words | Uint32Array,
  aAt: number,
  b: Words | Uint32Array,
  bAt: number,
  bits: number,
): boolean {
  for (let w = 0; bits > 0; w++, bits -= 32) {
    const differing = a[aAt + w]! ^ b[bAt + w]!;
    if (bits >= 32 ? differing !== 0 : differing >>> (32 - bits) !== 0) return false;
  }
  return true;
}

/** How many bits the first address and the last one share; at most so many that a digest is left. */
function commonBits(block: AddressBlock, width: Width, count: number): number {
  const firstAt = rowPlace(block, width, 0);
  const lastAt = rowPlace(block, width, count - 1);
  let common = 0;
  for (let w = 0; w < width; w++, common += 32) {
    const differing = block[firstAt + w]! ^ block[lastAt + w]!;
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

/** The digest of network `i`. */
function digestAt(block: AddressBlock, i: number): number {
  return (block[block[DIGESTS_AT]! + (i >>> 1)]! >>> (DIGEST_BITS * (i & 1))) & 0xffff;
}

function startOf(block: AddressBlock, range: number): number {
  return (block[block[STARTS_AT]! + (range >>> 1)]! >>> (16 * (range & 1))) & 0xffff;
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
  const rows = block[ROWS_AT]!;
  let from = startOf(block, range);
  let to = startOf(block, range + 1);
  while (to - from > LINEAR_MAX) {
    const middle = (from + to) >>> 1;
    const other = digestAt(block, middle);
    if (other < digest || (other === digest && block[rows + 3 * middle]! <= bits)) from = middle + 1;
    else to = middle;
  }
  for (; from < to; from++) {
    const other = digestAt(block, from);
    if (other > digest || (other === digest && block[rows + 3 * from]! > bits)) break;
  }
  return from;
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
  let from = startOf(block, range);
  let to = startOf(block, range + 1);
  while (to - from > LINEAR_MAX) {
    const middle = (from + to) >>> 1;
    const other = digestAt(block, middle);
    if (other < digest || (other === digest && reaches(block, middle, a, b, c, d))) from = middle + 1;
    else to = middle;
  }
  for (; from < to; from++) {
    const other = digestAt(block, from);
    if (other > digest || (other === digest && !reaches(block, from, a, b, c, d))) break;
  }
  return from;
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
  const at = block[ROWS_AT]! + 6 * i;
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
