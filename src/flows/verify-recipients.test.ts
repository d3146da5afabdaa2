import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { mailbox, hop } from "../../tests/smtp-client/sending.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemoryRecipientProber } from "../adapters/memory/recipient-prober.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/base/limits.ts";
import { MINUTE_MS } from "../core/base/time.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { describeReply, reply, type Reply } from "../core/mail/reply.ts";
import { RecipientVerifier } from "./verify-recipients.ts";

const OK = reply(250, "2.1.5", "Ok");
const NO_USER = reply(550, "5.1.1", "No such user");
const POSTMASTER = "postmaster@inside.example";

/** Knows the postmaster, and says of others what it is told to. */
function knowing(said: Reply | null): (recipient: string) => Reply | null {
  return (recipient) => (recipient === POSTMASTER ? OK : said);
}

class Scene {
  readonly clock = new ManualClock();
  readonly prober: MemoryRecipientProber;
  readonly verifier: RecipientVerifier;
  key = "local:mail.inside.example:25";

  constructor(answer: MemoryRecipientProber["answer"], limits: Partial<Limits> = {}) {
    this.prober = new MemoryRecipientProber(answer);
    this.verifier = new RecipientVerifier({
      ways: { keysOf: () => [this.key], find: async (key) => ({ kind: "hop", hop: hop(25, { key }) }) },
      prober: this.prober,
      clock: this.clock,
      limits: { ...DEFAULT_LIMITS, ...limits },
    });
  }

  async refusalOf(recipient: string): Promise<string> {
    const refusal = await this.start(recipient);
    return refusal === null ? "taken" : describeReply(refusal);
  }

  start(recipient: string): Promise<Reply | null> {
    const question = { recipient: mailbox(recipient), sender: null, client: IPV4_LOOPBACK };
    return this.verifier.refusalOf(question) ?? Promise.resolve(null);
  }
}

/** An answer that is still to come. */
function held(): { readonly answer: Promise<Reply | null>; readonly come: (reply: Reply | null) => void } {
  const { promise, resolve } = Promise.withResolvers<Reply | null>();
  return { answer: promise, come: resolve };
}

