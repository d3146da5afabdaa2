import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_ATTRIBUTES, type PolicyChange, type PolicyRecord } from "../../src/core/policy/policy.ts";
import { parseCidr } from "../../src/core/mail/network.ts";
import type { PolicyLog } from "../../src/flows/ports.ts";
import { DONE, domain, NOW } from "./sample-message.ts";

export interface PolicyLogUnderTest {
  readonly policyLog: PolicyLog;
  close(): Promise<void>;
}

const network = parseCidr("2001:db8::/32");
assert.ok(network.ok);
const entry = {
  list: "*ACCEPT",
  value: { kind: "network", network: network.value },
  text: "Düsseldorf 'ERP'",
  expiresAt: null,
} as const;

/** One of every kind of change. */
const CHANGES: readonly PolicyChange[] = [
  { kind: "set-attributes", attributes: { ALWRLY: "*LIST", RBLSVR: [domain("list.example")] } },
  { kind: "add-entry", entry },
  { kind: "change-entry", id: 1, text: "", expiresAt: NOW },
  { kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries: [entry, { ...entry, text: "second" }] },
  { kind: "remove-entry", id: 1 },
];

function record(version: number, change: PolicyChange = { kind: "remove-entry", id: version }): PolicyRecord {
  return { version, at: NOW + version, by: "operator", command: `COMMAND ${version}`, change };
}

/** What the port PolicyLog promises. `open` makes a new, empty one. */
export function policyLogContract(adapter: string, open: () => Promise<PolicyLogUnderTest>): void {
  const withLog = (title: string, body: (log: PolicyLog) => Promise<void>): void => {
    test(title, async () => {
      const under = await open();
      try {
        await body(under.policyLog);
      } finally {
        await under.close();
      }
    });
  };

  describe(`PolicyLog of ${adapter}`, () => {
    withLog("read() of an empty log is empty", async (log) => {
      assert.deepEqual(await log.read(1), []);
    });

    withLog("append() keeps every kind of change, and read() gives them back from a version on", async (log) => {
      const records = CHANGES.map((change, i) => record(i + 1, change));
      for (const one of records) assert.deepEqual(await log.append(one), DONE);
      assert.deepEqual(await log.read(1), records);
      assert.deepEqual(await log.read(0), records);
      assert.deepEqual(await log.read(4), records.slice(3));
      assert.deepEqual(await log.read(6), []);
      assert.deepEqual(await log.read(2, 3), records.slice(1, 4));
    });

    withLog("heads() says of each record all but its change", async (log) => {
      const records = CHANGES.map((change, i) => record(i + 1, change));
      for (const one of records) await log.append(one);
      const heads = records.map(({ change, ...rest }) => ({ ...rest, kind: change.kind }));
      assert.deepEqual(await log.heads(1), heads);
      assert.deepEqual(await log.heads(4), heads.slice(3));
    });

    withLog("append() keeps a change of many entries", async (log) => {
      const entries = Array.from({ length: 5_000 }, (_, i) => ({ ...entry, text: `Müller ${i}` }));
      const large = record(1, { kind: "replace", attributes: DEFAULT_ATTRIBUTES, entries });
      assert.deepEqual(await log.append(large), DONE);
      assert.deepEqual(await log.read(1), [large]);
    });

    withLog("append() refuses what is not the successor of the last version, and names that", async (log) => {
      const conflict = (version: number) => ({ ok: false, error: { kind: "conflict", version } });
      assert.deepEqual(await log.append(record(2)), conflict(0));
      assert.deepEqual(await log.append(record(1)), DONE);
      assert.deepEqual(await log.append(record(1)), conflict(1));
      assert.deepEqual(await log.append(record(3)), conflict(1));
      assert.deepEqual(await log.read(1), [record(1)]);
    });

    withLog("append() lets one of two win that come in the same turn", async (log) => {
      const answers = await Promise.all([log.append(record(1)), log.append({ ...record(1), by: "other" })]);
      assert.deepEqual(
        answers.map((answer) => answer.ok),
        [true, false],
      );
      assert.deepEqual(await log.read(1), [record(1)]);
    });

    withLog("read() gives a long log whole and in order", async (log) => {
      const versions = Array.from({ length: 2_500 }, (_, i) => i + 1);
      await Promise.all(versions.map((version) => log.append(record(version))));
      assert.deepEqual(
        (await log.read(1)).map((one) => one.version),
        versions,
      );
    });
  });
}
