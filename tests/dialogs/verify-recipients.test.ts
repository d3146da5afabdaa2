import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryRecipientProber } from "../../src/adapters/memory/recipient-prober.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { reply } from "../../src/core/mail/reply.ts";
import { RecipientVerifier } from "../../src/flows/verify-recipients.ts";
import { hop } from "../smtp-client/sending.ts";
import { greeted, open } from "./scene.ts";
import type { WorldOptions } from "./world.ts";

const KNOWN = new Set(["postmaster@inside.example", "u@inside.example"]);

function asking(answer: MemoryRecipientProber["answer"]): WorldOptions & { readonly prober: MemoryRecipientProber } {
  const prober = new MemoryRecipientProber(answer);
  const key = "local:mail.inside.example:25";
  const ways = { keysOf: () => [key], find: async () => ({ kind: "hop", hop: hop(25, { key }) }) as const };
  const verifier = new RecipientVerifier({ ways, prober, clock: systemClock, limits: DEFAULT_LIMITS });
  return { prober, verifier: () => verifier };
}

const knowing = (recipient: string) => (KNOWN.has(recipient) ? reply(250, "2.1.5", "Ok") : reply(550, "5.1.1", "Who?"));

test("a mailbox that the next hop does not know is refused at RCPT, with a decision that says why", async (t) => {
  const { prober, ...options } = asking(knowing);
  const world = await open(t, options);
  const client = await greeted(world);
  await client.ask("MAIL FROM:<forged@victim.example>");
  const refusal = await client.ask("RCPT TO:<nobody@inside.example>");
  assert.match(refusal, /^550 5\.1\.1 <nobody@inside\.example>: no such mailbox here \[D-\w+\]/);
  assert.match(await client.ask("RCPT TO:<u@inside.example>"), /^250 2\.1\.5 /);
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask("Subject: x\r\n\r\nx\r\n."), /^250 2\.0\.0 /);
  const recipients = world.accepted[0]?.envelope.recipients.map(({ forwardPath }) => forwardPath.localPart);
  assert.deepEqual(recipients, ["u"]);
  const [decision, ...others] = world.decisions.flatMap((event) => (event.recipient === "" ? [] : [event.decision]));
  assert.deepEqual([decision?.verdict, decision?.rule], ["refuse", "VERIFY"]);
  assert.deepEqual(
    others.map(({ rule }) => rule),
    ["LOCAL"],
  );
  assert.equal(decision?.path.at(-1), "Next hop: nobody@inside.example is not known there: 550 5.1.1 Who?");
  assert.deepEqual(prober.asked, ["nobody@inside.example", "postmaster@inside.example", "u@inside.example"]);
});

test("commands that come behind RCPT in one piece wait for its answer, in order", async (t) => {
  const world = await open(
    t,
    asking(async (recipient) => knowing(recipient)),
  );
  const client = await greeted(world);
  await client.say(
    "MAIL FROM:<a@client.example>\r\nRCPT TO:<nobody@inside.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n",
  );
  for (const expected of [/^250 /, /^550 5\.1\.1 /, /^250 /, /^354 /]) assert.match(await client.reply(), expected);
});

test("nobody is asked for what the policy refuses or relays", async (t) => {
  const { prober, ...options } = asking(knowing);
  const world = await open(t, options);
  world.policy.run("CHGSMTPA ALWRLY(*LIST)");
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.2')");
  const stranger = await greeted(world);
  await stranger.ask("MAIL FROM:<a@client.example>");
  assert.match(await stranger.ask("RCPT TO:<u@far.example>"), /^550 5\.7\.1 /);
  const known = await greeted(world, "127.0.0.2");
  await known.ask("MAIL FROM:<a@client.example>");
  assert.match(await known.ask("RCPT TO:<u@far.example>"), /^250 /);
  assert.deepEqual(prober.asked, []);
});

test("a client that goes while its recipient is asked for leaves nothing behind", async (t) => {
  const { promise, resolve } = Promise.withResolvers<null>();
  const { prober, ...options } = asking(() => promise);
  const world = await open(t, options);
  const client = await greeted(world);
  await client.ask("MAIL FROM:<a@client.example>");
  await client.say("RCPT TO:<u@inside.example>\r\nQUIT\r\n");
  while (prober.asked.length === 0) await new Promise((turn) => setImmediate(turn));
  client.destroy();
  resolve(null);
  while (world.receiver.sessions().length > 0) await new Promise((turn) => setImmediate(turn));
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("a dictionary of recipients: unknown mailboxes are errors, after which the session ends", async (t) => {
  const { prober, ...options } = asking(knowing);
  const world = await open(t, { ...options, limits: { errorDelayMs: 1 } });
  const client = await greeted(world);
  await client.ask("MAIL FROM:<>");
  for (let i = 0; i < DEFAULT_LIMITS.errorsPerSession; i++) await client.ask(`RCPT TO:<guess${i}@inside.example>`);
  assert.match(await client.reply(), /^421 /);
  assert.ok(prober.asked.length <= DEFAULT_LIMITS.errorsPerSession + 1);
});
