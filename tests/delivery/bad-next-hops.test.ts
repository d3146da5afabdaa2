/** Next hops and name servers that do not answer, by the thousand, and what the mail of others notices of them: nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { DAY_MS, MINUTE_MS } from "../../src/core/base/time.ts";
import { reply } from "../../src/core/mail/reply.ts";
import { House, LATER, OK } from "./house.ts";

const DOMAINS = 10_000;
const CONNECT_TIMEOUT_MS = 30_000;

/** Where a domain whose name begins with `dead` is stuck: at its name server, or at its mail server. */
type Where = "dns" | "connect";

function withDead(house: House, where: Where): { underWay: number; most: number } {
  const seen = { underWay: 0, most: 0 };
  const stuck = async (durationMs: number): Promise<void> => {
    seen.underWay++;
    seen.most = Math.max(seen.most, seen.underWay);
    await new Promise<void>((resolve) => house.clock.after(durationMs, resolve));
    seen.underWay--;
  };
  if (where === "dns") {
    const mx = house.resolver.mx.bind(house.resolver);
    house.resolver.mx = async (domain) => {
      if (!domain.startsWith("dead")) return await mx(domain);
      await stuck(10_000);
      return { kind: "trouble", reason: "no answer in time" };
    };
  } else {
    const send = house.transport.send.bind(house.transport);
    house.transport.send = async (hop, message) => {
      if (!hop.key.startsWith("mx:dead")) return await send(hop, message);
      await stuck(CONNECT_TIMEOUT_MS);
      const replies = message.recipients.map(() => reply(451, "4.4.1", "no answer"));
      return { server: "", tls: "", replies, routeTrouble: true, dsnPassedOn: false };
    };
  }
  return seen;
}

/** How long each of these takes, in virtual time: -1 where it did not arrive. */
async function latencies(house: House, recipients: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (const recipient of recipients) {
    const before = house.transport.sent.length;
    const began = house.clock.now();
    await house.accept([recipient]);
    await house.settle();
    found.push(house.transport.sent.length > before ? house.clock.now() - began : -1);
    await house.clock.run(1_000);
  }
  return found;
}

for (const where of ["dns", "connect"] as const) {
  test(`mail for ${DOMAINS} domains that are stuck at ${where} delays nobody else's`, async () => {
    const house = new House();
    await house.deliverer.start();
    const seen = withDead(house, where);
    await house.accept(["first@good.example"]);
    await house.settle();
    for (let n = 0; n < DOMAINS; n++) await house.accept([`u@dead${n}.example`]);
    await house.settle();
    const good = Array.from({ length: 20 }, (_, n) => `u${n}@good.example`);
    assert.deepEqual(
      await latencies(house, good),
      good.map(() => 0),
    );
    assert.ok(seen.most <= 75, `${seen.most} attempts at once for those that do not answer`);
    assert.equal((await house.deliverer.summary()).queued, DOMAINS);
  });
}

test("after a restart with 10,000 domains that were tried in vain, a domain that nobody tried is served at once", async () => {
  const spool = new MemorySpool();
  const before = new House({}, spool);
  before.transport.answer = () => LATER;
  await before.deliverer.start();
  for (let n = 0; n < DOMAINS; n++) await before.accept([`u@dead${n}.example`]);
  for (let i = 0; i < 10; i++) await before.settle();
  await before.deliverer.stop(0);

  const house = new House({}, spool, before.nextQueueId());
  house.clock.advance(DAY_MS);
  const seen = withDead(house, "connect");
  await house.deliverer.start();
  await house.settle();
  assert.equal(seen.underWay, 50, "a window, and not a herd");
  assert.deepEqual(await latencies(house, ["u@new.example", "v@other.example"]), [0, 0]);
  // Those that are tried in vain again come back at times of their own.
  await house.pass(2 * MINUTE_MS, 10_000);
  assert.ok(seen.most <= 50, `${seen.most} at once`);
});

test("a next hop that says 421 every other time delays nobody else's mail, and gets its own in the end", async () => {
  const house = new House();
  await house.deliverer.start();
  let calls = 0;
  house.transport.trouble = (key) =>
    key === "mx:flapping.example" && calls++ % 2 === 0 ? reply(421, "4.3.2", "come back later") : null;
  for (let n = 0; n < 40; n++) await house.accept([`u${n}@flapping.example`]);
  assert.deepEqual(await latencies(house, ["a@good.example", "b@good.example"]), [0, 0]);
  // Slowed down to one attempt a minute, of which every other one says 421 again.
  await house.pass(40 * 2 * MINUTE_MS);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.ok(calls <= 2 * 40, `${calls} attempts for 40 messages`);
});

test("10,000 recipients of one message, each at a host of its own, are delivered, and others meanwhile", async () => {
  const house = new House();
  await house.deliverer.start();
  house.transport.answer = () => OK;
  const recipients = Array.from({ length: 10_000 }, (_, n) => `u@d${n}.example`);
  await house.accept(recipients);
  await house.accept(["a@good.example"]);
  for (let i = 0; i < 50 && (await house.spool.counts()).queued > 0; i++) await house.settle();
  assert.equal(house.transport.sent.length, 10_001);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a burst of 10,000 recipients at one host, refused and deferred by turns, ends in one report and one retry", async () => {
  const house = new House();
  await house.deliverer.start();
  house.transport.answer = (recipient) => {
    const n = Number(recipient.slice(1, recipient.indexOf("@")));
    return n % 3 === 0 ? reply(550, "5.1.1", "nobody") : n % 3 === 1 ? LATER : OK;
  };
  await house.accept(Array.from({ length: 10_000 }, (_, n) => `u${n}@one.example`));
  await house.settle();
  const again = house.transport.sent.length;
  house.transport.answer = () => OK;
  await house.pass(40 * MINUTE_MS);
  const [, report, retry] = house.transport.sent;
  assert.equal(again, 2, "one transaction and one report");
  assert.equal(report?.message.envelope.reversePath, null);
  assert.equal(retry?.message.recipients.length, 3_333);
  assert.equal((await house.spool.counts()).queued, 0);
});
