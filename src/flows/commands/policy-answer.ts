import { formatInstant } from "../../core/base/time.ts";
import { formatEntryId, formatEntryValue, describeNetwork } from "../../core/policy/coverage.ts";
import { counted, formatCount } from "../../core/base/count.ts";
import type { Steps } from "../../core/base/steps.ts";
import { message, type Message } from "../../core/cl/messages.ts";
import { sameAddress } from "../../core/mail/ip.ts";
import { covers, formatMask } from "../../core/mail/network.ts";
import type { Finding } from "../../core/policy/finding.ts";
import type { Entry, EntryValue, ListName } from "../../core/policy/policy.ts";
import type { ChangeRefusal } from "../operations.ts";

/** `E17 *ACCEPT 10.100.1.2/32`: an entry within a sentence. */
export function nameEntry(entry: Entry): string {
  return `${formatEntryId(entry.id)} ${entry.list} ${formatEntryValue(entry.value)}`;
}

/** `E17 10.100.1.2/32`, where the list is known. */
export function nameInList(entry: Entry): string {
  return `${formatEntryId(entry.id)} ${formatEntryValue(entry.value)}`;
}

export function findingMessage(finding: Finding): Message {
  const { entry } = finding;
  const name = nameEntry(entry);
  switch (finding.kind) {
    case "redundant":
      return message("SMR0131", name, nameInList(finding.other));
    case "shadowed":
      return message("SMR0132", name, nameEntry(finding.other));
    case "contradicts":
      return message("SMR0133", name, nameEntry(finding.other));
    case "unreachable":
      return message("SMR0134", name, finding.because);
    case "wide":
      return message("SMR0135", name, counted(finding.addresses, "address", "addresses"));
    case "expired":
      return message("SMR0136", name, entry.expiresAt === null ? "" : formatInstant(entry.expiresAt));
  }
}

/** Findings that one answer tells; of a large policy there may be as many as entries. */
export const FINDINGS_TOLD_MAX = 100;

/** What is odd about entries, the first of them; how many more there are. */
export function findingMessages(findings: readonly Finding[]): readonly Message[] {
  const told = findings.slice(0, FINDINGS_TOLD_MAX).map(findingMessage);
  return findings.length > told.length
    ? [...told, message("SMR0137", counted(findings.length - told.length, "more finding"))]
    : told;
}

export function refusalMessage(refusal: ChangeRefusal, typed: string): Message {
  switch (refusal.kind) {
    case "duplicate-entry": {
      const { entry } = refusal;
      const since = `${formatEntryId(entry.id)} (${entry.addedBy}, ${formatInstant(entry.addedAt)}${entry.text === "" ? "" : `: ${entry.text}`})`;
      return message("SMR0110", formatEntryValue(entry.value), entry.list, since);
    }
    case "entry-not-found":
      return message("SMR0129", typed);
    case "value-not-for-list":
      return message("SMR0121", refusal.list);
    case "too-many-entries":
      return message("SMR0122", formatCount(refusal.entriesMax));
    case "nothing-to-change":
      return message("SMR0123");
    case "needs-confirmation":
      return message("SMR0120", refusal.why, counted(refusal.letsIn, "address", "addresses"));
    case "conflict":
      return message("SMR0124", String(refusal.version), refusal.by);
    case "no-policy":
      return message("SMR0125");
  }
}

/**
 * What is near an entry that was not found, as a sentence: the same address with another mask, a network that holds it or is within
 * it, the name with or without its dot, in this list or in another.
 */
export function* helpToFind(wanted: EntryValue, list: ListName, entries: Iterable<Entry>): Steps<string> {
  let same: Entry | null = null;
  let inside: Entry | null = null;
  let insideCount = 0;
  let wider: Entry | null = null;
  for (const entry of entries) {
    const here = entry.list === list;
    if (sameSubject(wanted, entry.value) && (same === null || (here && same.list !== list))) same = entry;
    if (here && includes(wanted, entry.value)) {
      inside ??= entry;
      insideCount++;
    }
    if (here && includes(entry.value, wanted)) wider ??= entry;
    yield;
  }
  if (same)
    return `${nameEntry(same)} is there${describeMask(same.value)}. RMVSMTPLE ENTRY(${formatEntryId(same.id)}) removes it.`;
  if (inside && insideCount === 1) {
    return `${nameEntry(inside)} is within it${describeMask(inside.value)}. RMVSMTPLE ENTRY(${formatEntryId(inside.id)}) removes it.`;
  }
  if (inside) return `${counted(insideCount, "entry", "entries")} are within it, ${nameEntry(inside)} first.`;
  return wider ? `${nameEntry(wider)} covers it${describeMask(wider.value)}.` : "";
}

function describeMask(value: EntryValue): string {
  if (value.kind !== "network") return "";
  const { base, prefixBits } = value.network;
  const mask = base.family === 4 ? `SUBNETMASK('${formatMask(prefixBits)}')` : `IP6PFX('${prefixBits}')`;
  return `, with ${mask} (${describeNetwork(value.network)})`;
}

/** Whether every address of `inner` is in `outer`. */
function includes(outer: EntryValue, inner: EntryValue): boolean {
  return outer.kind === "network" && inner.kind === "network" && covers(outer.network, inner.network);
}

function sameSubject(wanted: EntryValue, value: EntryValue): boolean {
  if (wanted.kind === "network" && value.kind === "network")
    return sameAddress(wanted.network.base, value.network.base);
  if (wanted.kind === "host-credentials") return value.kind === "host-credentials" && value.host === wanted.host;
  const name = domainOf(wanted);
  return name !== null && domainOf(value) === name;
}

function domainOf(value: EntryValue): string | null {
  const { kind } = value;
  return kind === "domain" || kind === "interface-domain" || kind === "etrn-domain" ? value.domain : null;
}
