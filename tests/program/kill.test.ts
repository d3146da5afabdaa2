/**
 * Law 1 for the real program: it is killed in the middle of the work, several times, while clients send. Every message that was
 * answered with 250 is at the sink afterwards, to the octet. A message may come twice where the kill fell between the next
 * hop's 250 and our outcome; never more often than there were kills.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { assertUnchanged } from "../peers/message.ts";
import { eventually, freePort } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const clientCount = 8;
const kills = 5;
const acceptedBetweenKills = 120;

function messageOf(name: string): Buffer {
  // Sizes on both sides of what is kept in memory, most of them small.
  const lines = name.endsWith("7") ? 9_000 : 40;
  return Buffer.from(`Subject: ${name}\r\n\r\n${`${name} ${".".repeat(30)}\r\n`.repeat(lines)}`, "latin1");
}

test("every 250 is kept through kill -9", { timeout: 600_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-kill-"));
  const port = await freePort();
  await using sink = await Sink.start();
  const options = {
    directory,
    listeners: [{ address: `127.0.0.1:${port}` }],
    delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
    policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
  } as const;
  const accepted = new Set<string>();
  const ledger = { accepted, wake: () => undefined as void, done: false };
  let relay = await Relay.start(options);
  const clients = Array.from({ length: clientCount }, async (_, client) => await sendUntilDone(port, client, ledger));
  try {
    for (let kill = 1; kill <= kills; kill++) {
      await reaches(ledger, kill * acceptedBetweenKills);
      await relay.kill();
      relay = await Relay.start(options);
    }
    await reaches(ledger, (kills + 1) * acceptedBetweenKills);
  } finally {
    ledger.done = true;
    await Promise.all(clients);
  }
  await relay.command(["queue", "flush"]);
  await eventually(() => {
    const arrived = new Set(sink.messages.map(({ recipients }) => recipients[0]?.address));
    const lost = [...accepted].filter((recipient) => !arrived.has(recipient));
    assert.deepEqual(lost, [], `${lost.length} of ${accepted.size} accepted messages did not arrive`);
  }, 120_000);
  const times = new Map<string, number>();
  for (const { recipients, content } of sink.messages) {
    const recipient = recipients[0]?.address ?? "";
    times.set(recipient, (times.get(recipient) ?? 0) + 1);
    assertUnchanged(content, messageOf(recipient.slice(0, recipient.indexOf("@"))));
  }
  const most = Math.max(...times.values());
  assert.ok(most <= kills + 1, `one message came ${most} times`);
  await relay.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Ledger {
  readonly accepted: Set<string>;
  wake: () => void;
  done: boolean;
}

async function reaches(ledger: Ledger, count: number): Promise<void> {
  while (ledger.accepted.size < count) await new Promise<void>((resolve) => (ledger.wake = resolve));
}

/** One client: a new connection whenever the last one broke, a message with a name of its own each time. */
async function sendUntilDone(port: number, client: number, ledger: Ledger): Promise<void> {
  let sequence = 0;
  while (!ledger.done) {
    try {
      using dialogue = await Dialogue.connect({ port });
      if ((await dialogue.answer()).code !== 220) continue;
      await dialogue.say(`EHLO client${client}.example`);
      while (!ledger.done) {
        const name = `c${client}-${sequence++}`;
        const recipient = `${name}@far.example`;
        if (!(await send(dialogue, name, recipient))) break;
        ledger.accepted.add(recipient);
        ledger.wake();
      }
    } catch {
      // The relay is down: the next round finds it again.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function send(dialogue: Dialogue, name: string, recipient: string): Promise<boolean> {
  dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  const codes = [await dialogue.answer(), await dialogue.answer(), await dialogue.answer()].map(({ code }) => code);
  if (codes.join() !== "250,250,354") return false;
  dialogue.write(Buffer.concat([messageOf(name), Buffer.from(".\r\n")]));
  return (await dialogue.answer()).code === 250;
}
