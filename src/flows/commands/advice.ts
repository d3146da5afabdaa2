import type { Json } from "../../core/base/json.ts";
import { formatCount } from "../../core/base/count.ts";
import { table, type Column } from "../../core/cl/layout.ts";
import { adviceOnOutcome, type Advice } from "../../core/queue/advice.ts";
import type { Outcome } from "../../core/queue/outcome.ts";

/** What refusals mean, in an answer to an operator: on the page below them, in JSON beside each. */
export function adviceJson(advice: Advice | null): Json {
  return advice === null ? null : { ...advice };
}

export function outcomeAdviceJson(outcome: Outcome): Json {
  return adviceJson(adviceOnOutcome(outcome));
}

const COLUMNS: readonly Column[] = [
  { heading: "Advice on", align: "right" },
  { heading: "Provider" },
  { heading: "What is missing, and what to do", max: 1_000, wrapped: true },
];

/** The advice on these refusals, each once with how many it concerns, the most frequent first; `""` where there is none. */
export function adviceTable(outcomes: Iterable<Outcome | null>): string {
  const counts = new Map<Advice, number>();
  for (const outcome of outcomes) {
    const advice = outcome === null ? null : adviceOnOutcome(outcome);
    if (advice !== null) counts.set(advice, (counts.get(advice) ?? 0) + 1);
  }
  if (counts.size === 0) return "";
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  return table(
    COLUMNS,
    rows.map(([{ provider, missing, remedy }, count]) => [formatCount(count), provider, `${missing} ${remedy}`]),
  );
}
