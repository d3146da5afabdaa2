/**
 * Mail on its way into a small internet: what the operator reads of each recipient in the journal, and what the receiving Postfix wrote into its
 * own log. One message for each case, all at once, as they come in life.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { nameServerPrograms } from "../peers/name-servers.ts";
import { postfixPrograms } from "../peers/postfix.ts";
import { cases, makePlan, orderedRecipients, SENDER, SHARED, sharedRecipients, TAKEN, WEB_SERVER } from "./cases.ts";
import { missingNetwork } from "./network.ts";
import { makeAuthorityFolder, OutsideWorld, type Outcome } from "./world.ts";

const skip = await missingNetwork(...nameServerPrograms, ...postfixPrograms, "openssl", "faketime");

describe("mail into the world", { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world!: OutsideWorld;
  let outcomes: ReadonlyMap<string, Outcome> = new Map();

  before(async () => {
    const { folder, authority } = await makeAuthorityFolder();
    stack.defer(async () => await rm(folder, { recursive: true }));
    world = stack.use(await OutsideWorld.start(await makePlan(folder, authority)));
    const recipients = [...cases.map(({ domain }) => `u@${domain}`), ...sharedRecipients, ...orderedRecipients];
    await world.send(SENDER, recipients);
    outcomes = await world.outcomes(recipients);
  });
  after(async () => {
    await stack.disposeAsync();
  });

  for (const { what, domain, outcome, server, tls, reply, witness } of cases)
    test(what, async () => {
      const recipient = `u@${domain}`;
      const found = outcomes.get(recipient);
      assert.ok(found, `no outcome for ${recipient}\n${world.log}`);
      assert.deepEqual([found.outcome, found.server.split(" ")[0]], [outcome, server], found.reply);
      assert.match(found.tls, tls);
      assert.match(found.reply, reply);
      if (witness === null) return void assert.equal(await world.witness(recipient), null);
      const seen = await world.witnessed(recipient);
      assert.deepEqual([seen.server, seen.from], [witness.server, SENDER]);
      assert.match(seen.tls, witness.tls);
    });

  const serversOf = async (recipients: readonly string[]): Promise<ReadonlySet<string>> =>
    new Set(await Promise.all(recipients.map(async (to) => (await world.witnessed(to)).server)));

  test("the best preference first", async () => {
    assert.deepEqual(await serversOf(orderedRecipients), new Set(["mx-a"]));
  });

  test("mail of many domains is shared between servers of equal preference", async () => {
    // Of 16 domains all at one server: once in 32,768 runs.
    assert.deepEqual(await serversOf(sharedRecipients), new Set(SHARED));
  });

  test("the sender hears of what failed, and the report goes where its own MX leads", async () => {
    const { server, from } = await world.witnessed(SENDER);
    assert.deepEqual([server, from], ["mx-a", ""]);
  });

  test("what waits stands in the queue with its reason", async () => {
    const waiting = cases.filter(({ outcome }) => outcome === "deferred");
    assert.equal((JSON.parse(await world.command("queue", "list", "--json")) as unknown[]).length, waiting.length);
    const [id = ""] =
      /\bQ[0-9A-Z]{8,}\b/.exec(await world.command("queue", "list", "--to", "u@wrong.signed.test")) ?? [];
    const shown = (await world.command("queue", "show", id)).replaceAll(/\s+/g, " ");
    assert.match(shown, /451 4\.7\.5 mx-wrong\.signed\.test .* no TLSA record of its name matches/);
  });

  test("the attacker on the way read what went in the clear, and nothing that was to be encrypted", () => {
    const read = [...world.carried.matchAll(/^RCPT TO:<u@([^>]+)>/gm)].map(([, domain = ""]) => domain);
    assert.deepEqual(read.sort(), ["stripped.plain.test", "test-stripped.plain.test"]);
  });

  test("what waited because of the attacker goes out, encrypted and verified, once there is none", async () => {
    await world.network.ip("way", `addr del ${TAKEN}/32 dev lo`);
    await world.command("queue", "flush");
    const { tls } = await world.delivery("u@stripped.signed.test");
    assert.match(tls, / verified \(dane-ee\)$/);
    const seen = await world.witnessed("u@stripped.signed.test");
    assert.equal(seen.server, "mx-back");
    assert.notEqual(seen.tls, "");
  });

  test("a policy of MTA-STS holds after a restart, though nobody serves it any more", async () => {
    await world.network.ip("way", `route add blackhole ${WEB_SERVER}`);
    await world.startRelay();
    const [kept, good] = ["again@sts-old.plain.test", "again@sts.plain.test"];
    await world.send(SENDER, [kept, good]);
    const found = await world.outcomes([kept, good]);
    assert.match(found.get(kept)?.reply ?? "", /shows a certificate that expired on /);
    assert.match(found.get(good)?.tls ?? "", / verified \(mta-sts\)$/);
  });
});
