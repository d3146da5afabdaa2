import assert from "node:assert/strict";
import { test } from "node:test";
import { House, LATER } from "../../tests/delivery/house.ts";
import { MemorySpool } from "../adapters/memory/spool.ts";
import type { QueuedMessage, QueueId } from "../core/queue/message.ts";

/** A spool that counts the messages that were read from it. */
class CountingSpool extends MemorySpool {
  read = 0;

  override async find(id: QueueId): Promise<QueuedMessage | null> {
    this.read++;
    return await super.find(id);
  }

  override async load(after: number, limit: number): Promise<readonly QueuedMessage[]> {
    const page = await super.load(after, limit);
    this.read += page.length;
    return page;
  }
}

async function scene(): Promise<{ house: House; spool: CountingSpool }> {
  const spool = new CountingSpool();
  const house = new House({}, spool);
  house.transport.answer = () => LATER;
  await house.deliverer.start();
  for (let i = 0; i < 100; i++) await house.accept([`u${i}@${i % 4 === 0 ? "one" : "two"}.example`]);
  await house.accept(["a@one.example", "b@two.example"]);
  for (let i = 0; i < 5; i++) await house.settle();
  spool.read = 0;
  return { house, spool };
}

test("acts on next hop and state read no message, save those to several hosts", async () => {
  const { house, spool } = await scene();
  const { deliverer } = house;
  assert.equal(await deliverer.hold({ nextHop: "one.example" }, "QSECOFR"), 26);
  assert.equal(await deliverer.release({ states: ["held"] }, "QSECOFR"), 26);
  assert.equal(await deliverer.retry({ states: ["active"] }, "QSECOFR"), 0);
  assert.ok(spool.read <= 3, `${spool.read} messages were read`);
  spool.read = 0;
  assert.equal((await deliverer.list({ states: ["deferred"], nextHop: "two.example" }, 10)).length, 10);
  assert.ok(spool.read <= 12, `${spool.read} messages were read for a list of ten`);
  assert.equal(await deliverer.remove({}, "QSECOFR"), 101);
  assert.equal((await spool.counts()).queued, 0);
});

test("a list by state is in order of id, like one without", async () => {
  const { house } = await scene();
  const ids = async (filter: object): Promise<number[]> =>
    (await house.deliverer.list(filter, 200)).map(({ message }) => message.id);
  assert.deepEqual(await ids({ states: ["deferred"] }), await ids({}));
});
