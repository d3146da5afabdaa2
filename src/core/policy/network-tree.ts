import { assert } from "../base/assert.ts";
import {
  openBlock,
  placeIn,
  rowPlace,
  samePrefix,
  sealBlock,
  type AddressBlock,
  type Width,
  type Words,
} from "./address-block.ts";
import {
  cutPlace,
  idAt,
  LEAF_MAX,
  leafContains,
  leafCount,
  leafHolds,
  leafJoined,
  leafPart,
  leafWith,
  leafWithout,
  parentAt,
  placeAfter,
  prefixAt,
  rowAt,
  type NetworkLeaf,
  type NetworkRow,
} from "./network-leaf.ts";
import type { EntryId } from "./policy.ts";

/** A network of an earlier leaf that contains the first address of a leaf, and the next wider one of the kind. */
export interface Cover extends NetworkRow {
  readonly wider: Cover | null;
}

/**
 * The networks of one family, as leaves in order below one root. Nothing in it is ever changed: an edit copies one leaf and the root,
 * some microseconds among a million networks, and shares the rest, so a transaction that holds an old tree keeps it.
 *
 * A leaf holds the networks from its fence, an address, to before the next one's. What contains an address stands in the address's own
 * leaf or contains its fence, because networks nest and never cross; `covers` has those of earlier leaves, the narrowest first.
 */
export class NetworkTree {
  readonly width: Width;
  readonly count: number;
  readonly leaves: readonly NetworkLeaf[];
  /** The fences of all leaves but the first, whose fence is zero: the place of an address here is the number of its leaf. */
  readonly fences: AddressBlock;
  readonly covers: readonly (Cover | null)[];

  private constructor(
    width: Width,
    count: number,
    leaves: readonly NetworkLeaf[],
    fences: AddressBlock,
    covers: readonly (Cover | null)[],
  ) {
    this.width = width;
    this.count = count;
    this.leaves = leaves;
    this.fences = fences;
    this.covers = covers;
  }

  static empty(width: Width): NetworkTree {
    const nothing = fenceBlock([], width);
    return new NetworkTree(width, 0, [nothing], nothing, [null]);
  }

  /** From leaves in order, none of them empty, cut between bases. */
  static fromLeaves(width: Width, leaves: readonly NetworkLeaf[]): NetworkTree {
    if (leaves.length === 0) return NetworkTree.empty(width);
    const fences = fenceBlock(
      leaves.slice(1).map((leaf) => firstWords(leaf, width)),
      width,
    );
    const covers: (Cover | null)[] = [null];
    let count = 0;
    for (const [i, leaf] of leaves.entries()) {
      count += leafCount(leaf);
      if (i > 0) covers.push(coverAfter(leaves[i - 1], width, covers[i - 1] ?? null, fences, i));
    }
    return new NetworkTree(width, count, leaves, fences, covers);
  }

  /** Every network that contains the address, the narrowest first. `visit` ends the walk with false. */
  containing(words: Words, visit: (row: NetworkRow) => boolean): void {
    const { width } = this;
    const index = placeIn(this.fences, words);
    const leaf = this.#leaf(index);
    for (let place = placeIn(leaf, words); place > 0; place = parentAt(leaf, width, place - 1)) {
      if (leafContains(leaf, width, place - 1, words) && !visit(rowAt(leaf, width, place - 1))) return;
    }
    for (let cover = this.covers[index] ?? null; cover !== null; cover = cover.wider) {
      if (samePrefix(cover.words, 0, words, 0, cover.prefixBits) && !visit(cover)) return;
    }
  }

  find(words: Words, prefixBits: number): NetworkRow | null {
    const leaf = this.#leaf(placeIn(this.fences, words));
    const place = placeAfter(leaf, this.width, words, prefixBits) - 1;
    return leafHolds(leaf, this.width, place, words, prefixBits) ? rowAt(leaf, this.width, place) : null;
  }

