import assert from "node:assert/strict";
import { test } from "node:test";
import { contentText, House, LATER, mailbox, NO_USER, OK, sentTo, started } from "../../tests/delivery/house.ts";
import { MemorySpool } from "../adapters/memory/spool.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { reply } from "../core/mail/reply.ts";
import { DEFAULT_ATTRIBUTES } from "../core/policy/policy.ts";

function domainOf(text: string): Domain {
  return text as Domain;
}

function reportsOf(house: House): string[] {
  const reports = house.transport.sent.filter(({ message }) => message.envelope.reversePath === null);
  return reports.map(({ message }) => contentText(message));
}

test("a fresh message is delivered from memory, once for each next hop, and leaves the spool", async () => {
  const house = await started();
  await house.accept(["a@one.example", "b@two.example", "c@one.example"]);
  await house.settle();
  assert.deepEqual(sentTo(house).sort(), [
    "mx:one.example <sender@inside.example> a@one.example,c@one.example",
    "mx:two.example <sender@inside.example> b@two.example",
  ]);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.equal(house.outcomes.length, 3);
});

test("in mode capture everything ends in the capture box", async () => {
  const house = await started({ mode: "capture" });
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  assert.deepEqual(await house.spool.counts().then(({ queued, captured }) => ({ queued, captured })), {
    queued: 0,
    captured: 1,
  });
  assert.equal(house.transport.sent.length, 0);
  const entry = await house.deliverer.find(message.id);
  assert.equal(entry?.state, "captured");
  assert.equal(entry?.message.outcomes[0]?.nextHop, "capture");
});

test("4xx and 5xx are kept apart: one report tells of the failures when everything else rests", async () => {
  const house = await started();
  house.transport.answer = (recipient) =>
    recipient.startsWith("bad") ? NO_USER : recipient.startsWith("slow") ? LATER : OK;
  await house.accept(["good@one.example", "bad1@one.example", "slow@one.example", "bad2@two.example"]);
  await house.settle();
  const reports = house.transport.sent.filter(({ message }) => message.envelope.reversePath === null);
  assert.equal(reports.length, 1);
  const text = contentText(reports[0]?.message);
  assert.match(text, /Final-Recipient: rfc822; bad1@one\.example/);
  assert.match(text, /Final-Recipient: rfc822; bad2@two\.example/);
  assert.doesNotMatch(text, /good@|slow@/);
  assert.equal((await house.spool.counts()).queued, 1);

  house.transport.answer = () => OK;
  house.transport.sent.length = 0;
  await house.pass(40 * MINUTE_MS);
  assert.deepEqual(sentTo(house), ["mx:one.example <sender@inside.example> slow@one.example"]);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a failure is not reported to the null reverse-path, nor where NOTIFY=NEVER", async () => {
  const house = await started();
  house.transport.answer = () => NO_USER;
  await house.accept(["a@one.example"], { reversePath: null });
  await house.accept([{ forwardPath: mailbox("b@one.example"), notify: "NEVER" }]);
  await house.settle();
  assert.equal(house.transport.sent.length, 2);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a success is reported where it was asked for, unless the next hop took the duty over", async () => {
  for (const passedOn of [false, true]) {
    const house = await started();
    house.transport.dsnPassedOn = passedOn;
    await house.accept([{ forwardPath: mailbox("a@one.example"), notify: ["SUCCESS"] }]);
    await house.settle();
    const reports = house.transport.sent.filter(({ message }) => message.envelope.reversePath === null);
    assert.equal(reports.length, passedOn ? 0 : 1);
    if (!passedOn) assert.match(contentText(reports[0]?.message), /Action: relayed/);
  }
});

