import type { Json } from "../base/json.ts";
import { describeReply } from "../mail/reply.ts";
import type { Decision } from "../policy/decision.ts";
import { formatEntryId, formatEntryValue } from "../policy/coverage.ts";

/** A decision as `explain --json` and the journal print it. */
export function decisionJson(decision: Decision): { readonly [name: string]: Json } {
  const { entry } = decision;
  return {
    verdict: decision.verdict,
    rule: decision.rule,
    entry: entry && {
      list: entry.list,
      value: formatEntryValue(entry.value),
      id: formatEntryId(entry.id),
      text: entry.text,
    },
    policyVersion: decision.policyVersion,
    reply: describeReply(decision.reply),
    path: decision.path,
  };
}

/** `refuse by NO-MATCH`, `relay by ACCEPT E17 10.100.2.0/24`. */
export function describeDecision(decision: Decision): string {
  const { entry } = decision;
  const by = entry === null ? "" : ` ${formatEntryId(entry.id)} ${formatEntryValue(entry.value)}`;
  return `${decision.verdict} by ${decision.rule}${by}`;
}
