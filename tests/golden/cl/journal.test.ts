import assert from "node:assert/strict";
import { test } from "node:test";
import { ipv4 } from "../../../src/core/mail/ip.ts";
import { networkOf } from "../../../src/core/mail/network.ts";
import { reply } from "../../../src/core/mail/reply.ts";
import type { Decision } from "../../../src/core/policy/decision.ts";
import type { Entry } from "../../../src/core/policy/policy.ts";
import type { QueueId } from "../../../src/core/queue/message.ts";
import { runCommand } from "../../../src/flows/operate.ts";
import { NOW, type TestHouse } from "./house.ts";
import { newHouse } from "./new-house.ts";
import { checkPage, checkTranscript } from "./transcript.ts";

const ENTRY: Entry = {
  id: 17,
  list: "*ACCEPT",
  value: { kind: "network", network: networkOf(ipv4(0x0a640200), 24) },
  text: "ERP",
  addedBy: "ops",
  addedAt: NOW,
  expiresAt: null,
};

const RELAY: Decision = {
  verdict: "relay",
  rule: "ACCEPT",
  entry: ENTRY,
  policyVersion: 42,
  reply: reply(250, "2.1.5", "Recipient ok"),
  path: ["*REJECT: no entry covers 10.100.2.1", "example.net is not local", "ALWRLY(*LIST) asks *ACCEPT", "*ACCEPT: E17 10.100.2.0/24"],
};

const REFUSAL: Decision = {
  verdict: "refuse",
  rule: "NO-MATCH",
  entry: null,
  policyVersion: 42,
  reply: reply(550, "5.7.1", "<user@example.net>: relay denied for 10.2.3.4 [D-7F3K2]"),
  path: ["*REJECT: no entry covers 10.2.3.4", "example.net is not local", "*ACCEPT: no entry covers 10.2.3.4"],
};

/** `D-7F3K2`. */
const REFUSAL_ID = ((7 * 32 + 15) * 32 + 3) * 32 * 32 + 19 * 32 + 2;

async function journalHouse(): Promise<TestHouse> {
  const { house } = await newHouse();
  const queueId = 1_000 as QueueId;
  const common = { helo: "erp.example.com", user: null, listener: "0.0.0.0:25", count: 1 } as const;
  house.journal.record({ kind: "operation", at: NOW - 9_000, by: "root", text: "SMTP server started" });
  house.journal.record({
    kind: "policy",
    at: NOW - 8_000,
    version: 42,
    by: "ops",
    command: "CHGSMTPA ALWRLY(*LIST)",
    meaning: "Clients on *ACCEPT may relay: 256 addresses.",
  });
  house.journal.record({
    ...common,
    kind: "decision",
    at: NOW - 7_000,
    id: 1,
    decision: RELAY,
    client: ipv4(0x0a640201),
    reversePath: "erp@example.com",
    recipient: "bob@example.net",
  });
  house.journal.record({
    ...common,
    kind: "decision",
    at: NOW - 6_000,
    id: REFUSAL_ID,
    decision: REFUSAL,
    client: ipv4(0x0a020304),
    helo: "evil\u001b[31m",
    reversePath: "=cmd()|'calc'!A0@evil.example",
    recipient: "user@example.net",
    count: 31,
  });
  const flood = { decision: { ...REFUSAL, policyVersion: 43 }, reversePath: "", recipient: "z@example.org" };
  house.journal.record({
    ...common,
    ...flood,
    kind: "decision",
    at: NOW - 5_500,
    id: 5,
    client: ipv4(0x0a020900),
    count: 12_345,
    over: "network",
  });
  house.journal.record({
    ...common,
    ...flood,
    kind: "decision",
    at: NOW - 5_400,
    id: 6,
    client: ipv4(0xc0000217),
    count: 98_765,
    over: "everybody",
  });
  house.journal.record({
    kind: "accepted",
    at: NOW - 5_000,
    queueId,
    client: ipv4(0x0a640201),
    user: null,
    reversePath: "erp@example.com",
    recipients: ["bob@example.net"],
    sizeOctets: 4_096,
    tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
  });
  house.journal.record({
    kind: "outcome",
    at: NOW - 4_500,
    queueId,
    reversePath: "erp@example.com",
    recipient: "bob@example.net",
    outcome: {
      kind: "deferred",
      recipient: 0,
      at: NOW - 4_500,
      nextHop: "mx1.example.net:25",
      server: "mx1.example.net [192.0.2.25]",
      reply: reply(451, "4.7.1", "Greylisting in action"),
      tls: "TLSv1.3",
      retryAt: NOW + 60_000,
    },
  });
  house.journal.record({
    kind: "outcome",
    at: NOW - 4_000,
    queueId,
    reversePath: "erp@example.com",
    recipient: "bob@example.net",
    outcome: {
      kind: "delivered",
      recipient: 0,
      at: NOW - 4_000,
      nextHop: "mx1.example.net:25",
      server: "mx1.example.net [192.0.2.25]",
      reply: reply(250, "2.0.0", "queued, thanks"),
      tls: "TLSv1.3",
    },
  });
  return house;
}