test("retries follow RTYMIN, RTYHOUR and RTYDAY, warn once after four hours and end after five days with a report", async () => {
  const house = await started();
  house.transport.answer = (_recipient, key) => (key === "mx:one.example" ? LATER : OK);
  const message = await house.accept(["a@one.example"]);
  await house.settle();
  const attempts = (): number => house.transport.sent.filter(({ key }) => key === "mx:one.example").length;
  assert.equal(attempts(), 1);
  await house.pass(25 * MINUTE_MS);
  assert.equal(attempts(), 1);
  await house.pass(80 * MINUTE_MS);
  assert.equal(attempts(), 4);
  const reports = (): string[] =>
    house.transport.sent
      .filter(({ message: { envelope } }) => envelope.reversePath === null)
      .map((one) => contentText(one.message));
  await house.pass(3 * HOUR_MS);
  assert.equal(reports().length, 1);
  assert.match(reports()[0] ?? "", /Action: delayed/);
  assert.equal((await house.deliverer.find(message.id))?.state, "deferred");
  await house.pass(5 * DAY_MS, 10 * MINUTE_MS);
  assert.equal(reports().length, 2);
  assert.match(reports()[1] ?? "", /Action: failed\r\nStatus: 4\.4\.7/);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.ok(attempts() >= 25 && attempts() <= 31, `${attempts()} attempts`);
});

test("one warning tells of all recipients that wait, wherever they wait, and none follows", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient.endsWith("@inside.example") ? OK : LATER);
  await house.accept([1, 2, 3, 4, 5].map((n) => `a@slow${n}.example`));
  await house.pass(12 * HOUR_MS, 10 * MINUTE_MS);
  const reports = reportsOf(house);
  assert.equal(reports.length, 1);
  for (let n = 1; n <= 5; n++)
    assert.match(reports[0] ?? "", new RegExp(`Final-Recipient: rfc822; a@slow${n}\\.example`));
});

test("a sender that a stranger named gets few reports in an hour, and what is withheld is told and counted", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient.endsWith("@inside.example") ? OK : NO_USER);
  for (let i = 0; i < 20; i++) await house.accept([`a${i}@one.example`]);
  await house.settle();
  assert.equal(reportsOf(house).length, DEFAULT_LIMITS.strangerReportsToAddress);
  assert.equal((await house.deliverer.summary()).reportsWithheld, 20 - DEFAULT_LIMITS.strangerReportsToAddress);
  assert.equal(house.outcomes.filter((line) => line.endsWith("failed")).length, 20);
  assert.equal(house.operations.filter((text) => /withheld/.test(text)).length, 1);
  assert.equal((await house.spool.counts()).queued, 0);
  await house.pass(HOUR_MS);
  await house.accept(["again@one.example"]);
  await house.settle();
  assert.equal(reportsOf(house).length, DEFAULT_LIMITS.strangerReportsToAddress + 1);
});

test("a report that cannot be delivered is told to the operator, and makes no other", async () => {
  const house = await started();
  house.transport.answer = () => NO_USER;
  await house.accept(["a@one.example"]);
  await house.settle();
  assert.equal(reportsOf(house).length, 1);
  assert.match(house.operations.join("\n"), /Our report Q\w+ is lost, sender@inside\.example .*No such user/);
  assert.equal((await house.spool.counts()).queued, 0);
});

