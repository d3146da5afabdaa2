import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HOUR_MS } from "../base/time.ts";
import { ReportBudget } from "./report-budget.ts";

const limits = {
  reportsToAddress: 4,
  reportsToDomain: 6,
  strangerReportsToAddress: 2,
  strangerReportsToDomain: 3,
  strangerReports: 5,
  reportSenders: 100,
};

function ask(budget: ReportBudget, address: string, isKnown: boolean, now = 0): string {
  const answer = budget.take({ address, host: address.slice(address.indexOf("@") + 1), isKnown }, now);
  return answer.kind === "send" ? "send" : answer.first ? "first" : "withhold";
}

test("so many an hour go to an address, and the first that is withheld is told apart", () => {
  const budget = new ReportBudget(limits);
  const answers = Array.from({ length: 6 }, () => ask(budget, "a@one.example", true));
  assert.deepEqual(answers, ["send", "send", "send", "send", "first", "withhold"]);
  assert.equal(budget.withheld, 2);
  assert.equal(ask(budget, "a@one.example", true, HOUR_MS - 1), "withhold");
  assert.equal(ask(budget, "a@one.example", true, HOUR_MS), "send");
});

test("a domain has its own count over all its addresses", () => {
  const budget = new ReportBudget(limits);
  for (const name of ["a", "a", "a", "b", "b", "c"]) assert.equal(ask(budget, `${name}@one.example`, true), "send");
  assert.equal(ask(budget, "d@one.example", true), "first");
  assert.equal(ask(budget, "d@two.example", true), "send");
});

test("what a stranger says is worth less, to one and to all together", () => {
  const budget = new ReportBudget(limits);
  const answers = ["a@one", "a@one", "a@one", "b@one", "b@one", "a@two", "a@three", "a@four"].map((address) =>
    ask(budget, address, false),
  );
  assert.deepEqual(answers, ["send", "send", "first", "send", "first", "send", "send", "first"]);
  assert.equal(ask(budget, "a@four", true), "send");
});

test("a clock that is set back does not silence anybody for longer than an hour", () => {
  const budget = new ReportBudget(limits);
  for (let i = 0; i < 5; i++) ask(budget, "a@one.example", true, 100 * HOUR_MS);
  assert.equal(ask(budget, "a@one.example", true, 0), "send");
});

test("never more than the limit in any of its hours, whoever asks and whenever", () => {
  const question = fc.record({
    address: fc.constantFrom("a@one", "b@one", "a@two"),
    isKnown: fc.boolean(),
    later: fc.integer({ min: 0, max: HOUR_MS / 4 }),
  });
  fc.assert(
    fc.property(fc.array(question, { maxLength: 200 }), (questions) => {
      const budget = new ReportBudget(limits);
      const sent: { readonly at: number; readonly address: string }[] = [];
      let now = 0;
      for (const { address, isKnown, later } of questions) {
        now += later;
        if (ask(budget, address, isKnown, now) === "send") sent.push({ at: now, address });
      }
      // Two hours that follow each other may meet within sixty minutes.
      for (const { at } of sent) {
        const near = sent.filter((one) => one.at >= at && one.at < at + HOUR_MS);
        assert.ok(near.filter(({ address }) => address === "a@two").length <= 2 * limits.reportsToAddress);
        assert.ok(near.filter(({ address }) => address.endsWith("@one")).length <= 2 * limits.reportsToDomain);
      }
    }),
    { seed: 3461 },
  );
});

test("so many addresses are remembered, and no more", () => {
  const budget = new ReportBudget({ ...limits, reportSenders: 3, strangerReports: 1_000 });
  for (let i = 0; i < 2; i++) ask(budget, "a@one.example", false);
  assert.equal(ask(budget, "a@one.example", false), "first");
  for (let i = 0; i < 3; i++) ask(budget, `a@${i}.example`, false);
  assert.equal(ask(budget, "a@one.example", false), "send");
});
