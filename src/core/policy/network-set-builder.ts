import type { Steps } from "../base/steps.ts";
import type { Network } from "../mail/network.ts";
import { MARK_EXPIRES, openBlock, rowPlace, sealBlock, type Width } from "./address-block.ts";
import { LEAF_MAX, type NetworkLeaf } from "./network-leaf.ts";
import { isWide, NetworkSet, wordsOf } from "./network-set.ts";
import { NetworkTree } from "./network-tree.ts";
import type { EntryId } from "./policy.ts";
import { sortedOrder } from "./radix-sort.ts";

/** Makes a set of many networks at once: a million in well under a second. */
export class NetworkSetBuilder {
  readonly #ipv4 = new TreeBuilder(1);
  readonly #ipv6 = new TreeBuilder(4);
  readonly #wide: EntryId[] = [];

  add(network: Network, id: EntryId, expires: boolean): void {
    (network.base.family === 4 ? this.#ipv4 : this.#ipv6).add(network, id, expires);
    if (isWide(network)) this.#wide.push(id);
  }

  /** The set; or the entry whose network another one has too, where there is such. */
  *build(): Steps<NetworkSet | { readonly twice: EntryId }> {
    const ipv4 = yield* this.#ipv4.build();
    const ipv6 = yield* this.#ipv6.build();
    if (!(ipv4 instanceof NetworkTree)) return ipv4;
    return ipv6 instanceof NetworkTree ? new NetworkSet(ipv4, ipv6, this.#wide) : ipv6;
  }
}

/** Leaves are filled to three quarters, so that the first edits need not cut them. */
const LEAF_FILL = (LEAF_MAX * 3) / 4;

class TreeBuilder {
  readonly #width: Width;
  #words: Uint32Array;
  #marks = new Uint32Array(16);
  #ids = new Uint32Array(16);
  #count = 0;

  constructor(width: Width) {
    this.#width = width;
    this.#words = new Uint32Array(16 * width);
  }

  add(network: Network, id: EntryId, expires: boolean): void {
    const i = this.#count++;
    if (i === this.#ids.length) this.#grow();
    this.#words.set(wordsOf(network.base), i * this.#width);
    this.#marks[i] = network.prefixBits | (expires ? MARK_EXPIRES : 0);
    this.#ids[i] = id;
  }

  #grow(): void {
    this.#words = grown(this.#words);
    this.#marks = grown(this.#marks);
    this.#ids = grown(this.#ids);
  }

  *build(): Steps<NetworkTree | { readonly twice: EntryId }> {
    const width = this.#width;
    const order = yield* this.#order();
    const leaves: NetworkLeaf[] = [];
    for (let from = 0, to = 0; from < order.length; from = to) {
      to = Math.min(from + LEAF_FILL, order.length);
      while (to < order.length && this.#sameBase(order[to - 1]!, order[to]!)) to++;
      leaves.push(this.#leaf(order, from, to));
      yield;
    }
    for (let i = 1; i < order.length; i++) {
      if (i % LEAF_FILL === 0) yield;
      const prefix = this.#marks[order[i]!]! & 0xff;
      if (this.#sameBase(order[i - 1]!, order[i]!) && (this.#marks[order[i - 1]!]! & 0xff) === prefix) {
        return { twice: Math.max(this.#ids[order[i - 1]!]!, this.#ids[order[i]!]!) };
      }
    }
    return NetworkTree.fromLeaves(width, leaves);
  }

  /** The places of the networks in order of base, then prefix. */
  *#order(): Steps<Uint32Array> {
    const count = this.#count;
    const columns = [this.#marks.slice(0, count).map((mark) => mark & 0xff)];
    for (let w = this.#width - 1; w >= 0; w--) {
      const column = new Uint32Array(count);
      for (let i = 0; i < count; i++) column[i] = this.#words[i * this.#width + w]!;
      columns.push(column);
      yield;
    }
    return yield* sortedOrder(columns, count);
  }

  #leaf(order: Uint32Array, from: number, to: number): NetworkLeaf {
    const width = this.#width;
    const leaf = openBlock(to - from, width);
    for (let i = from, at = rowPlace(leaf, width, 0); i < to; i++, at += width + 2) {
      const place = order[i]!;
      for (let w = 0; w < width; w++) leaf[at + w] = this.#words[place * width + w]!;
      leaf[at + width] = this.#ids[place]!;
      leaf[at + width + 1] = this.#marks[place]!;
    }
    return sealBlock(leaf, width);
  }

  #sameBase(a: number, b: number): boolean {
    for (let w = 0; w < this.#width; w++) {
      if (this.#words[a * this.#width + w] !== this.#words[b * this.#width + w]) return false;
    }
    return true;
  }
}

function grown(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * column.length);
  larger.set(column);
  return larger;
}
