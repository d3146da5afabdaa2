import type { Attributes, EntryValue, ListName, NewEntry } from "../policy/policy.ts";
import { defaultText, formatRoute, ROUTE_FIELDS, type RouteTexts } from "../policy/route-fields.ts";
import type { RouteRule } from "../policy/route-rule.ts";
import { changedAttributes, formatAttributes } from "./attribute-values.ts";
import { compareEntries, sortEntries } from "./entry-order.ts";
import {
  formatAddCommand,
  formatEntryParameters,
  formatExactInstant,
  formatRouteName,
  formatRouteTexts,
  formatHostAuth,
  quote,
} from "./entry-text.ts";

interface WholePolicy {
  readonly attributes: Attributes;
  readonly entries: Iterable<NewEntry>;
}

/**
 * The commands that make `before` what `after` says: attributes, then what goes, what changes, what comes, each in the order of a policy
 * file. Nothing where they are the same. An `undefined` between them is a step without a command, so that whoever asks can pause.
 */
export function* diffPolicy(before: WholePolicy, after: WholePolicy): Generator<string | undefined> {
  const attributes = formatAttributes(changedAttributes(before.attributes, after.attributes));
  if (attributes !== "") yield `CHGSMTPA ${attributes}`;
  const old = yield* sorted(before.entries);
  const wanted = yield* sorted(after.entries);
  const changed: string[] = [];
  const added: NewEntry[] = [];
  let next = 0;
  for (const entry of old) {
    let order = -1;
    for (let other = wanted[next]; other !== undefined; other = wanted[next]) {
      order = compareEntries(other, entry);
      if (order > 0) break;
      next++;
      if (order === 0) {
        const changes = entryChanges(entry, other);
        if (changes !== "")
          changed.push(
            `${entry.list === "*ROUTE" ? "CHGSMTPRTE" : "CHGSMTPLE"} ${formatEntryName(entry.list, entry.value)}${changes}`,
          );
        break;
      }
      added.push(other);
    }
    yield order === 0
      ? undefined
      : `${entry.list === "*ROUTE" ? "RMVSMTPRTE" : "RMVSMTPLE"} ${formatEntryName(entry.list, entry.value)}`;
  }
  yield* changed;
  for (const entry of added) yield formatAddCommand(entry);
  for (const entry of wanted.slice(next)) yield formatAddCommand(entry);
}

function* sorted(entries: Iterable<NewEntry>): Generator<undefined, readonly NewEntry[]> {
  const all: NewEntry[] = [];
  for (const entry of entries) {
    all.push(entry);
    yield;
  }
  return yield* sortEntries(all);
}

/** The parameters that name an entry; those of *HOSTAUTH without its secret. */
function formatEntryName(list: ListName, value: EntryValue): string {
  if (value.kind === "host-credentials") return `TYPE(${list}) HOSTNAME(${quote(value.host)})`;
  return value.kind === "route" ? formatRouteName(value.route) : formatEntryParameters(list, value);
}

function entryChanges(before: NewEntry, after: NewEntry): string {
  let changes = "";
  if (before.value.kind === "host-credentials" && after.value.kind === "host-credentials") {
    changes += formatHostAuth(after.value, before.value);
  }
  if (before.value.kind === "route" && after.value.kind === "route") {
    changes += formatRouteTexts(changedTexts(before.value.route, after.value.route));
  }
  if (before.text !== after.text) changes += ` TEXT(${after.text === "" ? "*BLANK" : quote(after.text)})`;
  if (before.expiresAt !== after.expiresAt) {
    changes += ` EXPDATE(${after.expiresAt === null ? "*NONE" : quote(formatExactInstant(after.expiresAt))})`;
  }
  return changes;
}

/** The fields in which `after` differs, in the order of the command; what is as by default again is said too. */
function changedTexts(before: RouteRule, after: RouteRule): RouteTexts {
  const [old, wanted] = [formatRoute(before), formatRoute(after)];
  const fields = ROUTE_FIELDS.filter((field) => old[field]?.join() !== wanted[field]?.join());
  return Object.fromEntries(fields.map((field) => [field, wanted[field] ?? defaultText(field)]));
}