test("DSPSMTPJRN shows, filters and prints in three formats", async () => {
  const house = await journalHouse();
  await checkTranscript("journal", house, [
    "DSPSMTPJRN OUTPUT(*PRINT)",
    "DSPSMTPJRN ORDER(*OLDEST) NBRENT(2)",
    "DSPSMTPJRN TYPE(*DECISION *POLICY)",
    "DSPSMTPJRN CLIENT('10.100.0.0/16')",
    "DSPSMTPJRN CLIENT('10.2.3.4') VERDICT(*REFUSE)",
    "DSPSMTPJRN ENTRY(E17)",
    "DSPSMTPJRN MSG(QZ8)",
    "DSPSMTPJRN DOMAIN('example.net') FROMTIME('2026-11-24T04:20:31Z') TOTIME(*END)",
    "DSPSMTPJRN FORMAT(*CSV)",
    "DSPSMTPJRN FORMAT(*JSON) NBRENT(4)",
    "DSPSMTPJRN TYPE(*OUTCOME) VERDICT(*RELAY)",
    "DSPSMTPJRN CLIENT('10.2.3.400') ENTRY(X) MSG(17) FROMTIME('soon')",
  ]);
  const { output } = await house.run("DSPSMTPJRN FORMAT(*JSON)");
  assert.equal(output.split("\n").map((line) => JSON.parse(line) as unknown).length, 9);
  checkPage((await house.run("DSPSMTPJRN")).output);
});

test("DSPSMTPDCN finds a decision by the id in its reply, and asks for a new one", async () => {
  const house = await journalHouse();
  const questions: unknown[] = [];
  const operations = {
    ...house.operations,
    explain: {
      explain: (question: unknown) => {
        questions.push(question);
        return REFUSAL;
      },
    },
  };
  Object.assign(house, { operations });
  await checkTranscript("decision", house, [
    "DSPSMTPDCN ID(D-7F3K2)",
    "DSPSMTPDCN ID('[d-7f3k2]')",
    "DSPSMTPDCN ID(D-5)",
    "DSPSMTPDCN ID(D-ZZZZ)",
    "DSPSMTPDCN ID('nonsense!')",
    "DSPSMTPDCN CLIENT('10.2.3.4') RCP('user@example.net') SENDER('me@example.com') USER('Me') TLS(*YES)",
    "DSPSMTPDCN '::ffff:10.2.3.4'",
    "DSPSMTPDCN CLIENT('10.2.3')",
    "DSPSMTPDCN",
  ]);
  assert.deepEqual(questions, [
    { client: ipv4(0x0a020304), reversePath: "me@example.com", recipient: "user@example.net", user: "Me", tls: true },
    { client: ipv4(0x0a020304), reversePath: "", recipient: null, user: null, tls: false },
  ]);
  const { value } = await runCommand(operations, "DSPSMTPDCN CLIENT('10.2.3.4')", "ops");
  assert.deepEqual(JSON.parse(JSON.stringify(value)), {
    verdict: "refuse",
    rule: "NO-MATCH",
    entry: null,
    policyVersion: 42,
    reply: "550 5.7.1 <user@example.net>: relay denied for 10.2.3.4 [D-7F3K2]",
    path: [...REFUSAL.path],
  });
});
