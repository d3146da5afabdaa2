import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Chance } from "../../../tests/policy/random.ts";
import {
  address,
  domain,
  randomClient,
  randomNetwork,
  randomRecipient,
  randomScene,
} from "../../../tests/policy/scene.ts";
import { formatMailbox, type Mailbox } from "../mail/mailbox.ts";
import { parseCidr, type Network } from "../mail/network.ts";
import { parseMailbox } from "../mail/path.ts";
import { describeReply, reply } from "../mail/reply.ts";
import { applyChange } from "./change.ts";
import { emptyPolicy, type CompiledPolicy } from "./compile.ts";
import { decideConnection, decideRelay, decideSender } from "./decide.ts";
import { parseDecisionId } from "./decision-id.ts";
import type { ClientFacts, Decision } from "./decision.ts";
import type { AllowRelay, Attributes, EntryValue, ListName, PolicyChange } from "./policy.ts";
import { parseRoute, type RouteTexts } from "./route-fields.ts";

const ID = parseDecisionId("D-7F3K2") ?? 0;

function after(policy: CompiledPolicy, change: PolicyChange): CompiledPolicy {
  const changed = applyChange(policy, change, { at: 0, by: "operator" });
  assert.ok(changed.ok, JSON.stringify(changed));
  return changed.value.policy;
}

