import type { Instant } from "../base/time.ts";
import type { IpAddress } from "../mail/ip.ts";
import { addressCount, type Network } from "../mail/network.ts";
import type { EntryTable } from "./entry-table.ts";
import type { NetworkSet } from "./network-set.ts";
import type { EntryId } from "./policy.ts";

/** Addresses of one family as numbers: from `first` to `last`, both included. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Sorted ranges that do not touch: a set of addresses of one family. */
export type AddressRanges = readonly AddressRange[];

export function everything(family: 4 | 6): AddressRanges {
  return [{ first: 0n, last: (1n << (family === 4 ? 32n : 128n)) - 1n }];
}

/** The addresses of one family that the networks of a set cover at `now`. */
export function rangesOf(set: NetworkSet, table: EntryTable, now: Instant, family: 4 | 6): AddressRanges {
  const ranges: AddressRange[] = [];
  for (const id of (family === 4 ? set.ipv4 : set.ipv6).ids()) append(ranges, rangeOf(table, id, now));
  return ranges;
}

function rangeOf(table: EntryTable, id: EntryId, now: Instant): AddressRange | null {
  const entry = table.read(id);
  if (entry?.value.kind !== "network" || (entry.expiresAt !== null && entry.expiresAt <= now)) return null;
  return networkRange(entry.value.network);
}

export function networkRange(network: Network): AddressRange {
  const first = addressNumber(network.base);
  return { first, last: first + addressCount(network) - 1n };
}

function addressNumber(address: IpAddress): bigint {
  if (address.family === 4) return BigInt(address.bits);
  return address.words.reduce((number, word) => (number << 32n) | BigInt(word), 0n);
}

/** Puts a range behind others that begin no later, and joins it where it touches. */
function append(ranges: AddressRange[], range: AddressRange | null): void {
  const last = ranges.at(-1);
  if (range === null) return;
  if (last === undefined || range.first > last.last + 1n) ranges.push(range);
  else if (range.last > last.last) ranges[ranges.length - 1] = { first: last.first, last: range.last };
}

export function union(a: AddressRanges, b: AddressRanges): AddressRanges {
  const ranges: AddressRange[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && (right === undefined || left.first <= right.first)) {
      append(ranges, left);
      i++;
    } else {
      append(ranges, right ?? null);
      j++;
    }
  }
  return ranges;
}

export function without(a: AddressRanges, b: AddressRanges): AddressRanges {
  const ranges: AddressRange[] = [];
  let j = 0;
  for (const { first, last } of a) {
    let from = first;
    while (j < b.length && (b[j]?.last ?? 0n) < from) j++;
    for (let k = j; k < b.length && (b[k]?.first ?? 0n) <= last; k++) {
      const hole = b[k];
      if (hole === undefined) break;
      if (hole.first > from) ranges.push({ first: from, last: hole.first - 1n });
      if (hole.last >= from) from = hole.last + 1n;
    }
    if (from <= last) ranges.push({ first: from, last });
  }
  return ranges;
}

export function countOf(ranges: AddressRanges): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}
