/**
 * A message that kills the relay each time it is delivered: the relay comes up again, holds it after the third time, says so, and
 * everybody else's mail flows. That it would never end without the note before the try shows `src/flows/faults.test.ts`.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

async function send(relay: Relay, recipient: string, text: string): Promise<void> {
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  for (const code of [250, 250, 354]) assert.equal((await dialogue.answer()).code, code);
  assert.equal((await dialogue.say(`Subject: ${recipient}\r\n\r\n${text}\r\n.`)).code, 250);
}

/** What becomes of the relay: it dies, or it lives and holds the message. */
async function fateOf(relay: Relay): Promise<"died" | "lives"> {
  const { child } = relay;
  while (child.exitCode === null && child.signalCode === null) {
    const { stdout } = await relay.command(["queue", "list", "--state", "held", "--to", "poison@far.example"]);
    if (stdout.includes("poison@far.example")) return "lives";
  }
  assert.equal(child.signalCode, "SIGKILL");
  return "died";
}

test("a message that the relay does not survive is held after three times", { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-poison-"));
  await using sink = await Sink.start();
  const options = {
    directory,
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
    env: { NODE_OPTIONS: `--import ${new URL("./poison-pill.mjs", import.meta.url).href}` },
  } as const;
  let relay = await Relay.start(options);
  await send(relay, "before@far.example", "harmless");
  // The answer may come too late: the first delivery is as quick.
  void send(relay, "poison@far.example", "a poison pill").catch(() => undefined);
  assert.equal(await fateOf(relay), "died");
  let starts = 1;
  for (; starts <= 6; starts++) {
    // It may be gone again before it answers.
    const begun = await Relay.start(options).catch((fault: unknown) => fault);
    if (!(begun instanceof Relay)) continue;
    relay = begun;
    if ((await fateOf(relay)) === "lives") break;
  }
  try {
    assert.equal(starts, 4, "three attempts after the first one");
    await send(relay, "after@far.example", "harmless");
    await sink.to("before@far.example");
    await sink.to("after@far.example");
    assert.equal((await relay.status()).active, true);
    const journal = await relay.cl("DSPSMTPJRN");
    assert.match(journal.output, /is held: the relay ended 3 times/);
  } finally {
    await relay.stop();
  }
  await rm(directory, { recursive: true, force: true });
});