function network(text: string): Network {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** `10.0.0.0/8`, `near.example`, `.near.example` or `own.example at 192.0.2.1` as a value. */
function value(text: string): EntryValue {
  const [name = "", at] = text.split(" at ");
  if (at !== undefined) return { kind: "interface-domain", domain: domain(name), address: address(at) };
  if (/\/\d+$/.test(text)) return { kind: "network", network: network(text) };
  return { kind: "domain", domain: domain(text.replace(/^\./, "")), subdomains: text.startsWith(".") };
}

function policyOf(
  attributes: Partial<Attributes>,
  ...entries: [list: ListName, value: string, end?: number][]
): CompiledPolicy {
  let policy = emptyPolicy({ localDomains: [domain("inside.example")], entriesMax: 100 });
  policy = after(policy, {
    kind: "set-attributes",
    attributes: { ...attributes, RTYMIN: { attempts: 9, interval: 9 } },
  });
  for (const [list, text, end = null] of entries) {
    const entry = { list, value: value(text), text: "", expiresAt: end };
    policy = after(policy, { kind: "add-entry", entry });
  }
  return policy;
}

function client(from: string, more: Partial<ClientFacts> = {}): ClientFacts {
  return { address: address(from), localAddress: null, user: null, tls: false, now: 0, listedBy: null, ...more };
}

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function said(decision: Decision): string {
  return `${decision.verdict} ${decision.rule}${decision.entry === null ? "" : ` E${decision.entry.id}`}`;
}

suite("decideRelay()", () => {
  const cases: [AllowRelay, inAccept: boolean, inNear: boolean, expected: string][] = [
    ["*NONE", true, true, "refuse ALWRLY"],
    ["*ALL", false, false, "relay ALWRLY"],
    ["*LIST", true, false, "relay ACCEPT E1"],
    ["*LIST", false, true, "refuse NO-MATCH"], // near entries do not count under *LIST
    ["*NEAR", true, false, "refuse NO-MATCH"],
    ["*NEAR", false, true, "relay NEAR E2"],
    ["*BOTH", true, true, "relay ACCEPT E1"],
    ["*BOTH", false, true, "relay NEAR E2"],
    ["*BOTH", false, false, "refuse NO-MATCH"],
  ];
  for (const [ALWRLY, inAccept, inNear, expected] of cases) {
    test(`answers "${expected}" under ${ALWRLY}, accept ${inAccept}, near ${inNear}`, () => {
      const policy = policyOf({ ALWRLY }, ["*ACCEPT", "10.100.0.0/16"], ["*NEAR", "near.example"]);
      const from = client(inAccept ? "10.100.1.2" : "10.99.1.2");
      const decision = decideRelay(policy, from, mailbox(inNear ? "u@near.example" : "u@far.example"), null, ID);
      assert.equal(said(decision), expected);
    });
  }

  test("refuses in the words of the contract, and accepts in constant ones", () => {
    const policy = policyOf({ ALWRLY: "*LIST" }, ["*ACCEPT", "10.100.0.0/16"]);
    const refused = decideRelay(policy, client("10.2.3.4"), mailbox("user@example.net"), null, ID);
    assert.equal(describeReply(refused.reply), "550 5.7.1 <user@example.net>: relay denied for 10.2.3.4 [D-7F3K2]");
    const one = decideRelay(policy, client("10.100.0.1"), mailbox("user@example.net"), null, ID);
    const other = decideRelay(policy, client("10.100.0.2"), mailbox("other@example.net"), null, ID + 1);
    assert.equal(one.reply, other.reply);
    assert.equal(one.reply.code, 250);
  });

  test("is refused by a route, asked last, and never let in by one", () => {
    const add = (policy: CompiledPolicy, name: string, texts: RouteTexts, expiresAt: number | null = null) => {
      const route = parseRoute(name, texts);
      assert.ok(route.ok, JSON.stringify(route));
      const entry = { list: "*ROUTE", value: { kind: "route", route: route.value }, text: "", expiresAt } as const;
      return after(policy, { kind: "add-entry", entry });
    };
    let policy = policyOf({ ALWRLY: "*LIST" }, ["*ACCEPT", "10.0.0.0/8"]);
    policy = add(policy, "NO-SALES", {
      RCPDMN: ["far.example"],
      SNDADR: ["sales@inside.example"],
      ACTION: ["*REFUSE"],
    });
    policy = add(policy, "OURS", { RCPDMN: ["inside.example"], CLTADR: ["10.9.0.0/16"], ACTION: ["*REFUSE"] }, 100);
    policy = add(policy, "EVERY", { ACTION: ["*CAPTURE"] });
    const sales = mailbox("sales@inside.example");
    const cases: [from: string, sender: Mailbox | null, to: string, now: number, expected: string][] = [
      ["10.0.0.1", null, "u@far.example", 0, "relay ACCEPT E1"],
      ["10.0.0.1", sales, "u@far.example", 0, "refuse ROUTE E2"],
      ["10.0.0.1", sales, "u@near.example", 0, "relay ACCEPT E1"],
      ["192.0.2.1", sales, "u@far.example", 0, "refuse NO-MATCH"],
      ["192.0.2.1", null, "u@other.example", 0, "refuse NO-MATCH"],
      ["10.9.0.1", null, "u@inside.example", 99, "refuse ROUTE E3"],
      ["10.9.0.1", null, "u@inside.example", 100, "local LOCAL"],
      ["10.8.0.1", null, "u@inside.example", 0, "local LOCAL"],
    ];
    for (const [from, sender, to, now, expected] of cases) {
      assert.equal(
        said(decideRelay(policy, client(from, { now }), mailbox(to), sender, ID)),
        expected,
        `${from} ${to}`,
      );
    }
    const refused = decideRelay(policy, client("10.0.0.1"), mailbox("u@far.example"), sales, ID);
    assert.equal(
      describeReply(refused.reply),
      "550 5.7.1 <u@far.example>: mail for it is not taken here, by policy [D-7F3K2]",
    );
    assert.equal(refused.path.at(-1), "*ROUTE: NO-SALES (E2) is refused");
    const passed = decideRelay(policy, client("10.0.0.1"), mailbox("u@far.example"), null, ID);
    assert.equal(passed.path.at(-1), "*ROUTE: EVERY (E4) is kept in the capture box");
  });

  test("defers without a policy: doubt closes the door", () => {
    for (const decision of [
      decideConnection(null, client("10.2.3.4"), ID),
      decideSender(null, client("10.2.3.4"), null, ID),
      decideRelay(null, client("10.2.3.4"), mailbox("user@inside.example"), null, ID),
    ]) {
      assert.equal(said(decision), "defer NO-POLICY");
      assert.match(describeReply(decision.reply), /^451 4\.7\.1 /);
      assert.equal(decision.policyVersion, 0);
      assert.equal(decision.path.length, 1);
    }
  });

  test("passes by an entry that has ended, to the next longest, and says so", () => {
    const policy = policyOf(
      { ALWRLY: "*BOTH" },
      ["*ACCEPT", "10.0.0.0/8"],
      ["*ACCEPT", "10.1.0.0/16", 500],
      ["*NEAR", "near.example", 500],
      ["*DOMAIN", "own.example at 192.0.2.1", 500],
    );
    const at = (now: number, from: string, to: string): Decision =>
      decideRelay(policy, client(from, { now }), mailbox(to), null, ID);
    assert.equal(said(at(499, "10.1.2.3", "u@far.example")), "relay ACCEPT E2");
    assert.equal(said(at(500, "10.1.2.3", "u@far.example")), "relay ACCEPT E1");
    assert.match(at(500, "10.1.2.3", "u@far.example").path.join("\n"), /E2 10\.1\.0\.0\/16 ended 1970/);
    assert.equal(said(at(499, "9.1.2.3", "u@near.example")), "relay NEAR E3");
    assert.equal(said(at(500, "9.1.2.3", "u@near.example")), "refuse NO-MATCH");
    assert.equal(said(at(499, "9.1.2.3", "u@own.example")), "local LOCAL E4");
    assert.equal(said(at(500, "9.1.2.3", "u@own.example")), "refuse NO-MATCH");
  });

  test("takes a *DOMAIN entry for its interface alone under IFCDMN(*YES)", () => {
    for (const [IFCDMN, came, expected] of [
      ["*NO", "192.0.2.2", "local LOCAL E1"],
      ["*YES", "192.0.2.2", "refuse ALWRLY"],
      ["*YES", "192.0.2.1", "local LOCAL E1"],
    ] as const) {
      const policy = policyOf({ IFCDMN }, ["*DOMAIN", "own.example at 192.0.2.1"]);
      const from = client("10.0.0.1", { localAddress: address(came) });
      assert.equal(said(decideRelay(policy, from, mailbox("u@own.example"), null, ID)), expected, `${IFCDMN} ${came}`);
    }
  });

  test("refuses what the next hop of a local recipient does not know; for others its word is none", () => {
    const policy = policyOf({ ALWRLY: "*ALL" });
    const refusal = reply(550, "5.1.1", "Who\u202e?\r\n250 Ok".repeat(100));
    const from = { ...client("10.0.0.1"), recipientRefusal: refusal };
    const decision = decideRelay(policy, from, mailbox("u@inside.example"), null, ID);
    assert.equal(said(decision), "refuse VERIFY");
    assert.match(decision.reply.text.join(), /^<u@inside\.example>: no such mailbox here \[D-/);
    assert.equal(`${decision.reply.code} ${decision.reply.enhanced}`, "550 5.1.1");
    const last = decision.path.at(-1) ?? "";
    assert.match(last, /^Next hop: u@inside\.example is not known there: 550 5\.1\.1 Who[\x20-\x7e]{1,300}…$/);
    assert.equal(said(decideRelay(policy, from, mailbox("u@far.example"), null, ID)), "relay ALWRLY");
    const unasked = { ...from, recipientRefusal: null };
    assert.equal(said(decideRelay(policy, unasked, mailbox("u@inside.example"), null, ID)), "local LOCAL");
  });

  test("follows percent routes of ours a bounded way", () => {
    const policy = policyOf({ ALWRLY: "*ALL" });
    const route = (hosts: number): Mailbox => ({
      localPart: `u${"%inside.example".repeat(hosts)}`,
      host: { kind: "domain", domain: domain("inside.example") },
    });
    const near = decideRelay(policy, client("10.0.0.1"), route(8), null, ID);
    assert.equal(said(near), "local LOCAL");
    assert.equal(formatMailbox(near.recipient), "u@inside.example");
    assert.equal(said(decideRelay(policy, client("10.0.0.1"), route(9), null, ID)), "refuse ADDRESS");
  });

  test("says every step in order, and the same in JSON as the contract has it", () => {
    const policy = policyOf({ ALWRLY: "*BOTH" }, ["*ACCEPT", "10.100.2.0/24"], ["*NEAR", ".near.example"]);
    const decision = decideRelay(policy, client("10.100.3.1"), mailbox("u@a.near.example"), null, ID);
    assert.deepEqual(JSON.parse(JSON.stringify(decision)), {
      verdict: "relay",
      rule: "NEAR",
      entry: { list: "*NEAR", value: ".near.example", id: "E2", text: "" },
      policyVersion: 3,
      reply: "250 2.1.5 Recipient OK",
      path: [
        "Policy version 3",
        "*REJECT: empty",
        "RBLSVR(*NONE): no DNS list is asked",
        "Recipient domain: a.near.example is not ours",
        "ALWRLY(*BOTH): asks *ACCEPT, then *NEAR",
        "*ACCEPT: 10.100.3.1 is in none of 1 network",
        "Authentication: none",
        "*NEAR names: a.near.example is covered by E2 .near.example",
      ],
    });
  });

  test("keeps to what it was asked: later changes of the policy do not change its path", () => {
    const policy = policyOf({ ALWRLY: "*LIST" }, ["*ACCEPT", "10.100.2.0/24"]);
    const decision = decideRelay(policy, client("10.100.2.1"), mailbox("u@far.example"), null, ID);
    after(policy, { kind: "remove-entry", id: 1 });
    assert.match(decision.path.join("\n"), /is in E1 10\.100\.2\.0\/24/);
    assert.equal(decision.entry, decideRelay(policy, client("10.100.2.2"), mailbox("u@far.example"), null, ID).entry);
  });

  test("makes the text of strangers printable and bounded in replies and path", () => {
    const policy = policyOf({});
    const localPart = `"${"\\\\".repeat(31)}"`;
    const host = {
      kind: "domain",
      domain: domain(`${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.example`),
    } as const;
    const { text } = decideRelay(
      policy,
      client(`2001:db8:${"ffff:".repeat(5)}ffff`),
      { localPart, host },
      null,
      ID,
    ).reply;
    assert.ok((text[0] ?? "").length < 500);
    assert.match(text[0] ?? "", /^[\x20-\x7e]+$/);
    const spoofed = { localPart: "a\u202eb\r\nc", host };
    const decision = decideRelay(policy, client("10.0.0.1"), spoofed, null, ID);
    assert.doesNotMatch(`${decision.reply.text.join("")}${decision.path.join("")}`, /[\r\n\u202e]/);
  });
});

suite("decideConnection() and decideSender()", () => {
  const rejecting: [ListName, string] = ["*REJECT", "10.3.0.0/16"];

  test("refuse a client on *REJECT, whatever else holds", () => {
    const policy = policyOf({ ALWRLY: "*ALL", ALWAUTH: "*RELAY" }, rejecting, ["*ACCEPT", "10.3.0.0/16"]);
    const from = client("10.3.0.9", { user: "ops", mayAuthenticate: true });
    const decisions = [
      decideConnection(policy, from, ID),
      decideSender(policy, from, null, ID),
      decideRelay(policy, from, mailbox("u@inside.example"), null, ID),
    ];
    for (const decision of decisions) {
      assert.equal(said(decision), "refuse-connection REJECT E1");
      assert.match(describeReply(decision.reply), /^554 5\.7\.1 .*\[D-7F3K2\]$/);
    }
  });

  test("OVRRJTCNNL(*YES) lets it in where AUTH is offered, to authenticate before anything else", () => {
    const policy = policyOf({ OVRRJTCNNL: "*YES", ALWRLY: "*ALL" }, rejecting);
    const sender = mailbox("a@far.example");
    const ask = (more: Partial<ClientFacts>): string[] => {
      const from = client("10.3.0.9", more);
      return [
        decideConnection(policy, from, ID),
        decideSender(policy, from, sender, ID),
        decideRelay(policy, from, mailbox("u@inside.example"), null, ID),
      ].map((decision) => `${said(decision)} ${decision.reply.code}`);
    };
    assert.deepEqual(ask({}), new Array(3).fill("refuse-connection REJECT E1 554"));
    assert.deepEqual(ask({ mayAuthenticate: true }), [
      "local CONNECT E1 220",
      "refuse AUTH-REQUIRED E1 530",
      "refuse AUTH-REQUIRED E1 530",
    ]);
    assert.deepEqual(ask({ mayAuthenticate: true, user: "ops" }), [
      "local CONNECT 220",
      "local CONNECT 250",
      "local LOCAL 250",
    ]);
  });

  test("refuse a client that a list of RBLSVR names, authenticated or accepted all the same", () => {
    const list = domain("dnsbl.example");
    const from = client("10.3.0.9", { listedBy: list, user: "ops", mayAuthenticate: true });
    const policy = policyOf({ RBLSVR: [list], OVRRJTCNNL: "*YES", ALWRLY: "*LIST" }, ["*ACCEPT", "10.0.0.0/8"]);
    assert.equal(said(decideConnection(policy, from, ID)), "refuse-connection RBL");
    assert.equal(said(decideConnection(policyOf({}), from, ID)), "local CONNECT", "the list is no longer asked");
  });

  test("ALWAUTH(*LCLRLY) wants every client to authenticate", () => {
    const policy = policyOf({ ALWAUTH: "*LCLRLY" });
    const stranger = decideSender(policy, client("10.0.0.1"), null, ID);
    assert.equal(said(stranger), "refuse AUTH-REQUIRED");
    assert.match(describeReply(stranger.reply), /^530 5\.7\.0 /);
    assert.equal(said(decideSender(policy, client("10.0.0.1", { user: "ops" }), null, ID)), "local CONNECT");
  });

  test("VFYFROMUSR wants senders of ours: of everybody, or of who is not on *ACCEPT; reports pass", () => {
    const cases: [Attributes["VFYFROMUSR"], from: string, sender: string | null, expected: string][] = [
      ["*NONE", "10.9.0.1", "a@far.example", "local CONNECT"],
      ["*ALL", "10.9.0.1", "a@far.example", "refuse VFYFROMUSR"],
      ["*ALL", "10.1.0.1", "a@far.example", "refuse VFYFROMUSR"],
      ["*ALL", "10.9.0.1", "a@inside.example", "local CONNECT"],
      ["*ALL", "10.9.0.1", null, "local CONNECT"],
      ["*LIST", "10.1.0.1", "a@far.example", "local CONNECT"],
      ["*LIST", "10.9.0.1", "a@far.example", "refuse VFYFROMUSR"],
    ];
    for (const [VFYFROMUSR, from, sender, expected] of cases) {
      const policy = policyOf({ VFYFROMUSR }, ["*ACCEPT", "10.1.0.0/16"]);
      const decision = decideSender(policy, client(from), sender === null ? null : mailbox(sender), ID);
      assert.equal(said(decision), expected, `${VFYFROMUSR} ${from} ${sender}`);
      if (decision.verdict === "refuse") {
        assert.equal(
          describeReply(decision.reply),
          `550 5.7.1 <a@far.example>: sender not allowed for ${from} [D-7F3K2]`,
        );
      }
    }
  });
});

suite("laws, for policies, clients and recipients of chance", () => {
  const scenes = 1_000;
  const passes = (decision: Decision): boolean => decision.verdict === "relay" || decision.verdict === "local";

  test("under *NONE nothing relays", () => {
    const chance = new Chance(11);
    for (let i = 0; i < scenes; i++) {
      const { policy } = randomScene(chance);
      const closed =
        policy.attributes.ALWRLY === "*NONE"
          ? policy
          : after(policy, { kind: "set-attributes", attributes: { ALWRLY: "*NONE" } });
      const decision = decideRelay(closed, randomClient(chance).facts, randomRecipient(chance).mailbox, null, ID);
      assert.notEqual(decision.verdict, "relay");
    }
  });

  test("adding a *REJECT entry lets nobody in", () => {
    const chance = new Chance(12);
    for (let i = 0; i < scenes; i++) {
      const { policy } = randomScene(chance);
      const entry = { list: "*REJECT", value: { kind: "network", network: randomNetwork(chance) } } as const;
      const added = applyChange(
        policy,
        { kind: "add-entry", entry: { ...entry, text: "", expiresAt: null } },
        { at: 0, by: "" },
      );
      if (added.ok) letsNobodyIn(chance, policy, added.value.policy);
    }
  });

  test("removing an entry of *ACCEPT or *NEAR lets nobody in", () => {
    const chance = new Chance(13);
    for (let i = 0; i < scenes; i++) {
      const { policy } = randomScene(chance);
      const entries = [...policy.entries("*ACCEPT"), ...policy.entries("*NEAR")];
      if (entries.length === 0) continue;
      letsNobodyIn(chance, policy, after(policy, { kind: "remove-entry", id: chance.pick(entries).id }));
    }
  });

  function letsNobodyIn(chance: Chance, before: CompiledPolicy, changed: CompiledPolicy): void {
    for (let i = 0; i < 5; i++) {
      const { facts } = randomClient(chance);
      const { mailbox: recipient } = randomRecipient(chance);
      const now = decideRelay(changed, facts, recipient, null, ID);
      if (passes(now)) assert.ok(passes(decideRelay(before, facts, recipient, null, ID)), now.path.join("\n"));
      if (passes(decideConnection(changed, facts, ID))) assert.ok(passes(decideConnection(before, facts, ID)));
      const sender = decideSender(changed, facts, recipient, ID);
      if (passes(sender)) assert.ok(passes(decideSender(before, facts, recipient, ID)), sender.path.join("\n"));
    }
  }
});
