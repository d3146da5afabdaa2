import assert from "node:assert/strict";
import { test } from "node:test";
import { House, sentTo } from "../../tests/delivery/house.ts";
import { MemorySpool } from "../adapters/memory/spool.ts";
import { DAY_MS, MINUTE_MS } from "../core/base/time.ts";
import type { QueueId } from "../core/queue/message.ts";
import { Faults } from "./faults.ts";

/** A transport that ends the life of its house at a message for `poison`: the attempt never ends, and the house is left as it is. */
function deadly(house: House): { died: boolean } {
  const state = { died: false };
  const { transport } = house;
  const send = transport.send.bind(transport);
  transport.send = async (hop, message) => {
    if (state.died || message.recipients.some(({ forwardPath }) => forwardPath.localPart === "poison")) {
      state.died = true;
      return await new Promise(() => {});
    }
    return await send(hop, message);
  };
  return state;
}

/** Lives of a house on one spool, until one survives or so many are over. */
async function livesOf(spool: MemorySpool): Promise<{ readonly died: number; readonly last: House }> {
  let house = new House({}, spool);
  let state = deadly(house);
  await house.deliverer.start();
  await house.accept(["poison@one.example"]);
  for (let i = 0; i < 5; i++) await house.accept([`bystander${i}@one.example`]);
  await house.settle();
  let died = 0;
  for (; state.died && died < 9; died++) {
    house = new House({}, spool, house.nextQueueId());
    state = deadly(house);
    house.clock.advance((died + 1) * DAY_MS);
    await house.deliverer.start();
    await house.pass(20 * MINUTE_MS);
  }
  return { died, last: house };
}

test("a message that the relay does not survive is held after three times, and those under way beside it are not", async () => {
  const spool = new MemorySpool();
  const { died, last } = await livesOf(spool);
  assert.equal(died, 4, "the first attempt of a fresh message, and three more");
  const waiting = await last.deliverer.list({}, 10);
  assert.deepEqual(
    waiting.map(({ state, message }) => [state, message.envelope.recipients[0]?.forwardPath.localPart]),
    [["held", "poison"]],
  );
  assert.match(last.operations.join("\n"), /is held: the relay ended 3 times in a row/);
  // Whoever releases it answers for it: it is tried again.
  await last.deliverer.release({}, "QSECOFR");
  await last.settle();
  assert.equal((await spool.due(0, 1)).faults[0], 1);
});

test("without the note before the try it would never end", async () => {
  const spool = new MemorySpool();
  spool.begin = async () => {};
  assert.equal((await livesOf(spool)).died, 9);
});

test("a relay that was merely stopped or killed holds nothing", async () => {
  const spool = new MemorySpool();
  const gate = new Promise<void>(() => {});
  let house = new House({}, spool);
  house.transport.gate = gate;
  await house.deliverer.start();
  await house.accept(["a@one.example"]);
  for (let life = 0; life < 2; life++) {
    house = new House({}, spool, house.nextQueueId());
    house.transport.gate = gate;
    await house.deliverer.start();
    await house.settle();
  }
  const last = new House({}, spool, house.nextQueueId());
  await last.deliverer.start();
  await last.settle();
  assert.deepEqual(sentTo(last), ["mx:one.example <sender@inside.example> a@one.example"]);
  assert.equal((await spool.counts()).queued, 0);
});

test("attempts of suspects are made one after the other, others at once", async () => {
  const faults = new Faults();
  const log: string[] = [];
  const attempt = (n: number): Promise<void> =>
    faults.attempt(n as QueueId, async () => {
      log.push(`begin ${n}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`end ${n}`);
    });
  faults.set(1 as QueueId, 2);
  faults.set(2 as QueueId, 2);
  faults.set(3 as QueueId, 1);
  await Promise.all([attempt(1), attempt(2), attempt(3), attempt(4)]);
  assert.ok(log.indexOf("end 1") < log.indexOf("begin 2"));
  assert.ok(log.indexOf("begin 4") < log.indexOf("end 1"));
});
