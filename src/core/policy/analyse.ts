import type { Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import { addressCount, type Network } from "../mail/network.ts";
import { networksOf, type CompiledPolicy } from "./compile.ts";
import type { Finding } from "./finding.ts";
import { isWide, type NetworkSet } from "./network-set.ts";
import { hasEnded, type Entry, type EntryId } from "./policy.ts";

/** What there is to know about every entry. Near linear: a search for each entry. */
export function* analyse(policy: CompiledPolicy, now: Instant): Steps<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const entry of policy.entries()) {
    // A contradiction is told once, by the entry that it takes something from.
    for (const finding of analyseEntry(policy, entry, now)) {
      if (finding.kind !== "contradicts" || entry.list !== "*REJECT") findings.push(finding);
    }
    yield;
  }
  return findings;
}

/** What there is to know about one entry of the policy, or about one that would be added to it. */
export function analyseEntry(policy: CompiledPolicy, entry: Entry, now: Instant): readonly Finding[] {
  if (hasEnded(entry, now)) return [{ kind: "expired", entry }];
  const { value } = entry;
  if (value.kind === "network") return networkFindings(policy, entry, value.network, now);
  if (value.kind === "domain") return nameFindings(policy, entry, now);
  return [];
}

function networkFindings(policy: CompiledPolicy, entry: Entry, network: Network, now: Instant): Finding[] {
  const findings: Finding[] = [];
  const wider = firstOf(policy, entry, now, (visit) => networksOf(policy, entry.list)?.covering(network, visit));
  if (wider && outlasts(wider, entry)) findings.push({ kind: "redundant", entry, other: wider });
  if (entry.list === "*REJECT") {
    const other =
      overlapping(policy, policy.accept, entry, network, now) ??
      overlapping(policy, policy.nearNetworks, entry, network, now);
    if (other) findings.push({ kind: "contradicts", entry, other });
  } else {
    const over = coveringOrSame(policy, policy.reject, entry, network, now);
    const inside = over ?? firstOf(policy, entry, now, (visit) => policy.reject.within(network, visit));
    if (over) findings.push({ kind: "shadowed", entry, other: over });
    else if (inside) findings.push({ kind: "contradicts", entry, other: inside });
  }
  const because = unaskedBecause(policy, entry);
  if (because !== null) findings.push({ kind: "unreachable", entry, because });
  if (isWide(network)) findings.push({ kind: "wide", entry, addresses: addressCount(network) });
  return findings;
}

/** A counting entry of `set` that shares addresses with the network: around it, the same, or within. */
function overlapping(
  policy: CompiledPolicy,
  set: NetworkSet,
  entry: Entry,
  network: Network,
  now: Instant,
): Entry | null {
  return (
    coveringOrSame(policy, set, entry, network, now) ??
    firstOf(policy, entry, now, (visit) => set.within(network, visit))
  );
}

function coveringOrSame(
  policy: CompiledPolicy,
  set: NetworkSet,
  entry: Entry,
  network: Network,
  now: Instant,
): Entry | null {
  const same = set.find(network);
  const found = same === null ? null : countingEntry(policy, same, now);
  return found ?? firstOf(policy, entry, now, (visit) => set.covering(network, visit));
}

function countingEntry(policy: CompiledPolicy, id: EntryId, now: Instant): Entry | null {
  const entry = policy.table.read(id);
  return entry === null || hasEnded(entry, now) ? null : entry;
}

/** The first entry of a walk that counts and is another one. */
function firstOf(
  policy: CompiledPolicy,
  entry: Entry,
  now: Instant,
  walk: (visit: (id: EntryId) => boolean) => void,
): Entry | null {
  let first: Entry | null = null;
  walk((id) => {
    if (id !== entry.id) first = countingEntry(policy, id, now);
    return first === null;
  });
  return first;
}

/** Whether `other` counts at least as long as `entry`. */
function outlasts(other: Entry, entry: Entry): boolean {
  return other.expiresAt === null || (entry.expiresAt !== null && entry.expiresAt <= other.expiresAt);
}

function nameFindings(policy: CompiledPolicy, entry: Entry, now: Instant): Finding[] {
  const { value } = entry;
  if (value.kind !== "domain") return [];
  const findings: Finding[] = [];
  const covering = policy.nearDomains.covering(value.domain, value.subdomains);
  const wider = firstOf(policy, entry, now, (visit) => void covering.every((id) => visit(id)));
  if (wider && outlasts(wider, entry)) findings.push({ kind: "redundant", entry, other: wider });
  const because =
    !value.subdomains && policy.isLocal(value.domain, null, now)
      ? `mail for the local domain ${value.domain} is not relay`
      : unaskedBecause(policy, entry);
  if (because !== null) findings.push({ kind: "unreachable", entry, because });
  return findings;
}

/** Why the present attributes do not ask the list of the entry; null where they do. */
function unaskedBecause({ attributes: { ALWRLY, FIREWALL, VFYFROMUSR } }: CompiledPolicy, entry: Entry): string | null {
  switch (entry.list) {
    case "*ACCEPT":
      if (ALWRLY === "*LIST" || ALWRLY === "*BOTH") return null;
      return VFYFROMUSR === "*LIST"
        ? `ALWRLY(${ALWRLY}) does not ask *ACCEPT; VFYFROMUSR(*LIST) does`
        : `ALWRLY(${ALWRLY}) does not ask *ACCEPT`;
    case "*NEAR":
      if (ALWRLY === "*NEAR" || ALWRLY === "*BOTH") return null;
      return FIREWALL === "*YES" && entry.value.kind === "domain"
        ? `ALWRLY(${ALWRLY}) does not ask *NEAR; FIREWALL(*YES) does`
        : `ALWRLY(${ALWRLY}) does not ask *NEAR`;
    default:
      return null;
  }
}
