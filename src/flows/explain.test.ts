import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { address, domain } from "../../tests/policy/scene.ts";
import { parseCidr } from "../core/mail/network.ts";
import { describeReply } from "../core/mail/reply.ts";
import { applyChange } from "../core/policy/change.ts";
import { emptyPolicy, type CompiledPolicy } from "../core/policy/compile.ts";
import type { Decision } from "../core/policy/decision.ts";
import type { Attributes, ListName } from "../core/policy/policy.ts";
import { Explainer } from "./explain.ts";
import type { ExplainQuestion } from "./operations.ts";

function policyOf(attributes: Partial<Attributes>, ...networks: [ListName, string][]): CompiledPolicy {
  let policy = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 10 });
  const stamp = { at: 0, by: "" };
  const set = applyChange(policy, { kind: "set-attributes", attributes }, stamp);
  if (set.ok) ({ policy } = set.value);
  for (const [list, text] of networks) {
    const parsed = parseCidr(text);
    assert.ok(parsed.ok);
    const value = { kind: "network", network: parsed.value } as const;
    const added = applyChange(policy, { kind: "add-entry", entry: { list, value, text: "", expiresAt: null } }, stamp);
    assert.ok(added.ok);
    ({ policy } = added.value);
  }
  return policy;
}

function explain(policy: CompiledPolicy | null, question: Partial<ExplainQuestion>): Decision {
  const explainer = new Explainer({ policy: { compiled: () => policy }, clock: { now: () => 0 }, verifier: null });
  const plain = { client: address("10.0.0.1"), reversePath: "a@far.example", recipient: "b@far.example" };
  return explainer.explain({ ...plain, user: null, tls: false, ...question });
}

suite("Explainer", () => {
  test("tells the whole way of a transaction, each step once", () => {
    const decision = explain(policyOf({ ALWRLY: "*LIST" }, ["*ACCEPT", "10.0.0.0/8"]), {});
    assert.equal(decision.rule, "ACCEPT");
    assert.deepEqual(decision.path, [
      "Policy version 2",
      "*REJECT: empty",
      "RBLSVR(*NONE): no DNS list is asked",
      "VFYFROMUSR(*NONE): any sender",
      "Recipient domain: far.example is not ours",
      "ALWRLY(*LIST): asks *ACCEPT",
      "*ACCEPT: 10.0.0.1 is in E1 10.0.0.0/8",
    ]);
  });

  test("stops where the session would: connection, sender, recipient", () => {
    const rejecting = policyOf({ ALWRLY: "*ALL" }, ["*REJECT", "10.0.0.0/8"]);
    assert.equal(explain(rejecting, {}).verdict, "refuse-connection");
    assert.equal(explain(rejecting, { recipient: null }).verdict, "refuse-connection");
    assert.equal(explain(policyOf({}), { recipient: null }).rule, "CONNECT");
    assert.equal(explain(policyOf({ VFYFROMUSR: "*ALL" }), {}).rule, "VFYFROMUSR");
    assert.equal(explain(policyOf({}), {}).rule, "ALWRLY");
    assert.equal(explain(null, {}).rule, "NO-POLICY");
  });

  test("says that the next hop of a local recipient would be asked, and does not ask it", () => {
    const verifier = { hopFor: () => "local:mail.inside.example:25" };
    const explainer = new Explainer({ policy: { compiled: () => policyOf({}) }, clock: { now: () => 0 }, verifier });
    const plain = { client: address("10.0.0.1"), reversePath: "", user: null, tls: false };
    const local = explainer.explain({ ...plain, recipient: "b@inside.example" });
    assert.equal(local.rule, "LOCAL");
    assert.equal(
      local.path.at(-1),
      "verify_recipients: local:mail.inside.example:25 is asked whether it knows the mailbox, but not by explain",
    );
    const far = explainer.explain({ ...plain, recipient: "b@far.example" });
    assert.doesNotMatch(far.path.join("\n"), /verify_recipients/);
  });

  test("takes paths with and without brackets, and null reverse-paths; says that no journal has it", () => {
    const policy = policyOf({});
    for (const reversePath of ["", "<>", "a@far.example", "<a@far.example>"]) {
      const refused = explain(policy, { reversePath, recipient: "<b@far.example>" });
      assert.equal(
        describeReply(refused.reply),
        "550 5.7.1 <b@far.example>: relay denied for 10.0.0.1 [explain]",
        reversePath,
      );
    }
    assert.equal(explain(policy, { recipient: "postmaster" }).rule, "LOCAL");
  });

  test("answers a path that is none as the session would", () => {
    const policy = policyOf({ ALWRLY: "*ALL" });
    const sender = explain(policy, { reversePath: "a..b@far.example" });
    assert.match(describeReply(sender.reply), /^501 5\.1\.7 /);
    const recipient = explain(policy, { recipient: "b@far.example@inside.example" });
    assert.match(describeReply(recipient.reply), /^501 5\.1\.3 /);
    assert.equal(recipient.verdict, "refuse");
    assert.match(recipient.path.at(-1) ?? "", /^RCPT </);
  });
});