// Each of these fails where what it is about is taken out of the verifier: the postmaster, the one question for many, the rest, the bounds, the way.
suite("RecipientVerifier", () => {
  const words: readonly (readonly [said: Reply | null, refused: boolean])[] = [
    [OK, false],
    [reply(251, "", "User not local; will forward"), false],
    [NO_USER, true],
    [reply(550, "", "No such user"), true],
    [reply(551, "5.1.6", "Moved"), true],
    [reply(553, "5.1.1", "No mailbox"), true],
    [reply(550, "5.1.10", "RESOLVER.ADR.RecipientNotFound"), true],
    [reply(550, "5.1.8", "Bad sender"), false],
    [reply(550, "5.7.1", "Relay denied"), false],
    [reply(550, "5.2.1", "Mailbox disabled"), false],
    [reply(552, "5.2.2", "Mailbox full"), false],
    [reply(554, "", "No"), false],
    [reply(450, "4.2.0", "Greylisted"), false],
    [reply(450, "5.1.1", "No such user"), false],
    [null, false],
  ];
  for (const [said, refused] of words) {
    test(`${said === null ? "no answer" : describeReply(said)}: ${refused ? "refused" : "taken"}`, async () => {
      const scene = new Scene(knowing(said));
      assert.equal((await scene.refusalOf("u@inside.example")) !== "taken", refused);
    });
  }

  test("asks nobody but the next hop of local domains, and not for what must be there or cannot be said", async () => {
    for (const key of [
      "smarthost:smtp.example:25",
      "mx:inside.example",
      "M/relay",
      "capture",
      "no-local",
      "M/hold",
      "",
    ]) {
      const scene = new Scene(knowing(NO_USER));
      scene.key = key;
      assert.equal(await scene.refusalOf("u@inside.example"), "taken");
      assert.deepEqual(scene.prober.asked, [], key);
    }
    const scene = new Scene(knowing(NO_USER));
    for (const recipient of ["Postmaster@inside.example", "jürgen@inside.example"]) await scene.refusalOf(recipient);
    assert.deepEqual(scene.prober.asked, []);
    scene.key = "HOME/local:mail.inside.example:25";
    assert.equal(await scene.refusalOf("u@inside.example"), "550 5.1.1 No such user");
  });

  test("a next hop that refuses everything, the postmaster too, refuses nobody", async () => {
    const scene = new Scene(() => NO_USER);
    assert.equal(await scene.refusalOf("u@inside.example"), "taken");
    assert.equal(await scene.refusalOf("v@inside.example"), "taken");
    assert.deepEqual(scene.prober.asked, ["u@inside.example", POSTMASTER, "v@inside.example"]);
  });

  test("what it said is remembered for its time: a refusal minutes, a mailbox an hour", async () => {
    const scene = new Scene((recipient) => (recipient.startsWith("un") ? NO_USER : OK));
    const both = async (): Promise<number> => {
      assert.equal(await scene.refusalOf("known@inside.example"), "taken");
      assert.notEqual(await scene.refusalOf("unknown@inside.example"), "taken");
      return scene.prober.asked.splice(0).length;
    };
    assert.equal(await both(), 3);
    assert.equal(await both(), 0);
    await scene.clock.run(DEFAULT_LIMITS.verifyRefusedMs);
    assert.equal(await both(), 2, "the unknown and the postmaster");
    await scene.clock.run(DEFAULT_LIMITS.verifyTakenMs);
    assert.equal(await both(), 3);
    scene.clock.jump(scene.clock.now() - 30 * MINUTE_MS);
    assert.equal(await both(), 3, "a clock that was set back makes nothing good for longer");
  });

  test("many who name one recipient make one question", async () => {
    const { answer, come } = held();
    const scene = new Scene((recipient) => (recipient === POSTMASTER ? OK : answer));
    const waiting = Array.from({ length: 100 }, () => scene.refusalOf("u@inside.example"));
    await scene.clock.run(1);
    come(NO_USER);
    for (const refusal of await Promise.all(waiting)) assert.equal(refusal, "550 5.1.1 No such user");
    assert.deepEqual(scene.prober.asked, ["u@inside.example", POSTMASTER]);
  });

  test("a next hop that is slow holds nobody for longer than a client may wait, and is left alone for a while", async () => {
    const { answer, come } = held();
    const scene = new Scene(() => answer);
    const refusal = scene.refusalOf("u@inside.example");
    await scene.clock.run(DEFAULT_LIMITS.verifyTimeoutMs);
    assert.equal(await refusal, "taken");
    assert.equal(await scene.refusalOf("v@inside.example"), "taken");
    assert.deepEqual(scene.prober.asked, ["u@inside.example"]);
    come(NO_USER);
    scene.prober.answer = knowing(NO_USER);
    await scene.clock.run(DEFAULT_LIMITS.verifyRestMs);
    assert.equal(await scene.refusalOf("v@inside.example"), "550 5.1.1 No such user");
  });

  test("a next hop in trouble is left alone for a while, and mail is taken meanwhile", async () => {
    const scene = new Scene(() => null);
    for (let i = 0; i < 10; i++) assert.equal(await scene.refusalOf(`u${i}@inside.example`), "taken");
    assert.equal(scene.prober.asked.length, 1);
  });

  test("a flood of different recipients makes so many questions at once, so many in a minute, and so many memories", async () => {
    const { answer, come } = held();
    const limits = { verifyQuestions: 8, verifyQuestionsPerMinute: 50, verifiedRecipients: 20 };
    const scene = new Scene(() => answer, limits);
    const waiting = Array.from({ length: 1_000 }, (_, i) => scene.refusalOf(`u${i}@inside.example`));
    await scene.clock.run(1);
    assert.equal(scene.prober.asked.length, 8);
    come(OK);
    await Promise.all(waiting);
    scene.prober.answer = () => OK;
    for (let i = 1_000; i < 2_000; i++) assert.equal(await scene.refusalOf(`u${i}@inside.example`), "taken");
    assert.equal(scene.prober.asked.length, 50);
    await scene.clock.run(MINUTE_MS);
    await scene.refusalOf("u1041@inside.example");
    assert.equal(scene.prober.asked.length, 50, "one of the latest is remembered");
    await scene.refusalOf("u1@inside.example");
    assert.equal(scene.prober.asked.length, 51, "one of the first is not");
  });
});
