import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { MemoryPolicyLog } from "../adapters/memory/policy-log.ts";
import { domain } from "../../tests/policy/scene.ts";
import { parseCidr } from "../core/mail/network.ts";
import type { AllowRelay, EntryValue, PolicyChange, PolicyRecord } from "../core/policy/policy.ts";
import { PolicyKeeper } from "./administer.ts";
import type { ChangeRequest } from "./operations.ts";
import type { PolicyLog } from "./ports.ts";

type Event = Parameters<Parameters<typeof PolicyKeeper.open>[0]["record"]>[0];

interface Bench {
  readonly keeper: PolicyKeeper;
  readonly events: Event[];
}

let now = 1_000;

async function open(log: PolicyLog = new MemoryPolicyLog()): Promise<Bench> {
  const events: Event[] = [];
  const keeper = await PolicyKeeper.open({
    log,
    clock: { now: () => ++now },
    limits: { policyEntries: 100 },
    localDomains: [domain("inside.example")],
    use: (id) => (id === 1 ? { hits: 3, lastUsedAt: 5, lastClient: "10.0.0.1" } : null),
    record: (event) => events.push(event),
  });
  return { keeper, events };
}

function network(text: string): EntryValue {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return { kind: "network", network: parsed.value };
}

function add(text: string): PolicyChange {
  return { kind: "add-entry", entry: { list: "*ACCEPT", value: network(text), text: "", expiresAt: null } };
}

function allow(ALWRLY: AllowRelay): PolicyChange {
  return { kind: "set-attributes", attributes: { ALWRLY } };
}

function asked(change: PolicyChange, confirmed = false): ChangeRequest {
  return { change, command: `typed ${change.kind}`, by: "ops", confirmed };
}

