/** What goes wrong only when two things happen at once: found by the simulation or while it was written, told here one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../src/core/base/time.ts";
import { reply } from "../../src/core/mail/reply.ts";
import { DEFAULT_ATTRIBUTES } from "../../src/core/policy/policy.ts";
import type { DuePage } from "../../src/core/queue/due-page.ts";
import type { QueuedMessage, QueueId } from "../../src/core/queue/message.ts";
import { SteadyTime } from "../../src/flows/steady-time.ts";
import { contentText, House, LATER, NO_USER, OK, sentTo, started } from "./house.ts";

const DOWN = reply(451, "4.4.1", "down");

/** A spool whose calls of one kind wait until they are let go. */
class SlowSpool extends MemorySpool {
  readonly #gates = new Map<string, Promise<void>>();

  /** Calls of this name wait from now on; what is returned lets them go. */
  slow(name: "due" | "find" | "hold" | "remove"): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gates.set(name, gate.promise);
    return () => {
      this.#gates.delete(name);
      gate.resolve();
    };
  }

  override async find(id: QueueId): Promise<QueuedMessage | null> {
    await this.#gates.get("find");
    return super.find(id);
  }

  override async hold(ids: readonly QueueId[], held: boolean): Promise<void> {
    await super.hold(ids, held);
    await this.#gates.get("hold");
  }

  override async due(after: number, limit: number): Promise<DuePage> {
    const page = await super.due(after, limit);
    await this.#gates.get("due");
    return page;
  }

  override async remove(ids: readonly QueueId[]): Promise<number> {
    await this.#gates.get("remove");
    return super.remove(ids);
  }
}

async function slowHouse(): Promise<{ house: House; spool: SlowSpool }> {
  const spool = new SlowSpool();
  const house = new House({}, spool);
  await house.deliverer.start();
  return { house, spool };
}

test("a clock that is set back holds up nothing, however busy the relay is", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient.startsWith("slow") ? LATER : OK);
  await house.accept(["slow@one.example"]);
  await house.pass(MINUTE_MS);
  house.clock.jump(house.clock.now() - 10 * DAY_MS);
  house.transport.answer = () => OK;
  for (let i = 0; i < 60; i++) {
    await house.accept([`u${i}@two.example`]);
    await house.pass(MINUTE_MS);
  }
  assert.equal((await house.spool.counts()).queued, 0);
});

test("steady time never goes back and leaves out what the clock was set by", () => {
  const clock = new ManualClock();
  const time = new SteadyTime(clock);
  const first = time.now();
  clock.advance(MINUTE_MS);
  assert.equal(time.now() - first, MINUTE_MS);
  for (const jumpMs of [-10 * DAY_MS, 40 * DAY_MS, -HOUR_MS]) {
    const before = time.now();
    clock.jump(clock.now() + jumpMs);
    assert.equal(time.now(), before);
    assert.equal(time.toWall(time.now()), clock.now());
    assert.equal(time.fromWall(clock.now()), before);
  }
  clock.advance(1_000);
  assert.equal(time.now() - first, MINUTE_MS + 1_000);
});

test("a message that recovery sees before its storing is answered is delivered once", async () => {
  const spool = new MemorySpool();
  const house = new House({}, spool);
  const gate = Promise.withResolvers<void>();
  const due = spool.due.bind(spool);
  spool.due = async (after, limit) => {
    await gate.promise;
    return due(after, limit);
  };
  const start = house.deliverer.start();
  const message = house.message(["a@one.example"]);
  await spool.put(message);
  gate.resolve();
  await start;
  await house.settle();
  house.deliverer.accept(message);
  await house.settle();
  assert.equal(sentTo(house).length, 1);
  assert.equal(house.deliverer.queued, 0);
});

test("what operators hold, release or remove while recovery has read it and not taken it in yet stays so", async () => {
  const spool = new SlowSpool();
  const before = new House({}, spool);
  await before.deliverer.start();
  before.transport.answer = () => LATER;
  const held = await before.accept(["held@one.example"]);
  const free = await before.accept(["free@one.example"]);
  const gone = await before.accept(["gone@one.example"]);
  await before.settle();
  await before.deliverer.hold({ ids: [free.id] }, "QSECOFR");
  await before.deliverer.stop(0);

  const after = new House({}, spool, before.nextQueueId());
  after.clock.advance(2 * HOUR_MS);
  const letLoad = spool.slow("due");
  const start = after.deliverer.start();
  await after.deliverer.hold({ ids: [held.id] }, "QSECOFR");
  await after.deliverer.release({ ids: [free.id] }, "QSECOFR");
  await after.deliverer.remove({ ids: [gone.id] }, "QSECOFR");
  letLoad();
  await start;
  await after.pass(2 * MINUTE_MS);
  assert.deepEqual(sentTo(after), ["mx:one.example <sender@inside.example> free@one.example"]);
  assert.equal((await after.deliverer.find(held.id))?.state, "held");
  assert.equal(after.deliverer.queued, 1);
});

