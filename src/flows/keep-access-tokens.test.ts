import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../core/base/time.ts";
import type { TokenAnswer } from "../core/oauth/token-answer.ts";
import { AccessTokenCache } from "./keep-access-tokens.ts";

const TROUBLE: TokenAnswer = { kind: "trouble", words: "it answered 503", retryAfterMs: null };
const REFUSED: TokenAnswer = { kind: "refused", error: "invalid_client", words: "it answered 401 invalid_client" };

/** A provider that answers as it is told, `t1`, `t2` … of an hour otherwise. */
class Scene {
  readonly clock = new ManualClock();
  readonly told: string[] = [];
  readonly answers: TokenAnswer[] = [];
  asked = 0;
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve();
  readonly tokens = new AccessTokenCache({
    clock: this.clock,
    random: { uint32: () => 0 },
    exists: (name) => name === "A",
    report: (name, words) => void this.told.push(`${name}: ${words}`),
    fetch: async () => {
      const token = `t${++this.asked}`;
      await this.gate;
      const told = this.answers.shift();
      return told ?? { kind: "token", accessToken: token, expiresInMs: HOUR_MS, refreshToken: null };
    },
  });

  async token(): Promise<string> {
    const answer = await this.tokens.tokenFor("A");
    return answer.ok ? answer.value : `FAULT ${answer.error}`;
  }
}

test("two hundred that want a token at once make one request, and share what came of it", async () => {
  const scene = new Scene();
  const all = await Promise.all(Array.from({ length: 200 }, () => scene.token()));
  assert.deepEqual(new Set(all), new Set(["t1"]));
  assert.equal(scene.asked, 1);
  const refused = new Scene();
  refused.answers.push(REFUSED);
  const words = await Promise.all(Array.from({ length: 200 }, () => refused.token()));
  assert.deepEqual(new Set(words), new Set(["FAULT no token for OAuth account A: it answered 401 invalid_client"]));
  assert.equal(refused.asked, 1);
});

test("a token is fetched anew at four fifths of its life, and nobody waits for it", async () => {
  const scene = new Scene();
  assert.equal(await scene.token(), "t1");
  await scene.clock.run(HOUR_MS * 0.8 - 1);
  assert.equal(await scene.token(), "t1");
  assert.equal(scene.asked, 1);
  await scene.clock.run(1);
  assert.equal(await scene.token(), "t1", "the old one is good while the new one comes");
  await scene.clock.run(0);
  assert.equal(await scene.token(), "t2");
  assert.equal(scene.asked, 2);
});

test("a good token is used while the provider is in trouble, to its end; then the words are told, and the provider has peace", async () => {
  const scene = new Scene();
  await scene.token();
  await scene.clock.run(HOUR_MS * 0.8);
  scene.answers.push(...new Array<TokenAnswer>(20).fill(TROUBLE));
  for (let minute = 48; minute < 59; minute++) {
    assert.equal(await scene.token(), "t1", `minute ${minute}`);
    await scene.clock.run(MINUTE_MS);
  }
  // 5, 10, 20, 40, 80, 160 s apart: far fewer than were asked for.
  assert.ok(scene.asked > 3 && scene.asked < 10, String(scene.asked));
  assert.match(await scene.token(), /^FAULT no token for OAuth account A: it answered 503$/);
  assert.deepEqual(scene.told, ["A: it answered 503"], "told once");
  scene.answers.length = 0;
  await scene.clock.run(10 * MINUTE_MS);
  assert.match(await scene.token(), /^t\d+$/);
  assert.deepEqual(scene.told, ["A: it answered 503", "A: null"]);
});

test("Retry-After is kept to, and a refusal is left alone for long", async () => {
  const scene = new Scene();
  scene.answers.push({ kind: "trouble", words: "it answered 429", retryAfterMs: 120 * SECOND_MS }, REFUSED, REFUSED);
  assert.match(await scene.token(), /429/);
  await scene.clock.run(119 * SECOND_MS);
  assert.match(await scene.token(), /429/);
  assert.equal(scene.asked, 1);
  await scene.clock.run(SECOND_MS);
  assert.match(await scene.token(), /invalid_client/);
  await scene.clock.run(5 * MINUTE_MS - 1);
  assert.match(await scene.token(), /invalid_client/);
  assert.equal(scene.asked, 2);
  await scene.clock.run(1);
  assert.match(await scene.token(), /invalid_client/);
  assert.equal(scene.asked, 3);
  // Another secret was entered: it is tried at once.
  scene.tokens.restart("A");
  assert.equal(await scene.token(), "t4");
});

test("a clock that is set back does not make a token live longer, one set ahead costs a request", async () => {
  const scene = new Scene();
  await scene.token();
  scene.clock.jump(scene.clock.now() - 24 * HOUR_MS);
  assert.equal(await scene.token(), "t1");
  await scene.clock.run(HOUR_MS);
  assert.equal(await scene.token(), "t2");
  scene.clock.jump(scene.clock.now() + 24 * HOUR_MS);
  assert.equal(await scene.token(), "t3");
});

test("a token that a server would not have is thrown away, once in five minutes", async () => {
  const scene = new Scene();
  await scene.token();
  scene.tokens.refused("A", "t0");
  assert.equal(await scene.token(), "t1", "not the one that is kept");
  scene.tokens.refused("A", "t1");
  scene.tokens.refused("A", "t1");
  assert.equal(await scene.token(), "t2");
  scene.tokens.refused("A", "t2");
  assert.equal(await scene.token(), "t2", "it is not for want of a token");
  await scene.clock.run(5 * MINUTE_MS);
  scene.tokens.refused("A", "t2");
  assert.equal(await scene.token(), "t3");
});

test("what waits for a request that another secret overtook gets what the new one brings", async () => {
  const scene = new Scene();
  let open = (): void => {};
  scene.gate = new Promise((resolve) => (open = resolve));
  scene.answers.push(REFUSED);
  const waiting = scene.token();
  scene.tokens.restart("A");
  open();
  assert.equal(await waiting, "t2");
  assert.deepEqual(scene.told, [], "the refusal was of the old secret");
});

test("an account that is gone has no token, and one that never was is not remembered", async () => {
  const scene = new Scene();
  await scene.token();
  scene.tokens.forget("A");
  assert.deepEqual(scene.tokens.state("A"), { expiresAt: null, words: null });
  assert.equal(scene.clock.waiting, 0);
  assert.deepEqual(await scene.tokens.tokenFor("B"), { ok: false, error: "there is no OAuth account B" });
});

test("a token that lives for seconds is used for seconds, and a provider that fails in its own way is trouble", async () => {
  const scene = new Scene();
  scene.answers.push({ kind: "token", accessToken: "short", expiresInMs: 2 * SECOND_MS, refreshToken: null });
  assert.equal(await scene.token(), "short");
  await scene.clock.run(2 * SECOND_MS);
  assert.equal(await scene.token(), "t2");
  const broken = new AccessTokenCache({
    clock: scene.clock,
    random: { uint32: () => 0 },
    exists: () => true,
    report: () => {},
    fetch: () => Promise.reject(new Error("no such thing")),
  });
  assert.deepEqual(await broken.tokenFor("A"), { ok: false, error: "no token for OAuth account A: no such thing" });
});
