import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseCidr } from "../../src/core/mail/network.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { Decision, Verdict } from "../../src/core/policy/decision.ts";
import type { Entry } from "../../src/core/policy/policy.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { Journal, JournalEvent, JournalFilter, JournalRow } from "../../src/flows/ports.ts";
import { address, domain, NOW, sampleOutcome } from "./sample-message.ts";

export interface JournalUnderTest {
  readonly journal: Journal;
  close(): Promise<void>;
}

const parsed = parseCidr("10.1.0.0/16");
assert.ok(parsed.ok);
const entryNetwork = parsed.value;
const entry: Entry = {
  id: 17,
  list: "*ACCEPT",
  value: { kind: "network", network: entryNetwork },
  text: "ERP",
  addedBy: "operator",
  addedAt: NOW,
  expiresAt: null,
};

function decisionEvent(id: number, client: string, verdict: Verdict, recipient: string, count = 1): JournalEvent {
  const decision: Decision = {
    verdict,
    rule: verdict === "relay" ? "ACCEPT" : "NO-MATCH",
    entry: verdict === "relay" ? entry : null,
    policyVersion: 42,
    reply: verdict === "relay" ? reply(250, "2.1.5", "Ok") : reply(550, "5.7.1", "relay denied"),
    path: ["ALWRLY is *LIST", "*ACCEPT asked"],
  };
  return {
    kind: "decision",
    at: NOW + id,
    id,
    decision,
    client: address(client),
    helo: "client.example",
    user: null,
    reversePath: "ann@sender.example",
    recipient,
    listener: "0.0.0.0:25",
    count,
  };
}

const EVENTS: readonly JournalEvent[] = [
  decisionEvent(1, "10.1.2.3", "relay", "bob@far.example"),
  decisionEvent(2, "192.0.2.7", "refuse", "eve@other.example", 12),
  decisionEvent(3, "2001:db8::7", "refuse-connection", ""),
  {
    kind: "accepted",
    at: NOW + 4,
    queueId: 900 as QueueId,
    client: address("10.1.2.3"),
    user: "ann",
    reversePath: "ann@sender.example",
    recipients: ["bob@far.example", "cy@near.example"],
    sizeOctets: 4_096,
    tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
  },
  {
    kind: "outcome",
    at: NOW + 5,
    queueId: 900 as QueueId,
    reversePath: "ann@sender.example",
    recipient: "cy@near.example",
    outcome: sampleOutcome(1, "delivered"),
  },
  { kind: "policy", at: NOW + 6, version: 43, by: "operator", command: "CHGSMTPA ALWRLY(*LIST)", meaning: "lists" },
  { kind: "operation", at: NOW + 7, by: "system", text: "started" },
];

/** What the port Journal promises. `open` makes a new, empty one. */
export function journalContract(adapter: string, open: () => Promise<JournalUnderTest>): void {
  const withJournal = (title: string, body: (journal: Journal) => Promise<void>): void => {
    test(title, async () => {
      const under = await open();
      try {
        await body(under.journal);
      } finally {
        await under.close();
      }
    });
  };
  const record = async (journal: Journal): Promise<void> => {
    for (const event of EVENTS) journal.record(event);
    await journal.flush();
  };
  const events = (rows: readonly JournalRow[]): JournalEvent[] => rows.map(({ row: _, ...event }) => event);

  describe(`Journal of ${adapter}`, () => {
    withJournal("query() gives every kind of event back, oldest or newest first", async (journal) => {
      await record(journal);
      assert.deepEqual(events(await journal.query({ order: "oldest", limit: 100 })), EVENTS);
      assert.deepEqual(events(await journal.query({ order: "newest", limit: 100 })), EVENTS.toReversed());
    });

    withJournal("query() pages by row in both orders", async (journal) => {
      await record(journal);
      for (const order of ["oldest", "newest"] as const) {
        const seen: JournalRow[] = [];
        for (let page = await journal.query({ order, limit: 3 }); page.length > 0;) {
          assert.ok(page.length <= 3);
          seen.push(...page);
          page = await journal.query({ order, limit: 3, after: page.at(-1)?.row ?? 0 });
        }
        assert.deepEqual(events(seen), order === "oldest" ? EVENTS : EVENTS.toReversed());
      }
    });

    withJournal("query() filters by every field", async (journal) => {
      await record(journal);
      const cases: readonly [filter: Partial<JournalFilter>, at: readonly number[]][] = [
        [{ kinds: ["decision"] }, [0, 1, 2]],
        [{ kinds: ["policy", "operation"] }, [5, 6]],
        [{ from: NOW + 4 }, [3, 4, 5, 6]],
        [{ to: NOW + 3 }, [0, 1]],
        [{ clientIn: entryNetwork }, [0, 3]],
        [{ entryId: 17 }, [0]],
        [{ entryId: 18 }, []],
        [{ verdicts: ["refuse", "refuse-connection"] }, [1, 2]],
        [{ domain: domain("far.example") }, [0, 3]],
        [{ domain: domain("near.example") }, [3, 4]],
        [{ domain: domain("sender.example") }, [0, 1, 2, 3, 4]],
        [{ queueId: 900 as QueueId }, [3, 4]],
        [{ domain: domain("far.example"), kinds: ["accepted"] }, [3]],
        [{ limit: 1 }, [0]],
      ];
      for (const [filter, at] of cases) {
        const rows = await journal.query({ order: "oldest", limit: 100, ...filter });
        assert.deepEqual(
          events(rows),
          at.map((i) => EVENTS[i]),
          JSON.stringify(filter),
        );
      }
    });

    withJournal("findDecision() finds a decision by its number", async (journal) => {
      await record(journal);
      const found = await journal.findDecision(2);
      assert.deepEqual(found && events([found]), [EVENTS[1]]);
      assert.equal(await journal.findDecision(900), null);
    });

    withJournal("record() raises the count of a decision that is there already", async (journal) => {
      await record(journal);
      journal.record(decisionEvent(2, "192.0.2.7", "refuse", "eve@other.example", 13));
      journal.record(decisionEvent(2, "192.0.2.7", "relay", "eve@other.example", 5));
      await journal.flush();
      const rows = await journal.query({ order: "oldest", limit: 100, kinds: ["decision"] });
      const counts = rows.map((row) => (row.kind === "decision" ? [row.id, row.decision.verdict, row.count] : []));
      assert.deepEqual(counts, [
        [1, "relay", 1],
        [2, "refuse", 13],
        [3, "refuse-connection", 1],
        [2, "relay", 5],
      ]);
    });

    withJournal("nextDecisionId() never gives a number twice", async (journal) => {
      const given = Array.from({ length: 1_000 }, () => journal.nextDecisionId());
      assert.equal(new Set(given).size, 1_000);
      assert.ok(given.every((id) => Number.isSafeInteger(id) && id > 0));
    });
  });
}
