import assert from "node:assert/strict";
import { test } from "node:test";
import { House, mailbox, sentTo } from "../../tests/delivery/house.ts";
import { hop, serverAt } from "../../tests/smtp-client/sending.ts";
import type { Domain } from "../core/mail/domain.ts";
import { reply } from "../core/mail/reply.ts";
import { textOfDemand, type TlsDemand } from "../core/tls-policy/demand.ts";
import { hopFor, resultRequiringTls } from "./require-tls.ts";

const RECORD = { usage: 3, selector: 1, matchingType: 1, octets: new Uint8Array(32) };
const NAMES = ["mx.example.net", "example.net"];
const DANE: TlsDemand = { kind: "dane", records: [RECORD], names: NAMES };
const STS: TlsDemand = { kind: "mta-sts", mode: "enforce", names: ["mx.example.net"] };
const from = mailbox("a@inside.example");

/** What is demanded of the one server of a next hop by a message that says REQUIRETLS (true) or `TLS-Required: No`. */
function demanded(key: string, tls: TlsDemand, requireTls: boolean, isPublished = true): string {
  const server = { ...serverAt("mx.example.net", 25, { tls }), isPublished };
  const found = hopFor(hop(25, { key, servers: [server] }), {
    reversePath: from,
    body: "7BIT",
    smtpUtf8: false,
    requireTls,
  });
  return found === null ? "nowhere" : textOfDemand(found.servers[0]?.tls ?? { kind: "none" });
}

const strict: readonly [key: string, demand: TlsDemand, wanted: string][] = [
  ["mx:example.net", { kind: "may" }, "nowhere"],
  ["mx:example.net", { kind: "encrypt" }, "nowhere"],
  ["PARTNER/mx:example.net", { kind: "encrypt" }, "nowhere"],
  ["PARTNER/smarthost:mx.example.net:25", { kind: "encrypt" }, "verify mx.example.net"],
  ["mx:example.net", { kind: "none" }, "nowhere"],
  ["mx:example.net", { kind: "verify", names: NAMES }, "verify example.net"],
  ["mx:mx.example.net", { kind: "verify", names: ["mx.example.net"] }, "verify mx.example.net"],
  ["mx:example.net", DANE, textOfDemand(DANE)],
  ["mx:example.net", { ...DANE, records: [] }, "verify mx.example.net example.net"],
  ["mx:example.net", STS, "mta-sts enforce mx.example.net"],
  ["mx:example.net", { ...STS, mode: "testing" }, "mta-sts enforce mx.example.net"],
  ["mx:example.net", { kind: "pin", pins: ["ab"] }, "pin ab"],
  ["smarthost:mx.example.net:25", { kind: "may" }, "verify mx.example.net"],
  ["smarthost:mx.example.net:25", { kind: "none" }, "verify mx.example.net"],
  ["local:mx.example.net:25", { kind: "encrypt" }, "verify mx.example.net"],
  ["smarthost:mx.example.net:25", { kind: "verify", names: NAMES }, "verify mx.example.net example.net"],
];

for (const [key, demand, wanted] of strict) {
  test(`REQUIRETLS by ${key} under ${textOfDemand(demand)} demands ${wanted}`, () => {
    assert.equal(demanded(key, demand, true), wanted);
  });
}

test("TLS-Required: No loosens what a domain publishes, and nothing that a route says", () => {
  assert.equal(demanded("mx:example.net", DANE, false), "may");
  assert.equal(demanded("mx:example.net", STS, false), "may");
  assert.equal(demanded("mx:example.net", STS, false, false), textOfDemand(STS));
  assert.equal(demanded("mx:example.net", DANE, false, false), textOfDemand(DANE));
  for (const demand of [{ kind: "encrypt" }, { kind: "verify", names: NAMES }, { kind: "pin", pins: ["ab"] }] as const)
    assert.equal(demanded("mx:example.net", demand, false), textOfDemand(demand));
});

test("a connection under another demand has another key; without a word of TLS the hop is the same", () => {
  const given = hop(25, { key: "mx:example.net", servers: [serverAt("mx.example.net", 25, { tls: DANE })] });
  const envelope = { reversePath: from, body: "7BIT", smtpUtf8: false } as const;
  const keys = [true, false].map((requireTls) => hopFor(given, { ...envelope, requireTls })?.connectionsKey);
  assert.equal(new Set([given.connectionsKey, ...keys]).size, 3);
  assert.equal(hopFor(given, envelope), given);
  assert.equal(hopFor(given, { ...envelope, reversePath: null, requireTls: true }), given);
});

test("TLS that does not come about ends the message and not the route; that nobody answers is trouble as ever", () => {
  const result = (enhanced: string) => ({
    server: "",
    tls: "",
    replies: [reply(451, enhanced, "why")],
    routeTrouble: true,
    dsnPassedOn: false,
  });
  for (const [said, wanted] of [
    ["4.7.4", "5.7.10"],
    ["4.7.5", "5.7.10"],
    ["4.7.30", "5.7.30"],
  ] as const) {
    const { routeTrouble, replies } = resultRequiringTls(result(said));
    assert.deepEqual([routeTrouble, replies[0]?.code, replies[0]?.enhanced], [false, 550, wanted]);
  }
  for (const said of ["4.4.1", "4.7.0", "4.7.8"]) assert.equal(resultRequiringTls(result(said)).routeTrouble, true);
});

test("a message with REQUIRETLS that cannot be verified fails at once, and its report asks for the same and returns the header", async () => {
  const house = new House();
  await house.deliverer.start();
  await house.accept(["a@one.example"], { requireTls: true, ret: "FULL" });
  await house.settle();
  assert.deepEqual(sentTo(house), ["mx:inside.example <> sender@inside.example"]);
  const report = house.transport.sent[0]?.message;
  assert.equal(report?.envelope.requireTls, true);
  const text = report?.content.kind === "memory" ? Buffer.concat(report.content.chunks).toString() : "";
  assert.match(text, /^Status: 5\.7\.10\r$/m);
  assert.match(text, /^Content-Type: text\/rfc822-headers\r$/m);
});

test("mail with TLS-Required: No counts nowhere for TLSRPT, and has connections of its own", () => {
  const policy = { type: "no-policy-found", domain: "example.net" as Domain, strings: [], mxPatterns: [] } as const;
  const counted = hop(25, { servers: [{ ...serverAt("mx.example.net", 25, { tls: { kind: "may" } }), policy }] });
  const envelope = { reversePath: from, body: "7BIT", smtpUtf8: false } as const;
  assert.equal(hopFor(counted, envelope), counted);
  const found = hopFor(counted, { ...envelope, requireTls: false });
  assert.equal(found?.servers[0]?.policy, null);
  assert.notEqual(found?.connectionsKey, counted.connectionsKey);
});
