import type { Steps } from "../base/steps.ts";
import type { IpAddress } from "../mail/ip.ts";
import { formatEntryValue } from "../policy/coverage.ts";
import { LIST_NAMES, type EntryValue, type NewEntry } from "../policy/policy.ts";

/** What tells entries apart: two of one list with the same value are the same entry. A *HOSTAUTH host has one user. */
export type NamedEntry = Pick<NewEntry, "list" | "value">;

/** By list, then names, then addresses by number, wider networks before what is in them. */
export function* sortEntries<E extends NamedEntry>(entries: readonly E[]): Steps<readonly E[]> {
  let from: E[] = [];
  for (let at = 0; at < entries.length; at += RUN_ENTRIES) {
    for (const entry of entries.slice(at, at + RUN_ENTRIES).sort(compareEntries)) from.push(entry);
    yield;
  }
  for (let run = RUN_ENTRIES; run < from.length; run *= 2) {
    const to: E[] = [];
    for (let at = 0; at < from.length; at += 2 * run) yield* merge(from, at, at + run, at + 2 * run, to);
    from = to;
  }
  return from;
}

/** So many are sorted in one step, or brought together in one. */
const RUN_ENTRIES = 512;

/** Puts two sorted runs that stand one behind the other into `to`, as one. */
function* merge<E extends NamedEntry>(
  from: readonly E[],
  at: number,
  middle: number,
  end: number,
  to: E[],
): Steps<void> {
  let left = at;
  let right = Math.min(middle, from.length);
  const leftEnd = right;
  const rightEnd = Math.min(end, from.length);
  for (let taken = 1; left < leftEnd || right < rightEnd; taken++) {
    const one = left < leftEnd ? from[left] : undefined;
    const other = right < rightEnd ? from[right] : undefined;
    if (one !== undefined && (other === undefined || compareEntries(one, other) <= 0)) {
      to.push(one);
      left++;
    } else if (other !== undefined) {
      to.push(other);
      right++;
    }
    if (taken % RUN_ENTRIES === 0) yield;
  }
}

/** The order of `sortEntries`; 0 is the same entry. */
export function compareEntries(a: NamedEntry, b: NamedEntry): number {
  return LIST_NAMES.indexOf(a.list) - LIST_NAMES.indexOf(b.list) || compareValues(a.value, b.value);
}

function compareValues(a: EntryValue, b: EntryValue): number {
  if (a.kind === "network" && b.kind === "network") {
    return compareAddresses(a.network.base, b.network.base) || a.network.prefixBits - b.network.prefixBits;
  }
  if (a.kind === "address" && b.kind === "address") return compareAddresses(a.address, b.address);
  const rank = Number(isName(b)) - Number(isName(a));
  if (rank !== 0) return rank;
  const [nameOfA, nameOfB] = [nameOf(a), nameOf(b)];
  return nameOfA < nameOfB ? -1 : nameOfA > nameOfB ? 1 : 0;
}

function isName(value: EntryValue): boolean {
  return value.kind !== "network" && value.kind !== "address";
}

function nameOf(value: EntryValue): string {
  return value.kind === "host-credentials" ? value.host.toLowerCase() : formatEntryValue(value);
}

function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family === 4 && b.family === 4) return a.bits - b.bits;
  if (a.family === 4 || b.family === 4) return a.family - b.family;
  const [a0, a1, a2, a3] = a.words;
  const [b0, b1, b2, b3] = b.words;
  return a0 - b0 || a1 - b1 || a2 - b2 || a3 - b3;
}
