import type { Instant } from "../base/time.ts";
import { countOf, everything, rangesOf, union, without, type AddressRanges } from "./address-ranges.ts";
import type { CompiledPolicy } from "./compile.ts";
import { formatEntryValue, valueKey } from "./coverage.ts";
import type { NetworkSet } from "./network-set.ts";
import type { Entry, EntryId } from "./policy.ts";

/** Why a change needs CONFIRM(*YES), as a sentence, and how many addresses it lets in. */
export interface WideOpening {
  readonly why: string;
  readonly letsIn: bigint;
}

const FAMILIES = [4, 6] as const;

/**
 * Whether `after` opens the relay wide where `before` did not (contract, rule 9), whatever the change was:
 *
 * - ALWRLY becomes *ALL;
 * - a network wider than /8 (IPv6: /16) of a list that ALWRLY asks begins to count: it is added, changed, made to last, or its list is asked now;
 * - the last *REJECT network of a family that counted is gone or shrunk to nothing, where there were some: nothing restricts that family's
 *   connections any more.
 *
 * `letsIn` is exact: the addresses that may relay to everywhere by their address afterwards and may not now; for *REJECT those that may
 * connect. Networks that overlap count once, what *REJECT covers does not count.
 */
export function wideOpening(before: CompiledPolicy, after: CompiledPolicy, now: Instant): WideOpening | null {
  const { ALWRLY } = after.attributes;
  if (ALWRLY === "*ALL" && before.attributes.ALWRLY !== "*ALL") {
    return { why: "ALWRLY(*ALL) relays for every client, IPv4 and IPv6.", letsIn: newlyRelayed(before, after, now) };
  }
  const wide = newWideEntries(before, after, now);
  if (wide.length > 0 && ALWRLY !== "*ALL") {
    const named = wide.slice(0, 3).map(({ list, value }) => `${formatEntryValue(value)} on ${list}`);
    const more = wide.length > named.length ? ` and ${wide.length - named.length} more` : "";
    const opens = wide.length === 1 ? "opens" : "open";
    return { why: `${named.join(", ")}${more} ${opens} the relay wide.`, letsIn: newlyRelayed(before, after, now) };
  }
  return lastRejectGone(before, after, now);
}

/** The lists of networks that let clients relay under the ALWRLY of the policy. */
function askedSets({ attributes: { ALWRLY }, accept, nearNetworks }: CompiledPolicy): NetworkSet[] {
  const sets: NetworkSet[] = [];
  if (ALWRLY === "*LIST" || ALWRLY === "*BOTH") sets.push(accept);
  if (ALWRLY === "*NEAR" || ALWRLY === "*BOTH") sets.push(nearNetworks);
  return sets;
}

function newWideEntries(before: CompiledPolicy, after: CompiledPolicy, now: Instant): Entry[] {
  const known = new Set(wideEntries(before, now).map(({ value }) => valueKey(value)));
  return wideEntries(after, now).filter(({ value }) => !known.has(valueKey(value)));
}

function wideEntries(policy: CompiledPolicy, now: Instant): Entry[] {
  return askedSets(policy).flatMap((set) => set.wide.flatMap((id) => counting(policy, id, now) ?? []));
}

function counting(policy: CompiledPolicy, id: EntryId, now: Instant): Entry | null {
  const entry = policy.table.read(id);
  return entry === null || (entry.expiresAt !== null && entry.expiresAt <= now) ? null : entry;
}

function newlyRelayed(before: CompiledPolicy, after: CompiledPolicy, now: Instant): bigint {
  return FAMILIES.reduce(
    (sum, family) => sum + countOf(without(mayRelay(after, now, family), mayRelay(before, now, family))),
    0n,
  );
}

/** The addresses that may relay to everywhere without authentication. */
export function mayRelay(policy: CompiledPolicy, now: Instant, family: 4 | 6): AddressRanges {
  const asked =
    policy.attributes.ALWRLY === "*ALL"
      ? everything(family)
      : askedSets(policy).reduce<AddressRanges>((sum, set) => union(sum, rangesOf(set, policy.table, now, family)), []);
  return without(asked, rangesOf(policy.reject, policy.table, now, family));
}

function lastRejectGone(before: CompiledPolicy, after: CompiledPolicy, now: Instant): WideOpening | null {
  if (before.reject === after.reject) return null;
  const gone = FAMILIES.filter((family) => counts(before, family, now) && !counts(after, family, now));
  if (gone.length === 0) return null;
  const letsIn = gone.reduce((sum, family) => sum + countOf(rangesOf(before.reject, before.table, now, family)), 0n);
  const families = gone.map((family) => `IPv${family}`).join(" and ");
  return { why: `This takes away the last *REJECT network of ${families}.`, letsIn };
}

/** Whether any *REJECT network of the family counts. */
function counts(policy: CompiledPolicy, family: 4 | 6, now: Instant): boolean {
  const tree = family === 4 ? policy.reject.ipv4 : policy.reject.ipv6;
  for (const id of tree.ids()) if (policy.table.endOf(id) > now) return true;
  return false;
}
