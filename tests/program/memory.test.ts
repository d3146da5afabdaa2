/**
 * A memory limit, and more clients with large messages at once than memory could hold. The kernel kills nobody; whoever hears 250
 * has delivered, whoever hears 452 4.3.1 may come again, and a small message goes through in the middle of it. Without the line in
 * which sessions wait for memory (`MemoryBudget.room`) and the part of the limit that content may have, the program is killed.
 *
 * RELAYKEEPER_MEMORY_MIB=10 is the full measure.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { eventually } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { MemoryGroup } from "./memory-group.ts";

const clients = Number(process.env["RELAYKEEPER_MEMORY_CLIENTS"] ?? 1_000);
const messageMiB = Number(process.env["RELAYKEEPER_MEMORY_MIB"] ?? 1);
const limitMiB = Number(process.env["RELAYKEEPER_MEMORY_LIMIT_MIB"] ?? 300);
const block = Buffer.from(`${"x".repeat(62)}\r\n`.repeat(1_024), "latin1");

test(
  "more messages at once than memory holds: they wait or hear 452 4.3.1, and nobody is killed",
  { timeout: 300_000 },
  async (t) => {
    const group = MemoryGroup.make(limitMiB * 1_048_576);
    if (group === null) {
      t.skip("no control group with a memory limit can be made here");
      return;
    }
    const relay = await Relay.start({
      under: group.under,
      env: { NODE_OPTIONS: "--max-semi-space-size=4" },
      policy: ["CHGSMTPA ALWRLY(*LIST) MAXINEMM(2000)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.0/8')"],
    });
    try {
      const answers = Array.from(
        { length: clients },
        async (_, client) => await send(relay.port, client, messageMiB * 16),
      );
      await eventually(async () => assert.equal(await send(relay.port, 0, 0), "250 2.0.0"));
      const heard = new Map<string, number>();
      for (const answer of await Promise.all(answers)) heard.set(answer, (heard.get(answer) ?? 0) + 1);
      t.diagnostic(JSON.stringify([...heard]));
      assert.equal(group.kills(), 0);
      const known = new Set(["250 2.0.0", "452 4.3.1"]);
      assert.deepEqual(
        [...heard.keys()].filter((answer) => !known.has(answer)),
        [],
      );
      assert.ok((heard.get("250 2.0.0") ?? 0) >= clients / 10, "work is done all the same");
      assert.equal(await send(relay.port, 0, 16), "250 2.0.0", "and goes on afterwards");
    } finally {
      await relay.stop();
      group.remove();
    }
  },
);

/** Sends a message of so many blocks; the reply that ended it. */
async function send(port: number, client: number, blocks: number): Promise<string> {
  const localAddress = `127.0.${1 + (client >> 6)}.${1 + (client & 63)}`;
  using dialogue = await Dialogue.connect({ port, localAddress });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  for (const command of ["MAIL FROM:<sender@client.example>", `RCPT TO:<u${client}@far.example>`, "DATA"]) {
    const { code, text } = await dialogue.say(command);
    if (code >= 400 || code === 0) return text.slice(0, 9);
  }
  for (let i = 0; i < blocks; i++) await dialogue.writeAll(block);
  return (await dialogue.say("x\r\n.")).text.slice(0, 9);
}