test("of a release and a hold at once, what was asked for last holds", async () => {
  const { house, spool } = await slowHouse();
  house.transport.answer = () => LATER;
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  await house.deliverer.hold({ ids: [message.id] }, "QSECOFR");
  house.transport.sent.length = 0;
  const letGo = spool.slow("hold");
  const release = house.deliverer.release({ ids: [message.id] }, "QSECOFR");
  const hold = house.deliverer.hold({ ids: [message.id] }, "QPGMR");
  letGo();
  await Promise.all([release, hold]);
  house.transport.sent.length = 0;
  await house.pass(2 * HOUR_MS);
  assert.deepEqual(sentTo(house), []);
  assert.equal((await house.spool.find(message.id))?.held, true);
});

for (const act of ["hold", "remove"] as const) {
  test(`a message is not sent any more once ${act} was answered, though its next hop was being looked up`, async () => {
    const house = await started();
    const gate = Promise.withResolvers<void>();
    house.resolver.mx = async (domain) => {
      await gate.promise;
      return { kind: "mx", hosts: [{ preference: 10, host: `mx.${domain}` }], isSecure: false };
    };
    const message = await house.accept(["a@one.example"]);
    await house.settle();
    assert.equal(await house.deliverer[act]({ ids: [message.id] }, "QSECOFR"), 1);
    gate.resolve();
    await house.pass(2 * HOUR_MS);
    assert.deepEqual(sentTo(house), []);
    assert.equal(house.deliverer.queued, act === "hold" ? 1 : 0);
  });
}

test("a message that is held while it goes another way stays held", async () => {
  const { house, spool } = await slowHouse();
  house.transport.answer = () => LATER;
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  house.transport.sent.length = 0;
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example" };
  house.version = 2;
  const letFind = spool.slow("find");
  // Under way, and its row is being read.
  await house.deliverer.retry({}, "QSECOFR");
  await house.settle();
  await house.deliverer.hold({}, "QSECOFR");
  letFind();
  await house.pass(2 * HOUR_MS);
  assert.deepEqual(sentTo(house), []);
  assert.equal((await house.deliverer.find(message.id))?.state, "held");
  await house.deliverer.release({}, "QSECOFR");
  await house.settle();
  assert.deepEqual(sentTo(house), ["smarthost:router.example:25 <sender@inside.example> a@one.example"]);
});

