import {
  COUNT,
  MARK_EXPIRES,
  MARK_PARENT_SHIFT,
  MARK_PREFIX,
  openBlock,
  placeIn,
  rowPlace,
  samePrefix,
  sealBlock,
  type AddressBlock,
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

/** Up to `LEAF_MAX` networks of one family, sorted by base, then by prefix, so that what contains a network stands before it. */
export type NetworkLeaf = AddressBlock;

/**
 * More than the 129 networks that can share one base, so that a leaf can always be cut between two bases. Larger leaves are found with fewer misses
 * of a cache and make what is above them small; an edit copies one: some 100 µs.
 */
export const LEAF_MAX = 4_096;

export function leafCount(leaf: NetworkLeaf): number {
  return leaf[COUNT]!;
}

function markAt(leaf: NetworkLeaf, width: Width, i: number): number {
  return leaf[rowPlace(leaf, width, i) + width + 1]!;
}

export function prefixAt(leaf: NetworkLeaf, width: Width, i: number): number {
  return markAt(leaf, width, i) & MARK_PREFIX;
}

/** The place + 1 of the parent of network `i`, or 0. */
export function parentAt(leaf: NetworkLeaf, width: Width, i: number): number {
  return markAt(leaf, width, i) >>> MARK_PARENT_SHIFT;
}

export function idAt(leaf: NetworkLeaf, width: Width, i: number): EntryId {
  return leaf[rowPlace(leaf, width, i) + width]!;
}

export function rowAt(leaf: NetworkLeaf, width: Width, i: number): NetworkRow {
  const at = rowPlace(leaf, width, i);
  const mark = leaf[at + width + 1]!;
  return {
    words: Array.from(leaf.subarray(at, at + width)),
    prefixBits: mark & MARK_PREFIX,
    id: leaf[at + width]!,
    expires: (mark & MARK_EXPIRES) !== 0,
  };
}

/** Writes row `i` of a leaf that is not sealed yet. */
function write(leaf: NetworkLeaf, width: Width, i: number, row: NetworkRow): void {
  const at = rowPlace(leaf, width, i);
  leaf.set(row.words, at);
  leaf[at + width] = row.id;
  leaf[at + width + 1] = row.prefixBits | (row.expires ? MARK_EXPIRES : 0);
}

/** Copies the rows from `from` to before `end` to place `to` on of a leaf that is not sealed yet. */
function copy(leaf: NetworkLeaf, width: Width, from: number, end: number, into: NetworkLeaf, to: number): void {
  into.set(leaf.subarray(rowPlace(leaf, width, from), rowPlace(leaf, width, end)), rowPlace(into, width, to));
}

export function leafContains(leaf: NetworkLeaf, width: Width, i: number, words: Words): boolean {
  return samePrefix(leaf, rowPlace(leaf, width, i), words, 0, prefixAt(leaf, width, i));
}

function sameBase(leaf: NetworkLeaf, width: Width, i: number, words: Words): boolean {
  return samePrefix(leaf, rowPlace(leaf, width, i), words, 0, 32 * width);
}

/** How many networks of the leaf stand before (words, prefixBits) in its order, itself included where it is there. */
export function placeAfter(leaf: NetworkLeaf, width: Width, words: Words, prefixBits: number): number {
  let place = placeIn(leaf, words);
  while (place > 0 && prefixAt(leaf, width, place - 1) > prefixBits && sameBase(leaf, width, place - 1, words)) place--;
  return place;
}

/** Whether network `i` is exactly (words, prefixBits). */
export function leafHolds(leaf: NetworkLeaf, width: Width, i: number, words: Words, prefixBits: number): boolean {
  return i >= 0 && i < leafCount(leaf) && prefixAt(leaf, width, i) === prefixBits && sameBase(leaf, width, i, words);
}

/** The leaf with the row put in at its place; where the same network is there already, in its stead. */
export function leafWith(leaf: NetworkLeaf, width: Width, row: NetworkRow): NetworkLeaf {
  const after = placeAfter(leaf, width, row.words, row.prefixBits);
  const there = leafHolds(leaf, width, after - 1, row.words, row.prefixBits);
  const at = there ? after - 1 : after;
  const n = leafCount(leaf);
  const next = openBlock(there ? n : n + 1, width);
  copy(leaf, width, 0, at, next, 0);
  write(next, width, at, row);
  copy(leaf, width, after, n, next, at + 1);
  return sealBlock(next, width);
}

/** The leaf without its network `i`. */
export function leafWithout(leaf: NetworkLeaf, width: Width, i: number): NetworkLeaf {
  const n = leafCount(leaf);
  const next = openBlock(n - 1, width);
  copy(leaf, width, 0, i, next, 0);
  copy(leaf, width, i + 1, n, next, i);
  return sealBlock(next, width);
}

/** The networks from `from` to before `to` as a leaf of their own. */
export function leafPart(leaf: NetworkLeaf, width: Width, from: number, to: number): NetworkLeaf {
  const part = openBlock(to - from, width);
  copy(leaf, width, from, to, part, 0);
  return sealBlock(part, width);
}

export function leafJoined(a: NetworkLeaf, b: NetworkLeaf, width: Width): NetworkLeaf {
  const joined = openBlock(leafCount(a) + leafCount(b), width);
  copy(a, width, 0, leafCount(a), joined, 0);
  copy(b, width, 0, leafCount(b), joined, leafCount(a));
  return sealBlock(joined, width);
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