suite("PolicyKeeper", () => {
  test("begins with version 0: ALWRLY(*NONE) and no entries", async () => {
    const { keeper } = await open();
    assert.equal(keeper.version(), 0);
    assert.equal(keeper.attributes().ALWRLY, "*NONE");
    assert.deepEqual(keeper.entries(), []);
    assert.equal(await keeper.undo("ops", false), null);
    assert.deepEqual(await keeper.history(10), []);
  });

  test("change() appends, swaps, tells listeners and the journal, and answers with findings", async () => {
    const { keeper, events } = await open();
    const versions: number[] = [];
    const end = keeper.onChange(({ version }) => versions.push(version));
    const before = keeper.compiled();
    const answer = await keeper.change(asked(add("10.1.0.0/16")));
    assert.ok(answer.ok);
    assert.equal(answer.value.version, 1);
    assert.equal(answer.value.entry?.id, 1);
    assert.deepEqual(
      answer.value.findings.map(({ kind }) => kind),
      ["unreachable"],
    );
    end();
    assert.ok((await keeper.change(asked(allow("*LIST")))).ok);
    assert.deepEqual(versions, [1]);
    assert.equal(before.version, 0, "who holds a version keeps it");
    assert.equal(before.accept.size, 0);
    assert.deepEqual(
      events.map(({ version, by, command }) => [version, by, command]),
      [
        [1, "ops", "typed add-entry"],
        [2, "ops", "typed set-attributes"],
      ],
    );
    assert.match(events[0]?.meaning ?? "", /10\.1\.0\.0\/16 added to \*ACCEPT/);
    assert.deepEqual(keeper.use(1), { hits: 3, lastUsedAt: 5, lastClient: "10.0.0.1" });
    assert.equal(keeper.entry(1)?.addedBy, "ops");
    assert.deepEqual(await keeper.analyse(), []);
  });

  test("is after a restart what it was before", async () => {
    const log = new MemoryPolicyLog();
    const { keeper } = await open(log);
    for (const change of [add("10.1.0.0/16"), add("10.2.0.0/16"), allow("*LIST")]) await keeper.change(asked(change));
    await keeper.change(asked({ kind: "remove-entry", id: 1 }));
    const { keeper: again } = await open(log);
    assert.equal(again.version(), 4);
    assert.deepEqual(again.entries(), keeper.entries());
    assert.deepEqual(again.attributes(), keeper.attributes());
    const undone = await again.undo("ops", false);
    assert.ok(undone?.ok, "the newest change is known after a restart");
    assert.deepEqual(
      again.entries().map(({ id, value }) => [id, value]),
      [
        [3, network("10.1.0.0/16")],
        [2, network("10.2.0.0/16")],
      ],
    );
  });

  test("opening wide needs confirmation, and changes nothing without", async () => {
    const { keeper, events } = await open();
    const refused = await keeper.change(asked(allow("*ALL")));
    assert.ok(!refused.ok && refused.error.kind === "needs-confirmation");
    assert.equal(refused.error.letsIn, (1n << 32n) + (1n << 128n));
    assert.equal(keeper.version(), 0);
    assert.equal(events.length, 0);
    assert.ok((await keeper.preview(asked(allow("*ALL"), true))).ok);
    assert.equal(keeper.version(), 0, "a preview changes nothing");
    assert.ok((await keeper.change(asked(allow("*ALL"), true))).ok);
    assert.ok((await keeper.change(asked(allow("*NONE")))).ok);
    const undone = await keeper.undo("ops", false);
    assert.ok(undone && !undone.ok && undone.error.kind === "needs-confirmation", "undo is no way around it");
    assert.ok((await keeper.undo("ops", true))?.ok);
    assert.equal(keeper.attributes().ALWRLY, "*ALL");
  });

  test("undo() twice does it again; history() has all of it, the newest first", async () => {
    const { keeper } = await open();
    await keeper.change(asked(add("10.1.0.0/16")));
    assert.ok((await keeper.undo("ops", false))?.ok);
    assert.deepEqual(keeper.entries(), []);
    assert.ok((await keeper.undo("ops", false))?.ok);
    assert.deepEqual(
      keeper.entries().map(({ id, value }) => [id, value]),
      [[2, network("10.1.0.0/16")]],
    );
    const records = await keeper.history(2);
    assert.deepEqual(
      records.map(({ version, command }) => [version, command]),
      [
        [3, "UNDSMTPCHG /* version 2 */"],
        [2, "UNDSMTPCHG /* version 1 */"],
      ],
    );
  });

  test("changes that come at once go one after the other", async () => {
    const { keeper } = await open();
    const answers = await Promise.all([
      ...["10.1.0.0/16", "10.2.0.0/16", "10.1.0.0/16"].map((text) => keeper.change(asked(add(text)))),
      keeper.undo("ops", false),
    ]);
    assert.deepEqual(
      answers.map((answer) => (answer?.ok ? answer.value.version : answer?.error.kind)),
      [1, 2, "duplicate-entry", 3],
    );
    assert.deepEqual(
      keeper.entries().map(({ id }) => id),
      [1],
    );
  });

  test("a conflict says who was first, takes over what they did, and the next change succeeds", async () => {
    const log = new MemoryPolicyLog();
    const { keeper } = await open(log);
    const { keeper: other } = await open(log);
    await other.change({ ...asked(add("10.9.0.0/16")), by: "another" });
    const refused = await keeper.change(asked(add("10.1.0.0/16")));
    assert.deepEqual(refused, { ok: false, error: { kind: "conflict", version: 1, by: "another" } });
    assert.deepEqual(keeper.entries(), other.entries());
    const answer = await keeper.change(asked(add("10.1.0.0/16")));
    assert.ok(answer.ok);
    assert.equal(answer.value.version, 2);
  });

  test("a fault of the log reaches who asked, changes nothing, and does not stop the next change", async () => {
    const memory = new MemoryPolicyLog();
    let broken = true;
    const log: PolicyLog = {
      read: (from) => memory.read(from),
      heads: (from) => memory.heads(from),
      append: (record) => (broken ? Promise.reject(new Error("disk")) : memory.append(record)),
    };
    const { keeper, events } = await open(log);
    await assert.rejects(keeper.change(asked(add("10.1.0.0/16"))), /disk/);
    assert.equal(keeper.version(), 0);
    assert.equal(events.length, 0);
    broken = false;
    assert.ok((await keeper.change(asked(add("10.1.0.0/16")))).ok);
  });

  test("a log that is no history is not taken for a policy", async () => {
    const record = (version: number, change: PolicyChange): PolicyRecord => ({
      version,
      at: 1,
      by: "ops",
      command: "",
      change,
    });
    const logs: PolicyRecord[][] = [
      [record(2, allow("*LIST"))],
      [record(1, { kind: "remove-entry", id: 7 })],
      [record(1, add("10.0.0.0/8")), record(2, add("10.0.0.0/8"))],
    ];
    for (const records of logs) {
      const notHere = (): Promise<never> => Promise.reject(new Error("not here"));
      const log: PolicyLog = { read: async () => records, heads: notHere, append: notHere };
      await assert.rejects(open(log), /damaged at version/);
    }
  });
});
