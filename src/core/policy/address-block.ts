/** The words of an address: one for IPv4, four for IPv6, the most significant first. */
export type Words = readonly number[];

/** Words to an address of a family. */
export type Width = 1 | 4;

/**
 * Sorted networks of one family in one typed array that is never changed once it is sealed. Their bases begin alike; the 32 bits behind what they
 * have in common are the key of an address. The keys from the first base to the last are cut into equal steps.
 *
 *     header | steps, by 32: a bit for each, set where a network of the block reaches into it; how many bases stand before the 32
 *            | rows: the words of the base, the id, the mark: parent (16 bits, above), whether there is an end (1 bit), prefix (8 bits)
 *
 * The parent is the place + 1 of the narrowest network of the block that contains this one, or 0. Among a million networks the miss of a
 * cache costs more than everything else: whoever is in none of them is nearly always told so by one bit; who is in one, by the two words
 * there and by the row.
 */
export type AddressBlock = Uint32Array;

/** Header: places in it. */
export const COUNT = 0;
const COMMON_BITS = 1;
/** What a key is above the first one, shifted right by so much, is its step. */
const SHIFT = 2;
const FIRST_KEY = 3;
/** The steps there are. */
const STEPS = 4;
export const ROWS_AT = 5;
const FIRST_WORDS = 6;
const STEPS_AT = 12;

/** In a mark. */
export const MARK_EXPIRES = 0x100;
export const MARK_PREFIX = 0xff;
export const MARK_PARENT_SHIFT = 16;

/** Words to a row behind its base. */
const ROW_EXTRA = 2;

/** So few rows are looked through one by one: the next step is then easier to foresee than where a half is. */
const LINEAR_MAX = 8;

/** Steps for each network: half as many or so are used. */
const STEPS_PER_NETWORK = 16;

const KEY_BITS = 32;

/** A block with room for `count` rows, to be written at `rowPlace` in order of base and prefix, and then sealed. */
export function openBlock(count: number, width: Width): AddressBlock {
  const rowsAt = STEPS_AT + 2 * groupsMax(count) + 2;
  const block = new Uint32Array(rowsAt + count * (width + ROW_EXTRA));
  block[COUNT] = count;
  block[ROWS_AT] = rowsAt;
  return block;
}

/** Groups of 32 steps that there is room for. */
function groupsMax(count: number): number {
  return Math.ceil((count * STEPS_PER_NETWORK) / 32);
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
  block[COMMON_BITS] = commonBits(block, width, count);
  const first = keyAt(block, width, 0);
  const span = keyAt(block, width, count - 1) - first;
  let shift = 0;
  while (span >>> shift >= 32 * groupsMax(count)) shift++;
  block[FIRST_KEY] = first;
  block[SHIFT] = shift;
  block[STEPS] = (span >>> shift) + 1;
  linkParents(block, width, count);
  writeSteps(block, width, count);
  return block;
}

function keyAt(block: AddressBlock, width: Width, i: number): number {
  const at = rowPlace(block, width, i);
  if (width === 1) return block[at]!;
  return keyOfIpv6(block[at]!, block[at + 1]!, block[at + 2]!, block[at + 3]!, block[COMMON_BITS]!);
}

/** The bits that networks reach into, and how many bases are before each 32. Networks within others set nothing new. */
function writeSteps(block: AddressBlock, width: Width, count: number): void {
  const marks = block[ROWS_AT]! + width + 1;
  const common = width === 1 ? 0 : block[COMMON_BITS]!;
  const first = block[FIRST_KEY]!;
  const shift = block[SHIFT]!;
  const last = block[STEPS]! - 1;
  let group = 0;
  for (let i = 0; i < count; i++) {
    const key = keyAt(block, width, i);
    const step = (key - first) >>> shift;
    while (group < step >>> 5) block[STEPS_AT + 2 * ++group + 1] = i;
    const mark = block[marks + i * (width + ROW_EXTRA)]!;
    if (mark >>> MARK_PARENT_SHIFT !== 0) continue;
    const own = Math.min(KEY_BITS, Math.max(0, (mark & MARK_PREFIX) - common));
    const end = own === KEY_BITS ? key : (key | (0xffff_ffff >>> own)) >>> 0;
    setBits(block, step, Math.min(last, (end - first) >>> shift));
  }
  while (group <= last >>> 5) block[STEPS_AT + 2 * ++group + 1] = count;
}

