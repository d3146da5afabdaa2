import { formatEntryId, formatEntryValue } from "../policy/coverage.ts";
import type { Decision } from "../policy/decision.ts";

/** `refuse by NO-MATCH`, `relay by ACCEPT E17 10.100.2.0/24`. */
export function describeDecision(decision: Decision): string {
  const { entry } = decision;
  const by = entry === null ? "" : ` ${formatEntryId(entry.id)} ${formatEntryValue(entry.value)}`;
  return `${decision.verdict} by ${decision.rule}${by}`;
}
