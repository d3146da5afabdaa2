import type { IpAddress } from "../mail/ip.ts";
import { formatEntryValue } from "../policy/coverage.ts";
import { LIST_NAMES, type EntryValue, type NewEntry } from "../policy/policy.ts";

/** What tells entries apart: two of one list with the same value are the same entry. A *HOSTAUTH host has one user. */
export type NamedEntry = Pick<NewEntry, "list" | "value">;

/** By list, then names, then addresses by number, wider networks before what is in them. */
export function sortEntries<E extends NamedEntry>(entries: readonly E[]): readonly E[] {
  return [...entries].sort(compareEntries);
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
