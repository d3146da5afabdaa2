import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { dayOf, TlsTally } from "../core/tls-policy/tls-tally.ts";
import type { Operations } from "./operations.ts";
import { showTlsFigures } from "./show-tls.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const party = { hostname: "relay.example", organization: "Relay", contact: "tls@relay.example" };

function operationsWith(tallies: readonly TlsTally[] | null): Operations {
  const tally = (asked: number): TlsTally | null => tallies?.find(({ day }) => day === asked) ?? null;
  return { now: () => NOW, tlsReports: tallies === null ? null : { party, tally } } as unknown as Operations;
}

function day(at: number): TlsTally {
  const tally = new TlsTally(dayOf(at), { tlsTallyPolicies: 9, tlsTallyFailures: 9, tlsTallyOctets: 9_999 });
  const policy = { type: "sts", domain: "a.example" as Domain, strings: [], mxPatterns: [] } as const;
  const session = { at, policy, mxHost: "mx.a.example", receivingAddress: null, sendingAddress: null, reason: "" };
  tally.add({ ...session, failure: null });
  tally.add({ ...session, failure: "certificate-expired" });
  return tally;
}

test("the figures of a day are shown as they will be told", () => {
  const shown = showTlsFigures(operationsWith([day(NOW)]), null);
  assert.equal(shown.ok, true);
  assert.match(shown.output, /a\.example +sts +2 +1 +1 certificate-expired mx\.a\.example/);
  assert.match(JSON.stringify(shown.value), /"day":"2026-11-24".*"total-failure-session-count":1/);
  const before = showTlsFigures(operationsWith([day(NOW - DAY_MS)]), "2026-11-23");
  assert.match(before.output, /a\.example/);
  assert.deepEqual(
    showTlsFigures(operationsWith([]), "2026-11-22").messages.map(({ text }) => text),
    ["TLS sessions of 2026-11-22, domains: 0."],
  );
});

test("what is no day, and a relay that does not count", () => {
  const idOf = (operations: Operations, text: string | null): readonly string[] =>
    showTlsFigures(operations, text).messages.map(({ id }) => id);
  for (const text of ["", "today", "2026-13-01", "2026-11-24T00:00:00Z", "20261124"])
    assert.deepEqual(idOf(operationsWith([]), text), ["SMR0883"], text);
  assert.deepEqual(idOf(operationsWith(null), null), ["SMR0882"]);
});
