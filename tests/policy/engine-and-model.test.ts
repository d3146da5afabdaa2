import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMailbox } from "../../src/core/mail/mailbox.ts";
import { decideRelay } from "../../src/core/policy/decide.ts";
import { modelDecision } from "./model.ts";
import { Chance } from "./random.ts";
import { randomClient, randomRecipient, randomScene } from "./scene.ts";

/** POLICY_TRIPLES=10000000 and POLICY_SEED=7 ask more, or other ones. */
const triples = Number(process.env["POLICY_TRIPLES"] ?? 1_000_000);
const seed = Number(process.env["POLICY_SEED"] ?? 20_050_920);
const CLIENTS = 20;
const RECIPIENTS = 25;

test(`engine and model agree about ${triples} triples of policy, client and recipient`, () => {
  const chance = new Chance(seed);
  const verdicts = new Map<string, number>();
  for (let asked = 0; asked < triples;) {
    const { policy, model } = randomScene(chance);
    const clients = Array.from({ length: CLIENTS }, () => randomClient(chance));
    const recipients = Array.from({ length: RECIPIENTS }, () => randomRecipient(chance));
    for (const client of clients) {
      for (const recipient of recipients) {
        const decision = decideRelay(policy, client.facts, recipient.mailbox, null, 1);
        const { verdict, rule, entry } = decision;
        const passed = decision.rule === "ADDRESS" || verdict === "refuse-connection" || rule === "AUTH-REQUIRED";
        const final = passed ? "-" : formatMailbox(decision.recipient);
        const said = `${verdict} ${rule} ${entry?.id ?? 0} ${final}`;
        const expected = modelDecision(model, client.model, recipient.text);
        if (said !== expected) {
          assert.equal(said, expected, JSON.stringify({ seed, asked, client, recipient, model }, null, 1));
        }
        verdicts.set(`${verdict} ${rule}`, (verdicts.get(`${verdict} ${rule}`) ?? 0) + 1);
        asked++;
      }
    }
  }
  // Every rule that can decide about a recipient did so, and often: the triples are not all alike.
  const rules = "REJECT RBL LOCAL ALWRLY ACCEPT NEAR AUTH AUTH-REQUIRED ADDRESS NO-MATCH".split(" ");
  const seen = [...verdicts].filter(([, count]) => count > triples / 2_000).map(([key]) => key.split(" ")[1]);
  assert.deepEqual(
    rules.filter((rule) => !seen.includes(rule)),
    [],
  );
});
