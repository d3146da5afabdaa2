import { counted } from "../base/count.ts";
import { printable } from "../base/printable.ts";
import { formatInstant } from "../base/time.ts";
import type { Changed } from "./change.ts";
import { describeCoverage, formatEntryId, formatEntryValue } from "./coverage.ts";
import type { Attributes, Entry, PolicyChange } from "./policy.ts";

/** What a change means, in one sentence or two: for the journal and for answers. */
export function describeChange(change: PolicyChange, { policy, entry }: Changed): string {
  switch (change.kind) {
    case "set-attributes": {
      const set = Object.entries(change.attributes).map(([name, value]) => `${name}(${describeAttribute(value)})`);
      return `${set.join(" ")} set.`;
    }
    case "add-entry":
      return entry === null ? "" : `Entry ${nameOf(entry)} added to ${entry.list}. ${describeCoverage(entry.value)}`;
    case "remove-entry":
      return entry === null ? "" : `Entry ${nameOf(entry)} removed from ${entry.list}.`;
    case "change-entry":
      return entry === null ? "" : `Entry ${nameOf(entry)} of ${entry.list} changed.${describeEdit(change)}`;
    case "replace":
      return `The whole policy replaced: ALWRLY(${policy.attributes.ALWRLY}), ${counted(policy.table.size, "entry", "entries")}.`;
  }
}

function nameOf(entry: Entry): string {
  return `${formatEntryId(entry.id)} ${formatEntryValue(entry.value)}`;
}

function describeAttribute(value: Attributes[keyof Attributes]): string {
  if (value === null) return "*NONE";
  if (typeof value !== "object") return String(value);
  return Object.values(value).join(" ") || "*NONE";
}

function describeEdit({ value, text, expiresAt }: PolicyChange & { kind: "change-entry" }): string {
  const edits: string[] = [];
  if (value !== undefined) edits.push(` ${describeCoverage(value)}`);
  if (text !== undefined) edits.push(` Text "${printable(text, 80)}".`);
  if (expiresAt !== undefined) edits.push(expiresAt === null ? " No end." : ` Ends ${formatInstant(expiresAt)}.`);
  return edits.join("");
}
