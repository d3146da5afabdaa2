import {
  blockOf,
  COUNT,
  KEYS_AT,
  MARK_EXPIRES,
  MARK_PARENT_SHIFT,
  placeIn,
  rowPlace,
  type AddressBlock,
  type Columns,
  type Width,
  type Words,
} from "./address-block.ts";
import type { EntryId } from "./policy.ts";

/** A network of a set, with the entry that holds it. `expires` says that the entry has an end, which the entry table knows. */
export interface NetworkRow {
  readonly words: Words;
  readonly prefixBits: number;
  readonly id: EntryId;
  readonly expires: boolean;
}

/**
 * Up to `LEAF_MAX` networks of one family, sorted by base, then by prefix, so that what contains a network stands before it. The parent of a
 * network is the narrowest one of the same leaf that contains it.
 */
export type NetworkLeaf = AddressBlock;

/** More than the 129 networks that can share one base, so that a leaf can always be cut between two bases. */
export const LEAF_MAX = 1_024;

const MARK_OWN_BITS = 0x1ff;

export function leafCount(leaf: NetworkLeaf): number {
  return leaf[COUNT]!;
}

export function prefixAt(leaf: NetworkLeaf, i: number): number {
  return leaf[leaf[KEYS_AT]! + i]! & 0xff;
}

export function idAt(leaf: NetworkLeaf, width: Width, i: number): EntryId {
  return leaf[rowPlace(leaf, width, i) + width]!;
}

export function rowAt(leaf: NetworkLeaf, width: Width, i: number): NetworkRow {
  const at = rowPlace(leaf, width, i);
  const key = leaf[leaf[KEYS_AT]! + i]!;
  return {
    words: Array.from(leaf.subarray(at, at + width)),
    prefixBits: key & 0xff,
    id: leaf[at + width]!,
    expires: (key & MARK_EXPIRES) !== 0,
  };
}

function columnsFor(count: number, width: Width): Columns {
  return { words: new Uint32Array(count * width), marks: new Uint32Array(count), ids: new Uint32Array(count) };
}

function write(columns: Columns, width: Width, i: number, row: NetworkRow): void {
  columns.words.set(row.words, i * width);
  columns.marks[i] = row.prefixBits | (row.expires ? MARK_EXPIRES : 0);
  columns.ids[i] = row.id;
}

/** Copies `count` networks of the leaf from `from` on to place `to` of the columns. */
function copy(leaf: NetworkLeaf, width: Width, from: number, count: number, columns: Columns, to: number): void {
  const { words, marks, ids } = columns;
  const keys = leaf[KEYS_AT]! + from;
  for (let i = 0, at = rowPlace(leaf, width, from); i < count; i++, at += width + 1) {
    for (let w = 0; w < width; w++) words[(to + i) * width + w] = leaf[at + w]!;
    marks[to + i] = leaf[keys + i]! & MARK_OWN_BITS;
    ids[to + i] = leaf[at + width]!;
  }
}

/** Of networks in order, no two the same; their parents are found here. */
export function leafOfColumns(columns: Columns, width: Width): NetworkLeaf {
  linkParents(columns, width);
  return blockOf(columns, width);
}

/** Fills in the parents: that of a network is the network before it, or one of that one's parents. */
function linkParents({ words, marks }: Columns, width: Width): void {
  for (let i = 0; i < marks.length; i++) {
    let parent = i; // place + 1 of the network before
    while (parent > 0 && !samePrefix(words, (parent - 1) * width, words, i * width, marks[parent - 1]! & 0xff)) {
      parent = marks[parent - 1]! >>> MARK_PARENT_SHIFT;
    }
    marks[i] = (marks[i]! & MARK_OWN_BITS) | (parent << MARK_PARENT_SHIFT);
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

export function leafContains(leaf: NetworkLeaf, width: Width, i: number, words: Words): boolean {
  return samePrefix(leaf, rowPlace(leaf, width, i), words, 0, prefixAt(leaf, i));
}

function sameBase(leaf: NetworkLeaf, width: Width, i: number, words: Words): boolean {
  return samePrefix(leaf, rowPlace(leaf, width, i), words, 0, 32 * width);
}

/** How many networks of the leaf stand before (words, prefixBits) in its order, itself included where it is there. */
export function placeAfter(leaf: NetworkLeaf, width: Width, words: Words, prefixBits: number): number {
  let place = placeIn(leaf, words);
  while (place > 0 && prefixAt(leaf, place - 1) > prefixBits && sameBase(leaf, width, place - 1, words)) place--;
  return place;
}

/** Whether network `i` is exactly (words, prefixBits). */
export function leafHolds(leaf: NetworkLeaf, width: Width, i: number, words: Words, prefixBits: number): boolean {
  return i >= 0 && i < leafCount(leaf) && prefixAt(leaf, i) === prefixBits && sameBase(leaf, width, i, words);
}

/** The leaf with the row put in at its place; where the same network is there already, in its stead. */
export function leafWith(leaf: NetworkLeaf, width: Width, row: NetworkRow): NetworkLeaf {
  const after = placeAfter(leaf, width, row.words, row.prefixBits);
  const there = leafHolds(leaf, width, after - 1, row.words, row.prefixBits);
  const at = there ? after - 1 : after;
  const n = leafCount(leaf);
  const columns = columnsFor(there ? n : n + 1, width);
  copy(leaf, width, 0, at, columns, 0);
  write(columns, width, at, row);
  copy(leaf, width, after, n - after, columns, at + 1);
  return leafOfColumns(columns, width);
}

/** The leaf without its network `i`. */
export function leafWithout(leaf: NetworkLeaf, width: Width, i: number): NetworkLeaf {
  const n = leafCount(leaf);
  const columns = columnsFor(n - 1, width);
  copy(leaf, width, 0, i, columns, 0);
  copy(leaf, width, i + 1, n - i - 1, columns, i);
  return leafOfColumns(columns, width);
}

/** The networks from `from` to before `to` as a leaf of their own. */
export function leafPart(leaf: NetworkLeaf, width: Width, from: number, to: number): NetworkLeaf {
  const columns = columnsFor(to - from, width);
  copy(leaf, width, from, to - from, columns, 0);
  return leafOfColumns(columns, width);
}

export function leafJoined(a: NetworkLeaf, b: NetworkLeaf, width: Width): NetworkLeaf {
  const n = leafCount(a);
  const columns = columnsFor(n + leafCount(b), width);
  copy(a, width, 0, n, columns, 0);
  copy(b, width, 0, leafCount(b), columns, n);
  return leafOfColumns(columns, width);
}

/** The place nearest to the middle where the base changes: there a full leaf is cut. */
export function cutPlace(leaf: NetworkLeaf, width: Width): number {
  const n = leafCount(leaf);
  const changes = (i: number): boolean =>
    !samePrefix(leaf, rowPlace(leaf, width, i - 1), leaf, rowPlace(leaf, width, i), 32 * width);
  for (let distance = 0; distance < n; distance++) {
    const below = (n >>> 1) - distance;
    const above = (n >>> 1) + distance;
    if (below > 0 && changes(below)) return below;
    if (above > 0 && above < n && changes(above)) return above;
  }
  return n;
}
