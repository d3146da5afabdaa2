import { blockOf, COUNT, placeIn, REST_AT, wordsAt, type AddressBlock } from "./address-block.ts";
import type { EntryId } from "./policy.ts";

/** The words of an address: one for IPv4, four for IPv6, the most significant first. */
export type Words = readonly number[];

/** Words to an address of a family. */
export type Width = 1 | 4;

/** A network of a set, with the entry that holds it. `expires` says that the entry has an end, which the entry table knows. */
export interface NetworkRow {
  readonly words: Words;
  readonly prefixBits: number;
  readonly id: EntryId;
  readonly expires: boolean;
}

/**
 * Up to `LEAF_MAX` networks of one family, sorted by base, then by prefix, so that what contains a network stands before it: a
 * block of their bases, and behind it a mark for each, and an id for each. A mark is the prefix (8 bits), `expires` (1 bit) and,
 * above, the place + 1 of the narrowest network of the same leaf that contains this one, or 0.
 */
export type NetworkLeaf = AddressBlock;

/** More than the 129 networks that can share one base, so that a leaf can always be cut between two bases. */
export const LEAF_MAX = 1_024;

export const MARK_EXPIRES = 0x100;
export const MARK_PARENT_SHIFT = 9;
const MARK_OWN_BITS = 0x1ff;

export function leafCount(leaf: NetworkLeaf): number {
  return leaf[COUNT]!;
}

function markAt(leaf: NetworkLeaf, i: number): number {
  return leaf[leaf[REST_AT]! + i]!;
}

export function prefixAt(leaf: NetworkLeaf, i: number): number {
  return markAt(leaf, i) & 0xff;
}

/** The place + 1 of the narrowest network of the leaf that contains network `i`, or 0. */
export function parentOf(leaf: NetworkLeaf, i: number): number {
  return markAt(leaf, i) >>> MARK_PARENT_SHIFT;
}

export function idAt(leaf: NetworkLeaf, i: number): EntryId {
  return leaf[leaf[REST_AT]! + leafCount(leaf) + i]!;
}

export function rowAt(leaf: NetworkLeaf, width: Width, i: number): NetworkRow {
  const at = wordsAt(leaf, width, i);
  const mark = markAt(leaf, i);
  return {
    words: Array.from(leaf.subarray(at, at + width)),
    prefixBits: mark & 0xff,
    id: idAt(leaf, i),
    expires: (mark & MARK_EXPIRES) !== 0,
  };
}

/** Networks as columns: what a leaf is made of. */
interface Columns {
  readonly words: Uint32Array;
  readonly marks: Uint32Array;
  readonly ids: Uint32Array;
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
  const words = wordsAt(leaf, width, from);
  const marks = leaf[REST_AT]! + from;
  const ids = marks + leafCount(leaf);
  columns.words.set(leaf.subarray(words, words + count * width), to * width);
  columns.marks.set(leaf.subarray(marks, marks + count), to);
  columns.ids.set(leaf.subarray(ids, ids + count), to);
}

function finish({ words, marks, ids }: Columns, width: Width): NetworkLeaf {
  const n = ids.length;
  linkParents(words, marks, width);
  const leaf = blockOf(words, width, n, 2 * n);
  leaf.set(marks, leaf[REST_AT]);
  leaf.set(ids, leaf[REST_AT]! + n);
  return leaf;
}

/** Fills in the parents: that of a network is the network before it, or one of that one's parents. */
function linkParents(words: Uint32Array, marks: Uint32Array, width: Width): void {
  for (let i = 0; i < marks.length; i++) {
    let parent = i; // place + 1 of the network before
    while (parent > 0 && !samePrefix(words, (parent - 1) * width, words, i * width, marks[parent - 1]! & 0xff)) {
      parent = marks[parent - 1]! >>> MARK_PARENT_SHIFT;
    }
    marks[i] = (marks[i]! & MARK_OWN_BITS) | (parent << MARK_PARENT_SHIFT);
  }
}

export function leafOf(rows: readonly NetworkRow[], width: Width): NetworkLeaf {
  const columns = columnsFor(rows.length, width);
  for (const [i, row] of rows.entries()) write(columns, width, i, row);
  return finish(columns, width);
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
  return samePrefix(leaf, wordsAt(leaf, width, i), words, 0, prefixAt(leaf, i));
}

function sameBase(leaf: NetworkLeaf, width: Width, i: number, words: Words): boolean {
  return samePrefix(leaf, wordsAt(leaf, width, i), words, 0, 32 * width);
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
  return finish(columns, width);
}

/** The leaf without its network `i`. */
export function leafWithout(leaf: NetworkLeaf, width: Width, i: number): NetworkLeaf {
  const n = leafCount(leaf);
  const columns = columnsFor(n - 1, width);
  copy(leaf, width, 0, i, columns, 0);
  copy(leaf, width, i + 1, n - i - 1, columns, i);
  return finish(columns, width);
}

/** The networks from `from` to before `to` as a leaf of their own. */
export function leafPart(leaf: NetworkLeaf, width: Width, from: number, to: number): NetworkLeaf {
  const columns = columnsFor(to - from, width);
  copy(leaf, width, from, to - from, columns, 0);
  return finish(columns, width);
}

export function leafJoined(a: NetworkLeaf, b: NetworkLeaf, width: Width): NetworkLeaf {
  const n = leafCount(a);
  const columns = columnsFor(n + leafCount(b), width);
  copy(a, width, 0, n, columns, 0);
  copy(b, width, 0, leafCount(b), columns, n);
  return finish(columns, width);
}

/** The place nearest to the middle where the base changes: there a full leaf is cut. */
export function cutPlace(leaf: NetworkLeaf, width: Width): number {
  const n = leafCount(leaf);
  const changes = (i: number): boolean =>
    !samePrefix(leaf, wordsAt(leaf, width, i - 1), leaf, wordsAt(leaf, width, i), 32 * width);
  for (let distance = 0; distance < n; distance++) {
    const below = (n >>> 1) - distance;
    const above = (n >>> 1) + distance;
    if (below > 0 && changes(below)) return below;
    if (above > 0 && above < n && changes(above)) return above;
  }
  return n;
}
