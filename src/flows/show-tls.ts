import { DAY_MS } from "../core/base/time.ts";
import { table, type Column } from "../core/cl/layout.ts";
import { message } from "../core/cl/messages.ts";
import { reportJson } from "../core/tls-policy/tls-report.ts";
import { dayOf, formatDay, type PolicyTally } from "../core/tls-policy/tls-tally.ts";
import { refused, type CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";

const COLUMNS: readonly Column[] = [
  { heading: "Domain", max: 60 },
  { heading: "Policy" },
  { heading: "Sessions", align: "right" },
  { heading: "Failed", align: "right" },
  { heading: "What failed", max: 1_000, wrapped: true },
];

/** tls-report: the figures of a day of UTC, today's without one; those of a day that is reported are gone. */
export function showTlsFigures(operations: Operations, asked: string | null): CommandResult {
  const { tlsReports } = operations;
  if (tlsReports === null) return refused(message("SMR0882"));
  const day = asked === null ? dayOf(operations.now()) : dayIn(asked);
  if (day === null) return refused(message("SMR0883", asked ?? ""));
  const { party } = tlsReports;
  const tally = tlsReports.tally(day);
  const domains = [...(tally?.domains() ?? [])].sort();
  const ofDomains = domains.map((domain) => ({ domain, policies: tally?.policiesOf(domain) ?? [] }));
  return {
    ok: true,
    messages: [message("SMR0881", formatDay(day), String(domains.length))],
    output: table(
      COLUMNS,
      ofDomains.flatMap(({ policies }) => policies.map(rowOf)),
    ),
    value: {
      day: formatDay(day),
      uncounted: tally?.uncounted ?? 0,
      reports: ofDomains.map(({ domain, policies }) => reportJson(day, domain, policies, party)),
    },
  };
}

function dayIn(text: string): number | null {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isNaN(at) ? null : at / DAY_MS;
}

function rowOf({ policy, successes, failures, details }: PolicyTally): readonly string[] {
  const failed = details.map(({ type, mxHost, sessions }) => `${sessions} ${type} ${mxHost}`.trimEnd()).join(", ");
  return [policy.domain, policy.type, String(successes + failures), String(failures), failed];
}