  /** Networks in order from the first one behind (words, prefixBits) on: those within it come first. `visit` ends the walk with false. */
  following(words: Words, prefixBits: number, visit: (row: NetworkRow) => boolean): void {
    let index = placeIn(this.fences, words);
    let place = placeAfter(this.#leaf(index), this.width, words, prefixBits);
    for (; index < this.leaves.length; index++, place = 0) {
      const leaf = this.#leaf(index);
      for (; place < leafCount(leaf); place++) if (!visit(rowAt(leaf, this.width, place))) return;
    }
  }

  *ids(): Generator<EntryId> {
    for (const leaf of this.leaves) for (let i = 0; i < leafCount(leaf); i++) yield idAt(leaf, this.width, i);
  }

  /** The tree with the row; it takes the place of the same network with another entry. */
  with(row: NetworkRow): NetworkTree {
    const { width } = this;
    const index = placeIn(this.fences, row.words);
    const leaf = leafWith(this.#leaf(index), width, row);
    const n = leafCount(leaf);
    const count = this.count + n - leafCount(this.#leaf(index));
    const cut = n > LEAF_MAX ? cutPlace(leaf, width) : n;
    const parts = cut === n ? [leaf] : [leafPart(leaf, width, 0, cut), leafPart(leaf, width, cut, n)];
    return this.#replaced(index, 1, parts, row, count);
  }

  /** The tree without a network that is in it. */
  without(words: Words, prefixBits: number): NetworkTree {
    const { width } = this;
    const index = placeIn(this.fences, words);
    const place = placeAfter(this.#leaf(index), width, words, prefixBits) - 1;
    assert(leafHolds(this.#leaf(index), width, place, words, prefixBits), "only a network that is there is removed");
    const leaf = leafWithout(this.#leaf(index), width, place);
    const gone = { words, prefixBits };
    const next = this.leaves[index + 1];
    if (next && leafCount(leaf) < LEAF_MAX / 4 && leafCount(leaf) + leafCount(next) <= LEAF_MAX * 0.75) {
      return this.#replaced(index, 2, [leafJoined(leaf, next, width)], gone, this.count - 1);
    }
    const drop = leafCount(leaf) === 0 && this.leaves.length > 1;
    return this.#replaced(index, 1, drop ? [] : [leaf], gone, this.count - 1);
  }

  #leaf(index: number): NetworkLeaf {
    const leaf = this.leaves[index];
    assert(leaf !== undefined, "a place among the fences is a leaf");
    return leaf;
  }

  /**
   * The tree with `parts` in place of `removed` leaves from `index` on. The covers of what follows are found again as far as the edited
   * network reaches: beyond it they are as before.
   */
  #replaced(
    index: number,
    removed: number,
    parts: readonly NetworkLeaf[],
    edited: { readonly words: Words; readonly prefixBits: number },
    count: number,
  ): NetworkTree {
    const { width } = this;
    const leaves = this.leaves.slice();
    leaves.splice(index, removed, ...parts);
    const moved = parts.length !== removed;
    const fences = moved ? this.#fencesWith(index, removed, parts) : this.fences;
    let covers = moved ? coversMoved(this.covers, index, removed, parts.length) : this.covers;
    const fresh = index + parts.length;
    let owned = moved;
    for (let i = Math.max(1, index + (parts.length === 0 ? 0 : 1)); i < leaves.length; i++) {
      const at = rowPlace(fences, width, i - 1);
      if (i >= fresh && !samePrefix(fences, at, edited.words, 0, edited.prefixBits)) break;
      const cover = coverAfter(leaves[i - 1], width, covers[i - 1] ?? null, fences, i);
      if (!owned) covers = covers.slice();
      owned = true;
      (covers as (Cover | null)[])[i] = cover;
    }
    return new NetworkTree(width, count, leaves, fences, covers);
  }

  /** The first part keeps the fence of the first leaf it replaces; the others bring their own. */
  #fencesWith(index: number, removed: number, parts: readonly NetworkLeaf[]): AddressBlock {
    const { width } = this;
    const fences: Words[] = [];
    for (let i = 0; i < this.leaves.length; i++) {
      if (i > index && i === index + removed) for (const part of parts.slice(1)) fences.push(firstWords(part, width));
      const kept = i < index || i >= index + removed || (i === index && parts.length > 0);
      if (!kept || i === 0) continue;
      const at = rowPlace(this.fences, width, i - 1);
      fences.push(Array.from(this.fences.subarray(at, at + width)));
    }
    if (index + removed === this.leaves.length) {
      for (const part of parts.slice(1)) fences.push(firstWords(part, width));
    }
    // A first leaf that goes leaves its fence, zero, to the next one.
    if (index === 0 && parts.length === 0) fences.shift();
    return fenceBlock(fences, width);
  }
}

/** The covers where `removed` leaves from `index` on became `added`. Those of new leaves are still to be found. */
function coversMoved(
  covers: readonly (Cover | null)[],
  index: number,
  removed: number,
  added: number,
): (Cover | null)[] {
  const moved = covers.slice();
  if (added === 0) moved.splice(index, removed);
  else moved.splice(index + 1, removed - 1, ...new Array<null>(added - 1).fill(null));
  if (index === 0) moved[0] = null;
  return moved;
}

function firstWords(leaf: NetworkLeaf, width: Width): Words {
  return rowAt(leaf, width, 0).words;
}

function fenceBlock(fences: readonly Words[], width: Width): AddressBlock {
  const block = openBlock(fences.length, width);
  for (const [i, fence] of fences.entries()) block.set(fence, rowPlace(block, width, i));
  return sealBlock(block, width);
}

/** The cover of leaf `index`, from the leaf before it and that one's cover. */
function coverAfter(
  before: NetworkLeaf | undefined,
  width: Width,
  coverBefore: Cover | null,
  fences: AddressBlock,
  index: number,
): Cover | null {
  assert(before !== undefined, "the first leaf has no cover");
  const fence = rowPlace(fences, width, index - 1);
  let cover = coverBefore;
  while (cover !== null && !samePrefix(cover.words, 0, fences, fence, cover.prefixBits)) cover = cover.wider;
  const open: number[] = [];
  for (let place = leafCount(before); place > 0; place = parentAt(before, width, place - 1)) {
    const at = rowPlace(before, width, place - 1);
    if (samePrefix(before, at, fences, fence, prefixAt(before, width, place - 1))) open.push(place - 1);
  }
  for (let i = open.length - 1; i >= 0; i--) cover = { ...rowAt(before, width, open[i] ?? 0), wider: cover };
  return cover;
}
