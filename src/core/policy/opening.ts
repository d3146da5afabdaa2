import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import { countAddresses, type Layer } from "./address-count.ts";
import type { CompiledPolicy } from "./compile.ts";
import { formatEntryValue, valueKey } from "./coverage.ts";
import type { NetworkSet } from "./network-set.ts";
import { hasEnded, type Entry, type EntryId } from "./policy.ts";

/** Why a change needs CONFIRM(*YES), as a sentence, and how many addresses it lets in. */
export interface WideOpening {
  readonly why: string;
  readonly letsIn: bigint;
}

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
export function* wideOpening(before: CompiledPolicy, after: CompiledPolicy, now: Instant): Steps<WideOpening | null> {
  const { ALWRLY } = after.attributes;
  if (ALWRLY === "*ALL" && before.attributes.ALWRLY !== "*ALL") {
    const letsIn = yield* newlyRelayed(before, after, now);
    return { why: "ALWRLY(*ALL) relays for every client, IPv4 and IPv6.", letsIn };
  }
  const wide = newWideEntries(before, after, now);
  if (wide.length > 0 && ALWRLY !== "*ALL") {
    const named = wide.slice(0, 3).map(({ list, value }) => `${formatEntryValue(value)} on ${list}`);
    const more = wide.length > named.length ? ` and ${wide.length - named.length} more` : "";
    const opens = wide.length === 1 ? "opens" : "open";
    const letsIn = yield* newlyRelayed(before, after, now);
    return { why: `${named.join(", ")}${more} ${opens} the relay wide.`, letsIn };
  }
  return yield* lastRejectGone(before, after, now);
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
  return entry === null || hasEnded(entry, now) ? null : entry;
}

const RELAYED_BEFORE = 1;
const REJECTED_BEFORE = 2;
const RELAYED_AFTER = 4;
const REJECTED_AFTER = 8;

/** The addresses that may relay to everywhere without authentication, and could not. */
function* newlyRelayed(before: CompiledPolicy, after: CompiledPolicy, now: Instant): Steps<bigint> {
  const layers = [
    ...layersOf(before, RELAYED_BEFORE, REJECTED_BEFORE),
    ...layersOf(after, RELAYED_AFTER, REJECTED_AFTER),
  ];
  const everybody = everybodyOf(before, RELAYED_BEFORE) | everybodyOf(after, RELAYED_AFTER);
  const { addresses } = yield* countAddresses(
    layers,
    now,
    (flags) =>
      (flags & (RELAYED_AFTER | REJECTED_AFTER)) === RELAYED_AFTER &&
      (flags & (RELAYED_BEFORE | REJECTED_BEFORE)) !== RELAYED_BEFORE,
    everybody,
  );
  return addresses;
}

function layersOf(policy: CompiledPolicy, relayed: number, rejected: number): Layer[] {
  const ends = policy.table;
  return [
    ...askedSets(policy).map((set) => ({ set, ends, flag: relayed })),
    { set: policy.reject, ends, flag: rejected },
  ];
}

function everybodyOf({ attributes }: CompiledPolicy, relayed: number): number {
  return attributes.ALWRLY === "*ALL" ? relayed : 0;
}

function* lastRejectGone(before: CompiledPolicy, after: CompiledPolicy, now: Instant): Steps<WideOpening | null> {
  if (before.reject === after.reject) return null;
  const gone = ([4, 6] as const).filter((family) => counts(before, family, now) && !counts(after, family, now));
  if (gone.length === 0) return null;
  const layers = gone.map((family) => ({ set: before.reject.ofFamily(family), ends: before.table, flag: 1 }));
  const { addresses } = yield* countAddresses(layers, now, (flags) => flags !== 0);
  const families = gone.map((family) => `IPv${family}`).join(" and ");
  return { why: `This takes away the last *REJECT network of ${families}.`, letsIn: addresses };
}

/** Whether any *REJECT network of the family counts. */
function counts(policy: CompiledPolicy, family: 4 | 6, now: Instant): boolean {
  const tree = family === 4 ? policy.reject.ipv4 : policy.reject.ipv6;
  for (const id of tree.ids()) if (policy.table.endOf(id) > now) return true;
  return false;
}
