/**
 * The real program while its wall clock is set: ten days ahead, back by one, two ahead, with mail that was deferred before. Nothing
 * bounces without a try, mail flows, and a start with a clock that was set back tries what waits within a day.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

const LIBRARIES = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`);
const library = LIBRARIES.find((path) => existsSync(path));
const missing = library === undefined && process.env["RELAYKEEPER_REQUIRE_PEERS"] !== "1";

interface Scene {
  readonly sink: Sink;
  readonly directory: string;
  /** The program under a wall clock of its own. */
  readonly start: () => Promise<Relay>;
  /** Sets that clock: `+10d`. */
  readonly set: (offset: string) => Promise<void>;
}

async function scene(name: string, answer: () => string | null): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), `relaykeeper-${name}-`));
  const file = join(directory, "clock");
  const set = async (offset: string): Promise<void> => await writeFile(file, `${offset}\n`);
  await set("+0d");
  const sink = await Sink.start({ answerRecipient: (address) => (address.startsWith("slow") ? answer() : null) });
  const env = {
    LD_PRELOAD: library ?? "",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
  const start = async (): Promise<Relay> =>
    await Relay.start({
      directory,
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}` },
      policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
      env,
    });
  return { sink, directory, start, set };
}

async function send(relay: Relay, recipient: string): Promise<void> {
  using dialogue = await Dialogue.connect({ port: relay.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  for (const code of [250, 250, 354]) assert.equal((await dialogue.answer()).code, code);
  assert.equal((await dialogue.say(`Subject: ${recipient}\r\n\r\ntext\r\n.`)).code, 250);
}

/** Messages that were given up; that one is late is told all the same. */
const bounces = ({ messages }: Sink): number =>
  messages.filter(({ content }) => content.includes("\r\nAction: failed")).length;
const skip = missing ? "faketime is not installed" : false;

test(
  "a clock that is set while the program runs bounces nothing and stops nothing",
  { skip, timeout: 60_000 },
  async () => {
    let answer: string | null = "451 4.2.0 later";
    const { sink, directory, start, set } = await scene("clock", () => answer);
    const relay = await start();
    try {
      await send(relay, "slow@far.example");
      for (const [n, offset] of ["+10d", "-1d", "+2d"].entries()) {
        await set(offset);
        await send(relay, `fresh${n}@far.example`);
        await sink.to(`fresh${n}@far.example`);
      }
      const waiting = await relay.queue();
      assert.equal(waiting.length, 1);
      answer = null;
      await relay.command(["queue", "flush"]);
      await sink.to("slow@far.example");
      assert.equal(bounces(sink), 0);
    } finally {
      await relay.stop();
      await sink.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
);

test(
  "a start ten days later tries before it gives up; one a day earlier waits no longer than the plan",
  { skip, timeout: 60_000 },
  async () => {
    let answer: string | null = "451 4.2.0 later";
    const { sink, directory, start, set } = await scene("start", () => answer);
    let relay = await start();
    try {
      for (let n = 0; n < 20; n++) await send(relay, `slow${n}@far.example`);
      await relay.stop();
      await set("-1d");
      relay = await start();
      const entries = (await relay.queue()) as { dueAt: string | null }[];
      assert.equal(entries.length, 20);
      const now = Date.now() - 86_400_000;
      for (const { dueAt } of entries) {
        const inMs = Date.parse(dueAt ?? "") - now;
        assert.ok(inMs <= 1.1 * 86_400_000, `due in ${inMs} ms`);
      }
      await relay.stop();
      await set("+10d");
      answer = null;
      relay = await start();
      for (let n = 0; n < 20; n++) await sink.to(`slow${n}@far.example`);
      assert.equal(bounces(sink), 0);
    } finally {
      await relay.stop();
      await sink.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
);
