import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemoryUseStore } from "../adapters/memory/use-store.ts";
import { ipv4, parseIpAddress } from "../core/mail/ip.ts";
import type { EntryId } from "../core/policy/policy.ts";
import type { EntryUse, UseStore } from "./ports.ts";
import { USE_FLUSH_MS, UseAccount, type UseAccountOptions } from "./use-account.ts";

const CLIENT = ipv4(0xc0000201);

async function open(options: Partial<UseAccountOptions> = {}): Promise<UseAccount> {
  return UseAccount.open({
    store: new MemoryUseStore(),
    clock: new ManualClock(),
    entriesMax: 100,
    exists: () => true,
    onFault: (fault) => assert.fail(String(fault)),
    ...options,
  });
}

describe("UseAccount", () => {
  it("counts hits and remembers the last client and time", async () => {
    const account = await open();
    const v6 = parseIpAddress("2001:db8::7");
    assert.ok(v6.ok);
    account.count(7, CLIENT, 1_000);
    account.count(7, v6.value, 2_000);
    account.count(8, CLIENT, 3_000);
    assert.deepEqual(account.use(7), { hits: 2, lastUsedAt: 2_000, lastClient: "2001:db8::7" });
    assert.deepEqual(account.use(8), { hits: 1, lastUsedAt: 3_000, lastClient: "192.0.2.1" });
    assert.equal(account.use(9), null);
  });

  it("saves what changed, twice a second, and only that", async () => {
    const clock = new ManualClock();
    const saved: ReadonlyMap<EntryId, EntryUse>[] = [];
    const store: UseStore = {
      load: async () => new Map(),
      save: async (uses) => void saved.push(uses),
    };
    const account = await open({ clock, store });
    account.start();
    account.count(1, CLIENT, 1);
    account.count(1, CLIENT, 2);
    account.count(2, CLIENT, 3);
    await clock.run(USE_FLUSH_MS);
    assert.deepEqual(
      saved.map((uses) => [...uses].map(([id, use]) => [id, use.hits])),
      [
        [
          [1, 2],
          [2, 1],
        ],
      ],
    );
    await clock.run(USE_FLUSH_MS);
    assert.equal(saved.length, 1, "nothing changed, nothing saved");
    account.count(2, CLIENT, 4);
    await clock.run(USE_FLUSH_MS);
    assert.deepEqual([...(saved[1] ?? [])], [[2, { hits: 2, lastUsedAt: 4, lastClient: "192.0.2.1" }]]);
    await account.stop();
    assert.equal(clock.waiting, 0);
  });

  it("goes on where the last run ended", async () => {
    const store = new MemoryUseStore();
    const first = await open({ store });
    first.count(3, CLIENT, 10);
    await first.stop();
    const second = await open({ store });
    second.count(3, CLIENT, 20);
    assert.equal(second.use(3)?.hits, 2);
    await second.stop();
    assert.equal((await store.load()).get(3)?.hits, 2);
  });

  it("keeps what could not be saved, and reports a run of failures once", async () => {
    const faults: unknown[] = [];
    const saved: ReadonlyMap<EntryId, EntryUse>[] = [];
    let isFull = true;
    const store: UseStore = {
      load: async () => new Map(),
      save: async (uses) => {
        if (isFull) throw new Error("disk full");
        saved.push(uses);
      },
    };
    const account = await open({ store, onFault: (fault) => faults.push(fault) });
    account.count(1, CLIENT, 1);
    await account.flush();
    account.count(1, CLIENT, 2);
    await account.flush();
    assert.equal(faults.length, 1);
    isFull = false;
    await account.flush();
    assert.equal(saved[0]?.get(1)?.hits, 2);
  });

  it("forgets removed entries when there is no room, and never grows beyond it", async () => {
    const account = await open({ entriesMax: 2, exists: (id) => id !== 1 });
    account.count(1, CLIENT, 1);
    account.count(2, CLIENT, 1);
    account.count(3, CLIENT, 1);
    assert.equal(account.use(1), null);
    assert.equal(account.use(3)?.hits, 1);
    account.count(4, CLIENT, 1);
    assert.equal(account.use(4), null);
    assert.equal(account.use(2)?.hits, 1);
  });
});