test("a next hop in trouble is probed while its messages wait, and others flow", async () => {
  const house = await started();
  const down = reply(451, "4.4.1", "connection refused");
  house.transport.trouble = (key) => (key === "mx:down.example" ? down : null);
  for (let i = 0; i < 50; i++) await house.accept([`u${i}@down.example`]);
  await house.accept(["u@up.example"]);
  await house.settle();
  const tried = (): number => house.transport.sent.filter(({ key }) => key === "mx:down.example").length;
  const atFirst = tried();
  assert.ok(atFirst <= 21, `${atFirst} attempts before the trouble was known`);
  assert.ok(sentTo(house).some((line) => line.startsWith("mx:up.example")));
  await house.pass(10 * MINUTE_MS);
  assert.ok(tried() - atFirst <= 6, `${tried() - atFirst} probes in ten minutes`);
  assert.equal((await house.deliverer.summary()).queued, 50);
  house.transport.trouble = () => null;
  await house.pass(2 * HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.equal(house.transport.sent.filter(({ message }) => message.envelope.reversePath === null).length, 0);
});

test("a clock that is set ten days ahead bounces nothing without a try", async () => {
  const house = await started();
  house.transport.trouble = (key) => (key === "mx:down.example" ? reply(451, "4.4.1", "down") : null);
  house.transport.answer = (_recipient, key) => (key === "mx:slow.example" ? LATER : OK);
  for (let i = 0; i < 30; i++) await house.accept([`u${i}@down.example`]);
  await house.accept(["u@slow.example"]);
  await house.pass(10 * MINUTE_MS);
  house.clock.jump(house.clock.now() + 10 * DAY_MS);
  house.transport.trouble = () => null;
  house.transport.answer = () => OK;
  await house.pass(2 * HOUR_MS);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.equal(house.transport.sent.filter(({ message }) => message.envelope.reversePath === null).length, 0);
});

test("start() takes in what the spool has, with its due times, and delivers nothing twice", async () => {
  const spool = new MemorySpool();
  const before = new House({}, spool);
  await before.deliverer.start();
  before.transport.answer = (recipient) => (recipient.startsWith("slow") ? LATER : OK);
  await before.accept(["slow@one.example", "done@one.example"]);
  await before.settle();
  await before.accept(["held@one.example"], {}).catch(() => {});
  await before.deliverer.stop(0);

  const after = new House({}, spool, before.nextQueueId());
  after.clock.advance(MINUTE_MS);
  await after.deliverer.start();
  await after.settle();
  assert.deepEqual(sentTo(after), []);
  await after.pass(40 * MINUTE_MS);
  assert.deepEqual(sentTo(after), ["mx:one.example <sender@inside.example> slow@one.example"]);
});

test("hold, release, retry and remove work by id, sender, recipient and next hop", async () => {
  const house = await started();
  house.transport.answer = () => LATER;
  const first = await house.accept(["a@one.example"]);
  await house.accept(["b@two.example"], { reversePath: mailbox("other@inside.example") });
  await house.accept(["c@three.example"]);
  await house.settle();
  const { deliverer } = house;
  assert.equal(await deliverer.hold({ ids: [first.id] }, "QSECOFR"), 1);
  assert.equal((await deliverer.find(first.id))?.state, "held");
  assert.equal(await deliverer.hold({ reversePath: "other@inside.example" }, "QSECOFR"), 1);
  assert.equal((await deliverer.list({ states: ["held"] }, 10)).length, 2);
  house.transport.answer = () => OK;
  assert.equal(await deliverer.retry({ nextHop: "three.example" }, "QSECOFR"), 1);
  await house.settle();
  assert.equal((await house.spool.counts()).queued, 2);
  assert.equal(await deliverer.release({ recipient: "@two.example" }, "QSECOFR"), 1);
  await house.settle();
  assert.equal((await house.spool.counts()).queued, 2, "what was deferred waits for its time again");
  await house.pass(40 * MINUTE_MS);
  assert.equal((await house.spool.counts()).queued, 1);
  assert.equal(await deliverer.remove({ ids: [first.id] }, "QSECOFR"), 1);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.deepEqual(house.operations.length, 5);
});

test("null MX and a domain that does not exist fail at once, with the code that says so", async () => {
  const house = await started();
  house.resolver.answers.set("null.example", { kind: "null-mx" });
  house.resolver.answers.set("gone.example", { kind: "no-such-domain" });
  house.resolver.answers.set("dns.example", { kind: "trouble", reason: "SERVFAIL" });
  await house.accept(["a@null.example"]);
  await house.accept(["b@gone.example"]);
  await house.accept(["c@dns.example"]);
  await house.settle();
  const reports = house.transport.sent.map(({ message }) => contentText(message)).join("\n");
  assert.match(reports, /Status: 5\.1\.10/);
  assert.match(reports, /Status: 5\.1\.2/);
  assert.equal((await house.spool.counts()).queued, 1);
});

test("MAILROUTER sends what waits the new way", async () => {
  const house = await started();
  house.transport.trouble = (key) => (key.startsWith("mx:") ? reply(451, "4.4.1", "down") : null);
  for (let i = 0; i < 5; i++) await house.accept([`u${i}@one.example`]);
  await house.settle();
  house.attributes = { ...DEFAULT_ATTRIBUTES, MAILROUTER: "router.example" };
  house.version = 2;
  await house.pass(5 * MINUTE_MS);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.ok(sentTo(house).some((line) => line.startsWith("smarthost:router.example:25 ")));
});

test("a message whose delivery fails inside the relay is held after the third time", async () => {
  const house = await started();
  house.transport.answer = (recipient) => {
    if (recipient.startsWith("poison")) throw new Error("broken");
    return OK;
  };
  const poison = await house.accept(["poison@one.example"]);
  await house.accept(["fine@one.example"]);
  await house.pass(20 * MINUTE_MS);
  assert.equal((await house.deliverer.find(poison.id))?.state, "held");
  assert.equal((await house.spool.counts()).queued, 1);
});

test("ETRN tries the mail of a domain now, and with @ that of the names below it", async () => {
  const house = await started();
  house.transport.answer = () => LATER;
  for (const host of ["site.example", "deep.site.example", "website.example", "other.example"])
    await house.accept([`a@${host}`]);
  await house.settle();
  house.transport.answer = () => OK;
  house.transport.sent.length = 0;
  assert.equal(house.deliverer.startQueue(domainOf("site.example"), false, "192.0.2.1"), 1);
  await house.settle();
  assert.deepEqual(sentTo(house), ["mx:site.example <sender@inside.example> a@site.example"]);
  assert.equal(house.deliverer.startQueue(domainOf("site.example"), true, "192.0.2.1"), 1);
  await house.settle();
  assert.deepEqual(sentTo(house).slice(1), ["mx:deep.site.example <sender@inside.example> a@deep.site.example"]);
  assert.equal(house.deliverer.startQueue(domainOf("site.example"), true, "192.0.2.1"), 0);
  assert.match(
    house.operations.join("\n"),
    /^ETRN of 192\.0\.2\.1: 1 message on the way of site\.example is tried now$/m,
  );
});

test("a next hop that asks for less is slowed down, its mail waits and is delivered, others do not notice", async () => {
  const house = await started();
  const BUSY = reply(451, "4.7.500", "Server busy. Please try again later");
  /** It takes so many in any minute of the clock. */
  const taken = new Map<number, number>();
  let refused = 0;
  house.transport.answer = (_recipient, key) => {
    if (key !== "mx:busy.example") return OK;
    const minute = Math.floor(house.clock.now() / MINUTE_MS);
    const count = taken.get(minute) ?? 0;
    if (count >= 20) {
      refused++;
      return BUSY;
    }
    taken.set(minute, count + 1);
    return OK;
  };
  for (let i = 0; i < 300; i++) await house.accept([`u${i}@busy.example`]);
  await house.accept(["u@calm.example"]);
  await house.settle();
  assert.ok(sentTo(house).some((line) => line.startsWith("mx:calm.example")));
  const [hop] = house.deliverer.hops(10);
  assert.equal(hop?.key, "mx:busy.example");
  assert.equal(hop?.lastRefusal?.enhanced, "4.7.500");
  assert.deepEqual((await house.deliverer.summary()).hops, { open: 0, slowed: 1 });
  const waiting = await house.deliverer.list({ nextHop: "busy.example" }, 1_000);
  assert.ok(waiting.some(({ waitsFor }) => waitsFor === "the next hop asked for a pause"));
  await house.pass(2 * HOUR_MS, 1_000);
  assert.equal((await house.spool.counts()).queued, 0);
  assert.ok(refused < 60, `${refused} of 300 were refused on the way`);
  assert.equal(house.outcomes.filter((text) => text.endsWith("expired")).length, 0);
});

test("a message that is put off again and again waits as its plan says, and slows down nobody", async () => {
  const house = await started();
  house.transport.answer = (recipient) => (recipient.startsWith("odd") ? reply(421, "4.7.0", "Too many of you") : OK);
  const odd = await house.accept(["odd@one.example"]);
  await house.pass(10 * MINUTE_MS);
  const early = house.transport.sent.length;
  assert.ok(early >= 3 && early <= 5, `${early} attempts in ten minutes`);
  assert.equal((await house.deliverer.find(odd.id))?.waitsFor, null);
  await house.pass(HOUR_MS);
  for (let i = 0; i < 100; i++) await house.accept([`u${i}@one.example`]);
  await house.pass(5 * MINUTE_MS, 1_000);
  assert.equal((await house.spool.counts()).queued, 1);
});