test("MAILROUTER takes along at once all that waits behind a next hop in trouble, tried or not", async () => {
  const house = await started();
  house.transport.trouble = (key) => (key.startsWith("mx:") ? DOWN : null);
  for (let i = 0; i < 60; i++) await house.accept([`u${i}@one.example`]);
  await house.pass(20 * MINUTE_MS);
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example" };
  house.version = 2;
  await house.pass(3 * MINUTE_MS);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("an old message whose way changed is not dropped by the last probe of the old way", async () => {
  const house = await started();
  house.transport.trouble = (key) => (key.startsWith("mx:") ? DOWN : null);
  for (let i = 0; i < 5; i++) await house.accept([`u${i}@one.example`]);
  await house.pass(10 * MINUTE_MS);
  const tried = house.transport.sent.length;
  // The clock makes all of them old; one probe fails after that, another is under way when the way changes.
  house.clock.jump(house.clock.now() + 10 * DAY_MS);
  while (house.transport.sent.length === tried) await house.pass(MINUTE_MS);
  const gate = Promise.withResolvers<void>();
  house.transport.gate = gate.promise;
  await house.pass(HOUR_MS);
  // One attempt at a time: the others still stand in the old line.
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example", MAXOUTEMM: 1 };
  house.version = 2;
  gate.resolve();
  await house.pass(2 * HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.equal(house.deliverer.queued, 0);
});

test("a clock that is set ahead gives up what waits after two failed probes, not after one", async () => {
  const house = await started();
  house.transport.trouble = (key) => (key.startsWith("mx:one") ? DOWN : null);
  for (let i = 0; i < 5; i++) await house.accept([`u${i}@one.example`]);
  await house.pass(10 * MINUTE_MS);
  const tried = house.transport.sent.length;
  house.clock.jump(house.clock.now() + 10 * DAY_MS);
  while (house.transport.sent.length === tried) await house.pass(MINUTE_MS);
  // The one that was tried is given up by its own attempt, those behind it are not.
  assert.equal((await house.spool.counts()).queued, 4);
  await house.pass(3 * HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("nothing is reported of a message that an operator removed", async () => {
  const house = await started();
  const gate = Promise.withResolvers<void>();
  house.transport.answer = () => NO_USER;
  house.transport.gate = gate.promise;
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  await house.deliverer.remove({ ids: [message.id] }, "QSECOFR");
  gate.resolve();
  await house.pass(HOUR_MS);
  assert.equal(house.transport.sent.filter(({ message: { envelope } }) => envelope.reversePath === null).length, 0);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a message that storage could not remove or hold goes on as before", async () => {
  const house = await started();
  house.transport.answer = () => LATER;
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  const remove = house.spool.remove.bind(house.spool);
  const hold = house.spool.hold.bind(house.spool);
  house.spool.remove = house.spool.hold = async () => {
    throw new Error("the store is full");
  };
  await assert.rejects(house.deliverer.remove({ ids: [message.id] }, "QSECOFR"), /full/);
  await assert.rejects(house.deliverer.hold({ ids: [message.id] }, "QSECOFR"), /full/);
  Object.assign(house.spool, { remove, hold });
  house.transport.answer = () => OK;
  await house.pass(HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("reading that fails while a line waits for its probe ends nothing but that look", async () => {
  const house = await started();
  house.transport.trouble = () => DOWN;
  for (let i = 0; i < 3; i++) await house.accept([`u${i}@one.example`]);
  await house.pass(3 * HOUR_MS + 50 * MINUTE_MS);
  const find = house.spool.find.bind(house.spool);
  let looks = 0;
  house.spool.find = async (id) => {
    // The probe is read, those behind it are not.
    if (looks++ % 2 === 1) throw new Error("unreadable");
    return find(id);
  };
  await house.pass(HOUR_MS);
  house.spool.find = find;
  assert.ok(house.operations.some((text) => text.includes("waiting messages")));
  house.transport.trouble = () => null;
  await house.pass(2 * HOUR_MS);
  await house.deliverer.release({}, "QSECOFR");
  await house.settle();
  assert.equal((await house.spool.counts()).queued, 0);
});

test("stop() gives up on storage that does not answer", async () => {
  const house = await started();
  house.spool.settle = () => new Promise(() => {});
  await house.accept(["a@one.example"]);
  await house.settle();
  let stopped = false;
  void house.deliverer.stop(0).then(() => (stopped = true));
  await house.clock.run(MINUTE_MS);
  assert.ok(stopped);
});

test("a failure is reported though the content cannot be read", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient === "a@one.example" ? LATER : OK);
  await house.accept(["a@one.example"], { ret: "FULL" });
  await house.pass(2 * MINUTE_MS);
  house.transport.answer = (recipient) => (recipient === "a@one.example" ? NO_USER : OK);
  const content = house.spool.content.bind(house.spool);
  let reads = 0;
  house.spool.content = async (id) => {
    // The attempt gets it, the report does not.
    if (reads++ === 1) throw new Error("unreadable");
    return content(id);
  };
  await house.pass(HOUR_MS);
  const reports = house.transport.sent.filter(({ message: { envelope } }) => envelope.reversePath === null);
  assert.equal(reports.length, 1);
  assert.match(contentText(reports[0]?.message), /Final-Recipient: rfc822; a@one\.example/);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a message that went another way leaves nothing in the queue for the old one", async () => {
  const house = await started();
  house.transport.answer = () => LATER;
  await house.accept(["a@one.example", "b@two.example"]);
  await house.settle();
  house.transport.answer = () => OK;
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example" };
  house.version = 2;
  const [one] = await house.deliverer.list({ nextHop: "one.example" }, 1);
  assert.ok(one);
  await house.pass(28 * MINUTE_MS, MINUTE_MS / 10);
  while ((await house.spool.counts()).queued > 0) await house.pass(1_000, 1_000);
  assert.equal(house.deliverer.queued, 0);
});

test("recipients that part ways while the message waits all go on", async () => {
  const house = await started();
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example" };
  house.version = 2;
  house.transport.answer = () => LATER;
  await house.accept(["a@one.example", "b@two.example"]);
  await house.settle();
  house.transport.sent.length = 0;
  house.transport.answer = () => OK;
  // `two.example` is near now, and goes its own way.
  house.attributes = { ...house.attributes, FIREWALL: "*YES" };
  house.near = "two.example";
  house.version = 3;
  await house.pass(HOUR_MS);
  assert.deepEqual(sentTo(house).sort(), [
    "mx:two.example <sender@inside.example> b@two.example",
    "smarthost:router.example:25 <sender@inside.example> a@one.example",
  ]);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a message that is held during its last attempt is not given up before it is released", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient === "a@one.example" ? LATER : OK);
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  const gate = Promise.withResolvers<void>();
  house.clock.jump(house.clock.now() + 10 * DAY_MS);
  house.transport.gate = gate.promise;
  await house.pass(HOUR_MS);
  await house.deliverer.hold({}, "QSECOFR");
  gate.resolve();
  await house.pass(DAY_MS, HOUR_MS);
  assert.equal((await house.deliverer.find(message.id))?.state, "held");
  await house.deliverer.release({}, "QSECOFR");
  await house.pass(HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
});
