import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import { MARK_EXPIRES, MARK_PREFIX, rowPlace, samePrefix, type AddressBlock, type Width } from "./address-block.ts";
import { leafCount } from "./network-leaf.ts";
import type { Ends, NetworkSet } from "./network-set.ts";
import type { NetworkTree } from "./network-tree.ts";

/** A list as it is counted: its networks that have not ended carry `flag`, a power of two. */
export interface Layer {
  readonly set: NetworkSet;
  readonly ends: Ends;
  readonly flag: number;
}

/** What was counted, and when it has to be counted anew because an entry has ended. */
export interface AddressCount {
  readonly addresses: bigint;
  readonly until: Instant;
}

/** Rows between two steps. */
const ROWS_PER_STEP = 256;

/**
 * How many addresses of both families there are whose flags `counts` takes: those of the networks they are in, and `flags` of all addresses. Exact;
 * linear in the networks. Networks nest and never cross, also those of different lists, so that each one only corrects, by its size, what the
 * one around it said.
 */
export function* countAddresses(
  layers: readonly Layer[],
  now: Instant,
  counts: (flags: number) => boolean,
  flags = 0,
): Steps<AddressCount> {
  let addresses = 0n;
  let until = Infinity;
  for (const family of [4, 6] as const) {
    const cursors = layers.map(
      ({ set, ends, flag }) => new Cursor(family === 4 ? set.ipv4 : set.ipv6, ends, flag, now),
    );
    const corrections = yield* sweep(cursors, counts, flags);
    const bits = family === 4 ? 32n : 128n;
    if (counts(flags)) addresses += 1n << bits;
    for (const [prefix, times] of corrections.entries()) addresses += BigInt(times) << (bits - BigInt(prefix));
    for (const cursor of cursors) until = Math.min(until, cursor.until);
  }
  return { addresses, until };
}

/** For each prefix, how many networks of it begin to count minus how many end it. */
function* sweep(cursors: readonly Cursor[], counts: (flags: number) => boolean, flags: number): Steps<number[]> {
  const corrections = new Array<number>(129).fill(0);
  const around: Around[] = [];
  for (let rows = 1; ; rows++) {
    const cursor = first(cursors);
    if (cursor === null) return corrections;
    while (around.length > 0 && !contains(around.at(-1)!, cursor)) around.pop();
    const before = around.at(-1)?.flags ?? flags;
    const after = before | cursor.flag;
    corrections[cursor.prefix]! += Number(counts(after)) - Number(counts(before));
    around.push({ leaf: cursor.leaf, at: cursor.at, prefix: cursor.prefix, flags: after });
    cursor.advance();
    if (rows % ROWS_PER_STEP === 0) yield;
  }
}

/** A network around the present one, and the flags of the addresses in it. */
interface Around {
  readonly leaf: AddressBlock;
  readonly at: number;
  readonly prefix: number;
  readonly flags: number;
}

function contains({ leaf, at, prefix }: Around, cursor: Cursor): boolean {
  return samePrefix(leaf, at, cursor.leaf, cursor.at, prefix);
}

/** The cursor whose network comes first, wider ones before what is in them; null at the end of all. */
function first(cursors: readonly Cursor[]): Cursor | null {
  let found: Cursor | null = null;
  for (const cursor of cursors) {
    if (!cursor.ended && (found === null || comesBefore(cursor, found))) found = cursor;
  }
  return found;
}

function comesBefore(a: Cursor, b: Cursor): boolean {
  for (let w = 0; w < a.width; w++) {
    const [one, other] = [a.leaf[a.at + w]!, b.leaf[b.at + w]!];
    if (one !== other) return one < other;
  }
  return a.prefix < b.prefix;
}

/** Goes through the networks of a tree in order, and passes by those that have ended. */
class Cursor {
  readonly width: Width;
  readonly flag: number;
  leaf: AddressBlock;
  at = 0;
  prefix = 0;
  ended = false;
  /** The first end among the networks seen. */
  until: Instant = Infinity;
  readonly #tree: NetworkTree;
  readonly #ends: Ends;
  readonly #now: Instant;
  #index = 0;
  #row = -1;

  constructor(tree: NetworkTree, ends: Ends, flag: number, now: Instant) {
    this.#tree = tree;
    this.#ends = ends;
    this.#now = now;
    this.width = tree.width;
    this.flag = flag;
    this.leaf = tree.leaves[0]!;
    this.advance();
  }

  advance(): void {
    for (;;) {
      if (++this.#row >= leafCount(this.leaf)) {
        const next = this.#tree.leaves[++this.#index];
        if (next === undefined) {
          this.ended = true;
          return;
        }
        this.leaf = next;
        this.#row = 0;
        if (leafCount(next) === 0) continue;
      }
      this.at = rowPlace(this.leaf, this.width, this.#row);
      const mark = this.leaf[this.at + this.width + 1]!;
      this.prefix = mark & MARK_PREFIX;
      if ((mark & MARK_EXPIRES) === 0) return;
      const end = this.#ends.endOf(this.leaf[this.at + this.width]!);
      if (end <= this.#now) continue;
      this.until = Math.min(this.until, end);
      return;
    }
  }
}
