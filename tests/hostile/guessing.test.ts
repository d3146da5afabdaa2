import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { MemoryUserStore } from "../../src/adapters/memory/user-store.ts";
import { createCryptography } from "../../src/adapters/node/cryptography.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { ipv4 } from "../../src/core/mail/ip.ts";
import { createVerifier, Credentials } from "../../src/flows/credentials.ts";
import type { Client } from "../dialogs/client.ts";
import { connectTo, open, turn } from "../dialogs/scene.ts";
import type { World } from "../dialogs/world.ts";

// Guessing passwords: slow by address and by account, tells nothing of who exists, and never keeps the owner out.

const plain = (user: string, password: string): string =>
  `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString("base64")}`;

async function said(world: World, address: string): Promise<Client> {
  const client = await connectTo(world, address);
  assert.match(await client.reply(), /^220/);
  assert.match(await client.ask("EHLO client.example"), /AUTH/);
  return client;
}

/** The reply to `line`, and the virtual milliseconds it took. */
async function timed(clock: ManualClock, client: Client, line: string): Promise<readonly [string, number]> {
  const begin = clock.now();
  const answer = client.ask(line);
  let isThere = false;
  const noted = answer.then(() => (isThere = true));
  // What is hashed is hashed in real time: the clock goes on only where an answer is kept back. The other task is the sweep of sessions.
  while (!isThere) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!isThere && clock.waiting > 1) clock.advance(100);
  }
  await noted;
  return [await answer, clock.now() - begin];
}

test("a session has three wrong passwords, an address has ever longer waits, its owner elsewhere a short one", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { clock, listener: { auth: "always" }, users: [["user", "secret"]] });
  let guesses = 0;
  let waitedMs = 0;
  for (let session = 0; session < 10; session++) {
    const client = await said(world, "127.0.0.9");
    for (let i = 1; i <= DEFAULT_LIMITS.authFailuresPerSession; i++) {
      const [answer, ms] = await timed(clock, client, plain("user", `guess${guesses++}`));
      assert.match(answer, /^535 5\.7\.8/);
      waitedMs += ms;
    }
    assert.match(await client.reply(), /^421 4\.7\.0/);
    assert.equal(await client.closed(), "");
  }
  // The first two are free, then 0.5, 1, 2, 4 and 5 seconds each.
  assert.ok(waitedMs >= (guesses - 6) * DEFAULT_LIMITS.authDelayMaxMs, `${guesses} guesses in ${waitedMs} ms`);
  const owner = await said(world, "127.0.0.2");
  const [answer, ms] = await timed(clock, owner, plain("user", "secret"));
  assert.match(answer, /^235/);
  assert.ok(ms <= DEFAULT_LIMITS.authDelayMaxMs + 200, `${ms} ms`);
  const [again, later] = await timed(clock, await said(world, "127.0.0.3"), plain("user", "secret"));
  assert.match(again, /^235/);
  assert.ok(later <= 200, "the owner has been here: nothing is kept back any more");
});

test("thirty addresses that guess one account do not lock its owner out", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { clock, listener: { auth: "always" }, users: [["user", "secret"]] });
  for (let i = 0; i < 30; i++) {
    const client = await said(world, `127.0.3.${i}`);
    const [answer] = await timed(clock, client, plain("user", `guess${i}`));
    assert.match(answer, /^535 5\.7\.8/);
    client.destroy();
  }
  const [slowed, byAccount] = await timed(clock, await said(world, "127.0.4.1"), plain("user", "wrong"));
  assert.match(slowed, /^535/);
  assert.ok(
    byAccount >= DEFAULT_LIMITS.authDelayMaxMs,
    "a fresh address waits as well: it is the account that is guessed",
  );
  const [answer, ms] = await timed(clock, await said(world, "127.0.0.2"), plain("user", "secret"));
  assert.match(answer, /^235/);
  assert.ok(ms <= DEFAULT_LIMITS.authDelayMaxMs + 200, `${ms} ms`);
});

test("who guesses in many sessions at once waits for himself, and is sent away", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { clock, listener: { auth: "always" }, users: [["user", "secret"]] });
  const clients = await Promise.all(Array.from({ length: 60 }, () => said(world, "127.0.0.9")));
  for (let i = 0; i < 3; i++) {
    const first = await said(world, "127.0.0.9");
    await timed(clock, first, plain("user", "wrong"));
    first.destroy();
  }
  const answers = clients.map((client) => client.ask(plain("user", "wrong")));
  const heard: string[] = [];
  for (const answer of answers) void answer.then((text) => heard.push(text.slice(0, 9)));
  while (heard.length < 15) await turn();
  assert.ok(
    heard.every((answer) => answer === "454 4.7.0"),
    heard.join(" "),
  );
  const owner = await said(world, "127.0.0.2");
  assert.match((await timed(clock, owner, plain("user", "secret")))[0], /^235/);
  for (const client of [...clients, owner]) client.destroy();
  while (world.listeners.sessions().length > 0) {
    clock.advance(1_000);
    await turn();
  }
});

test("users that exist and users that do not are answered in the same time and words", async () => {
  const pairs = 40;
  const cryptography = createCryptography(randomBytes(32));
  const users = new MemoryUserStore();
  const verifier = await createVerifier(cryptography, "secret");
  assert.ok(verifier !== null);
  for (let i = 0; i < pairs; i++) await users.put(`user${i}`, verifier, 0);
  const credentials = new Credentials(users, cryptography, new ManualClock(), DEFAULT_LIMITS);
  let address = 0xc0000200;
  const took = async (initial: string): Promise<number> => {
    const exchange = credentials.exchange("PLAIN", ipv4(address++));
    const begin = performance.now();
    const step = await exchange.begin(initial);
    assert.ok(step.kind === "denied" && String(step.reply.text) === "Authentication failed");
    return performance.now() - begin;
  };
  const [wrong, unknown, unchecked]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < pairs; i++) {
    wrong.push(await took(plain(`user${i}`, "wrong").slice(11)));
    unknown.push(await took(plain(`none${i}`, "wrong").slice(11)));
    unchecked.push(await took("="));
  }
  const difference = Math.abs(median(wrong) - median(unknown));
  // What skipping the work would be seen by: a relay that did not do it for unknown users would fail here.
  const work = median(wrong) - median(unchecked);
  assert.ok(difference < Math.min(5, work / 2), `medians differ by ${difference} ms, the work takes ${work} ms`);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
