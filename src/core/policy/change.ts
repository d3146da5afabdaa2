import { err, ok, type Result } from "../base/result.ts";
import { finish, type Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import {
  CompiledPolicy,
  compileEntries,
  networksName,
  networksOf,
  OTHER_ENTRIES_MAX,
  otherKey,
  type PolicyParts,
} from "./compile.ts";
import {
  asNewEntry,
  type Attributes,
  type Entry,
  type EntryId,
  type EntryValue,
  type ListName,
  type NewEntry,
  type PolicyChange,
} from "./policy.ts";
import { encodeValue } from "./record-json.ts";

/** Why a change cannot be made. */
export type ChangeFault =
  | { readonly kind: "duplicate-entry"; readonly entry: Entry }
  | { readonly kind: "entry-not-found" }
  | { readonly kind: "value-not-for-list"; readonly list: ListName }
  | { readonly kind: "too-many-entries"; readonly entriesMax: number }
  | { readonly kind: "nothing-to-change" };

/** The next version, and the entry that was added, changed or removed. */
export interface Changed {
  readonly policy: CompiledPolicy;
  readonly entry: Entry | null;
}

/** Who changes, and when. */
export interface Stamp {
  readonly at: Instant;
  readonly by: string;
}

/**
 * The policy after the change: its next version. Pure: the same log makes the same policy for ever, ids included. `policy` stays as it is,
 * and an edit of one entry shares with it all but a few thousand octets.
 */
export function applyChange(policy: CompiledPolicy, change: PolicyChange, stamp: Stamp): Result<Changed, ChangeFault> {
  return finish(applyInSteps(policy, change, stamp));
}

/** The same a step at a time, for changes of many entries. */
export function* applyInSteps(
  policy: CompiledPolicy,
  change: PolicyChange,
  stamp: Stamp,
): Steps<Result<Changed, ChangeFault>> {
  switch (change.kind) {
    case "set-attributes":
      return setAttributes(policy, change.attributes);
    case "add-entry":
      return addEntry(policy, change.entry, stamp);
    case "remove-entry":
      return removeEntry(policy, change.id);
    case "change-entry":
      return changeEntry(policy, change);
    case "replace":
      return yield* replace(policy, change.attributes, change.entries, stamp);
  }
}

/** The kinds of value that a list takes. */
const VALUE_KINDS: Readonly<Record<ListName, readonly EntryValue["kind"][]>> = {
  "*ACCEPT": ["network"],
  "*REJECT": ["network"],
  "*NEAR": ["network", "domain"],
  "*DOMAIN": ["interface-domain"],
  "*SVRBIND": ["address"],
  "*CLTBIND": ["address"],
  "*HOSTAUTH": ["host-credentials"],
  "*ROUTE": ["route"],
  "*ETRNSVR": ["etrn-domain"],
};

function next(policy: CompiledPolicy, parts: Partial<PolicyParts>, entry: Entry | null): Result<Changed, never> {
  const { settings, version, attributes, table, accept, reject, nearNetworks, nearDomains, others, nextId } = policy;
  const all = { settings, attributes, table, accept, reject, nearNetworks, nearDomains, others, nextId, ...parts };
  return ok({ policy: new CompiledPolicy({ ...all, version: version + 1 }, policy), entry });
}

function setAttributes(policy: CompiledPolicy, attributes: Partial<Attributes>): Result<Changed, ChangeFault> {
  const changed = differingAttributes(policy.attributes, attributes);
  if (changed === null) return err({ kind: "nothing-to-change" });
  return next(policy, { attributes: { ...policy.attributes, ...changed } }, null);
}

/** Those of `wanted` that are not as in `present`; null where there are none. */
export function differingAttributes(present: Attributes, wanted: Partial<Attributes>): Partial<Attributes> | null {
  const names = (Object.keys(wanted) as (keyof Attributes)[]).filter(
    (name) => wanted[name] !== undefined && JSON.stringify(wanted[name]) !== JSON.stringify(present[name]),
  );
  if (names.length === 0) return null;
  return Object.fromEntries(names.map((name) => [name, wanted[name]]));
}

function addEntry(policy: CompiledPolicy, added: NewEntry, stamp: Stamp): Result<Changed, ChangeFault> {
  if (!VALUE_KINDS[added.list].includes(added.value.kind)) return err({ kind: "value-not-for-list", list: added.list });
  const present = policy.find(added.list, added.value);
  if (present !== null) return err(duplicate(policy, present));
  const entriesMax = maxOf(policy, added.value);
  if (entriesMax !== null) return err({ kind: "too-many-entries", entriesMax });
  const entry = entryOf(added, policy.nextId, stamp);
  return next(policy, { ...withEntry(policy, entry), nextId: policy.nextId + 1 }, entry);
}

function duplicate(policy: CompiledPolicy, id: EntryId): ChangeFault {
  const entry = policy.entry(id);
  return entry === null ? { kind: "entry-not-found" } : { kind: "duplicate-entry", entry };
}

/** The limit that one more entry of this kind would pass, or null. */
function maxOf(policy: CompiledPolicy, value: EntryValue): number | null {
  const { entriesMax } = policy.settings;
  if (policy.table.size >= entriesMax) return entriesMax;
  const isOther = value.kind !== "network" && value.kind !== "domain";
  return isOther && policy.others.size >= OTHER_ENTRIES_MAX ? OTHER_ENTRIES_MAX : null;
}

function entryOf({ list, value, text, expiresAt }: NewEntry, id: EntryId, { at, by }: Stamp): Entry {
  return { id, list, value, text, addedBy: by, addedAt: at, expiresAt };
}

function removeEntry(policy: CompiledPolicy, id: EntryId): Result<Changed, ChangeFault> {
  const entry = policy.entry(id);
  return entry === null ? err({ kind: "entry-not-found" }) : next(policy, withoutEntry(policy, entry), entry);
}

function changeEntry(
  policy: CompiledPolicy,
  { id, value, text, expiresAt }: PolicyChange & { kind: "change-entry" },
): Result<Changed, ChangeFault> {
  const before = policy.entry(id);
  if (before === null) return err({ kind: "entry-not-found" });
  if (value !== undefined && value.kind !== before.value.kind) {
    return err({ kind: "value-not-for-list", list: before.list });
  }
  const entry: Entry = {
    ...before,
    value: value ?? before.value,
    text: text ?? before.text,
    expiresAt: expiresAt === undefined ? before.expiresAt : expiresAt,
  };
  if (sameValue(entry.value, before.value) && entry.text === before.text && entry.expiresAt === before.expiresAt) {
    return err({ kind: "nothing-to-change" });
  }
  const present = policy.find(entry.list, entry.value);
  if (present !== null && present !== id) return err(duplicate(policy, present));
  const parts: PolicyParts = { ...partsOf(policy), ...withoutEntry(policy, before) };
  return next(policy, { ...parts, ...withEntry(parts, entry) }, entry);
}

function sameValue(a: EntryValue, b: EntryValue): boolean {
  return JSON.stringify(encodeValue(a)) === JSON.stringify(encodeValue(b));
}

function partsOf(policy: CompiledPolicy): PolicyParts {
  const { settings, version, attributes, table, accept, reject, nearNetworks, nearDomains, others, nextId } = policy;
  return { settings, version, attributes, table, accept, reject, nearNetworks, nearDomains, others, nextId };
}

/** What of the parts is another with the entry. */
function withEntry(parts: PolicyParts, entry: Entry): Partial<PolicyParts> {
  const { id, list, value } = entry;
  const expires = entry.expiresAt !== null;
  const table = parts.table.with(entry);
  if (value.kind === "network") {
    const set = networksOf(parts, list)?.with(value.network, id, expires);
    return { table, ...networks(list, set) };
  }
  if (value.kind === "domain") {
    return { table, nearDomains: parts.nearDomains.with(value.domain, value.subdomains, id, expires) };
  }
  return { table, others: new Map(parts.others).set(otherKey(list, value), entry) };
}

function withoutEntry(parts: PolicyParts, { id, list, value }: Entry): Partial<PolicyParts> {
  const table = parts.table.without(id);
  if (value.kind === "network") return { table, ...networks(list, networksOf(parts, list)?.without(value.network)) };
  if (value.kind === "domain") return { table, nearDomains: parts.nearDomains.without(value.domain, value.subdomains) };
  const others = new Map(parts.others);
  others.delete(otherKey(list, value));
  return { table, others };
}

function networks(list: ListName, set: PolicyParts["accept"] | undefined): Partial<PolicyParts> {
  return set === undefined ? {} : { [networksName(list)]: set };
}

/** policy apply: entries that stay keep id, adder and time; text and end become what is wanted. */
function* replace(
  policy: CompiledPolicy,
  attributes: Attributes,
  wanted: readonly NewEntry[],
  stamp: Stamp,
): Steps<Result<Changed, ChangeFault>> {
  const { entriesMax } = policy.settings;
  if (wanted.length > entriesMax) return err({ kind: "too-many-entries", entriesMax });
  const kept = new Map<EntryId, Entry>();
  const added: Entry[] = [];
  let nextId = policy.nextId;
  let changed = differingAttributes(policy.attributes, attributes) !== null;
  for (const item of wanted) {
    if (!VALUE_KINDS[item.list].includes(item.value.kind)) return err({ kind: "value-not-for-list", list: item.list });
    const id = policy.find(item.list, item.value);
    const before = id === null ? null : policy.table.read(id);
    if (before === null) added.push(entryOf(item, nextId++, stamp));
    else {
      if (kept.has(before.id)) return err({ kind: "duplicate-entry", entry: before });
      kept.set(before.id, { ...before, value: item.value, text: item.text, expiresAt: item.expiresAt });
      changed ||=
        before.text !== item.text || before.expiresAt !== item.expiresAt || !sameValue(before.value, item.value);
    }
    yield;
  }
  if (!changed && added.length === 0 && kept.size === policy.table.size) return err({ kind: "nothing-to-change" });
  const entries = Array.from(kept.values()).sort((a, b) => a.id - b.id);
  for (const entry of added) entries.push(entry);
  const compiled = yield* compileEntries(entries);
  if ("twice" in compiled) {
    const entry = entries.find(({ id }) => id === compiled.twice);
    return entry === undefined ? err({ kind: "entry-not-found" }) : err({ kind: "duplicate-entry", entry });
  }
  if (compiled.others.size > OTHER_ENTRIES_MAX) return err({ kind: "too-many-entries", entriesMax: OTHER_ENTRIES_MAX });
  const same = differingAttributes(policy.attributes, attributes) === null;
  return next(policy, { ...compiled, attributes: same ? policy.attributes : attributes, nextId }, null);
}

/** What takes the change back: the change that makes `after` what `before` was, as far as can be said of a policy. */
export function inverseChange(before: CompiledPolicy, change: PolicyChange, after: CompiledPolicy): PolicyChange {
  switch (change.kind) {
    case "set-attributes": {
      const attributes = differingAttributes(after.attributes, before.attributes) ?? {};
      return { kind: "set-attributes", attributes };
    }
    case "add-entry":
      return { kind: "remove-entry", id: before.nextId };
    case "remove-entry": {
      const entry = before.entry(change.id);
      return entry === null ? replacement(before) : { kind: "add-entry", entry: asNewEntry(entry) };
    }
    case "change-entry": {
      const entry = before.entry(change.id);
      if (entry === null) return replacement(before);
      return {
        kind: "change-entry",
        id: entry.id,
        value: entry.value,
        text: entry.text,
        expiresAt: entry.expiresAt,
      };
    }
    case "replace":
      return replacement(before);
  }
}

/** The change that makes any policy what this one is. */
export function replacement(policy: CompiledPolicy): PolicyChange {
  return { kind: "replace", attributes: policy.attributes, entries: Array.from(policy.entries(), asNewEntry) };
}