function setBits(block: AddressBlock, first: number, last: number): void {
  for (let step = first; step <= last;) {
    const at = STEPS_AT + 2 * (step >>> 5);
    if ((step & 31) === 0 && step + 31 <= last) {
      block[at] = 0xffff_ffff;
      step += 32;
    } else {
      block[at]! |= 1 << (step & 31);
      step++;
    }
  }
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

/** How many bits the first address and the last one share; at most so many that a key is left. */
function commonBits(block: AddressBlock, width: Width, count: number): number {
  if (width === 1) return 0;
  const firstAt = rowPlace(block, width, 0);
  const lastAt = rowPlace(block, width, count - 1);
  let common = 0;
  for (let w = 0; w < width; w++, common += 32) {
    const differing = block[firstAt + w]! ^ block[lastAt + w]!;
    if (differing === 0) continue;
    common += Math.clz32(differing);
    break;
  }
  return Math.min(common, 32 * width - KEY_BITS);
}

/** The 32 bits behind the first `common` bits, at most 96. */
function keyOfIpv6(a: number, b: number, c: number, d: number, common: number): number {
  const bits = common & 31;
  const word = common < 32 ? a : common < 64 ? b : common < 96 ? c : d;
  if (bits === 0) return word;
  const next = common < 32 ? b : common < 64 ? c : d;
  return ((word << bits) | (next >>> (32 - bits))) >>> 0;
}

/** How many bases of the block are at or below `bits`, an unsigned IPv4 address. */
export function placeOfIpv4(block: AddressBlock, bits: number): number {
  const first = block[FIRST_KEY]!;
  const count = block[COUNT]!;
  if (count === 0 || bits < first) return 0;
  const step = (bits - first) >>> block[SHIFT]!;
  if (step >= block[STEPS]!) return count;
  return placeInGroupIpv4(block, STEPS_AT + 2 * (step >>> 5) + 1, bits);
}

/** The same, and 0 too where the steps say that no network of the block contains the address. */
export function holdingPlaceIpv4(block: AddressBlock, bits: number): number {
  const first = block[FIRST_KEY]!;
  const count = block[COUNT]!;
  if (count === 0 || bits < first) return 0;
  const step = (bits - first) >>> block[SHIFT]!;
  if (step >= block[STEPS]!) return count;
  const at = STEPS_AT + 2 * (step >>> 5);
  return (block[at]! & (1 << (step & 31))) === 0 ? 0 : placeInGroupIpv4(block, at + 1, bits);
}

/** `at` is where the number of bases before a group of steps stands. */
function placeInGroupIpv4(block: AddressBlock, at: number, bits: number): number {
  const rows = block[ROWS_AT]!;
  let from = block[at]!;
  let to = block[at + 2]!;
  while (to - from > LINEAR_MAX) {
    const middle = (from + to) >>> 1;
    if (block[rows + 3 * middle]! <= bits) from = middle + 1;
    else to = middle;
  }
  while (from < to && block[rows + 3 * from]! <= bits) from++;
  return from;
}

/** How many bases of the block are at or below the IPv6 address of these unsigned words. */
export function placeOfIpv6(block: AddressBlock, a: number, b: number, c: number, d: number): number {
  const count = block[COUNT]!;
  if (count === 0) return 0;
  const common = block[COMMON_BITS]!;
  const side = common === 0 ? 0 : sideOf(block, a, b, c, d, common);
  if (side !== 0) return side < 0 ? 0 : count;
  const key = keyOfIpv6(a, b, c, d, common);
  const first = block[FIRST_KEY]!;
  if (key < first) return 0;
  const step = (key - first) >>> block[SHIFT]!;
  if (step >= block[STEPS]!) return count;
  return placeInGroupIpv6(block, STEPS_AT + 2 * (step >>> 5) + 1, a, b, c, d);
}

/** The same, and 0 too where the steps say that no network of the block contains the address. */
export function holdingPlaceIpv6(block: AddressBlock, a: number, b: number, c: number, d: number): number {
  const count = block[COUNT]!;
  if (count === 0) return 0;
  const common = block[COMMON_BITS]!;
  const side = common === 0 ? 0 : sideOf(block, a, b, c, d, common);
  if (side !== 0) return side < 0 ? 0 : count;
  const key = keyOfIpv6(a, b, c, d, common);
  const first = block[FIRST_KEY]!;
  if (key < first) return 0;
  const step = (key - first) >>> block[SHIFT]!;
  if (step >= block[STEPS]!) return count;
  const at = STEPS_AT + 2 * (step >>> 5);
  return (block[at]! & (1 << (step & 31))) === 0 ? 0 : placeInGroupIpv6(block, at + 1, a, b, c, d);
}

function placeInGroupIpv6(block: AddressBlock, at: number, a: number, b: number, c: number, d: number): number {
  let from = block[at]!;
  let to = block[at + 2]!;
  while (to - from > LINEAR_MAX) {
    const middle = (from + to) >>> 1;
    if (reaches(block, middle, a, b, c, d)) from = middle + 1;
    else to = middle;
  }
  while (from < to && reaches(block, from, a, b, c, d)) from++;
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
