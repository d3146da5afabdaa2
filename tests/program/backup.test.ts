/**
 * A copy of a running relay, made while mail comes and goes, and a relay that starts on it. What was accepted before the copy was asked
 * for and not delivered by then is in it, to the octet; so are policy, users and journal. `src/adapters/store-sqlite/backup.test.ts`
 * shows that it can fail.
 */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { assertUnchanged } from "../peers/message.ts";
import { freePort } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const policy = ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"];
const waiting = 60;

/** Every tenth is large: a file of its own. */
function contentOf(name: string): Buffer {
  const lines = name.endsWith("7") ? 6_000 : 30;
  return Buffer.from(`Subject: ${name}\r\n\r\n${`${name} ${"x".repeat(60)}\r\n`.repeat(lines)}`, "latin1");
}

async function greeted(port: number): Promise<Dialogue> {
  const dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  return dialogue;
}

async function send(dialogue: Dialogue, name: string, domain: string): Promise<void> {
  dialogue.write(`MAIL FROM:<s@client.example>\r\nRCPT TO:<${name}@${domain}>\r\nDATA\r\n`);
  for (const expected of [250, 250, 354]) assert.equal((await dialogue.answer()).code, expected);
  dialogue.write(Buffer.concat([contentOf(name), Buffer.from(".\r\n")]));
  assert.equal((await dialogue.answer()).code, 250);
}

/** Every file and folder is the owner's alone. */
async function assertPrivate(directory: string): Promise<void> {
  for (const name of ["", ...(await readdir(directory, { recursive: true }))]) {
    const { mode } = await stat(join(directory, name));
    assert.equal(mode & 0o077, 0, `${name} has mode ${mode.toString(8)}`);
  }
}

test("a copy made while mail flows is a data directory of one moment", { timeout: 120_000 }, async () => {
  // `gone.example` waits in the queue of the first relay; `far.example` is delivered all the time.
  await using sink = await Sink.start({
    answerRecipient: (to) => (to.endsWith("@gone.example") ? "451 4.3.0 later" : null),
  });
  const relay = await Relay.start({
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy,
    users: { erp: "correct horse battery staple" },
  });
  const elsewhere = await mkdtemp(join(tmpdir(), "relaykeeper-backup-"));
  const target = join(elsewhere, "copy");
  try {
    const dialogue = await greeted(relay.port);
    for (let i = 0; i < waiting; i++) await send(dialogue, `w${i}`, "gone.example");
    const flowing = { done: false };
    const flow = [0, 1, 2, 3].map(async (client) => {
      using sender = await greeted(relay.port);
      for (let i = 0; !flowing.done; i++) await send(sender, `f${client}-${i}`, "far.example");
    });
    await sink.count(100);
    const made = await relay.command(["backup", target]);
    flowing.done = true;
    await Promise.all(flow);
    assert.equal(made.code, 0, made.output);
    assert.match(made.output, /SMR0823/);
    assert.doesNotMatch(made.output, /SMR0825/, "nothing of it is damaged");
    await assertPrivate(target);
    const again = await relay.command(["backup", target]);
    assert.equal(again.code, 1, "what is there already is left alone");
    assert.match(again.output, /is there already/);
    assert.deepEqual(await readdir(elsewhere), ["copy"]);
    assert.ok(!(await readdir(target)).includes("sealing.key"), "the key is in it only where that was said");
  } finally {
    await relay.stop();
  }
  await restoresWell(target);
  await rm(elsewhere, { recursive: true, force: true });
});

async function restoresWell(copy: string): Promise<void> {
  await using sink = await Sink.start();
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-restored-"));
  await cp(copy, join(directory, "data"), { recursive: true });
  const port = await freePort();
  const relay = await Relay.start({
    directory,
    listeners: [{ address: `127.0.0.1:${port}` }],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
  });
  try {
    const sound = await relay.command(["store", "check"]);
    assert.equal(sound.code, 0, sound.output);
    const exported = await relay.command(["policy", "export"]);
    assert.match(exported.stdout, /ALWRLY\(\*LIST\)[^]*INTNETADR\('127\.0\.0\.1'\)/);
    assert.match((await relay.command(["user", "list"])).stdout, /\berp\b/);
    assert.match((await relay.cl("DSPSMTPJRN")).stdout, /gone\.example|far\.example/);
    await relay.command(["queue", "flush"]);
    for (let i = 0; i < waiting; i++) {
      const name = `w${i}`;
      assertUnchanged((await sink.to(`${name}@gone.example`)).content, contentOf(name));
    }
    await send(await greeted(port), "new", "far.example");
    assertUnchanged((await sink.to("new@far.example")).content, contentOf("new"));
  } finally {
    await relay.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

test("a copy that cannot be made leaves nothing and says why", async () => {
  await using relay = await Relay.start();
  const elsewhere = await mkdtemp(join(tmpdir(), "relaykeeper-backup-"));
  const target = join(elsewhere, "copy");
  const refused = async (where: string, why: RegExp) => {
    const { code, output } = await relay.command(["backup", where]);
    assert.equal(code, 1, output);
    assert.match(output, why);
  };
  await refused(join(elsewhere, "none/copy"), /there is no folder/);
  await mkdir(target);
  await writeFile(join(target, "mine"), "");
  await refused(target, /is there already/);
  await mkdir(`${target}2.partial`);
  await refused(`${target}2`, /a copy was cut off/);
  assert.deepEqual((await readdir(elsewhere)).sort(), ["copy", "copy2.partial"]);
  assert.deepEqual(await readdir(target), ["mine"]);
  const withKey = await relay.command(["backup", join(relay.dataDirectory, "kept"), "--with-key"]);
  assert.equal(withKey.code, 0, withKey.output);
  assert.ok((await readdir(join(relay.dataDirectory, "kept"))).includes("sealing.key"));
  await rm(elsewhere, { recursive: true, force: true });
});
