/**
 * No room on the disk, on a real file system: mail is refused with 452 4.3.1, nothing is kept half, what was accepted is kept, and
 * mail is taken again by itself as soon as there is room.
 *
 * `RELAYKEEPER_FULL_DISKS=200 node --test tests/program/disk-full.test.ts` fills it that often.
 */
import assert from "node:assert/strict";
import { closeSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { Dialogue } from "../peers/dialogue.ts";
import { withoutReceived } from "../peers/message.ts";
import { eventually, freePort, missing } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";
import { Ledger, recipientOf, relayTo } from "./ledger.ts";
import { LoopFileSystem, missingLoopDevice } from "./loop-file-system.ts";
import { inject } from "./strace.ts";

const TIMES = Number(process.env["RELAYKEEPER_FULL_DISKS"] ?? 8);
/** Of 1,000 octets each. */
const LINES = 8_000;
const NO_ROOM = /^452 4\.3\.1 /;
const skip = await missingLoopDevice();

/** A relay on a file system of its own, with eight clients. */
class Scene implements AsyncDisposable {
  readonly fileSystem: LoopFileSystem;
  readonly sink: Sink;
  readonly relay: Relay;
  readonly ledger: Ledger;
  readonly port: number;
  /** Whether the next hop takes mail. */
  isTaking = true;
  readonly #things: AsyncDisposableStack;

  private constructor(things: AsyncDisposableStack, parts: Pick<Scene, "fileSystem" | "sink" | "relay" | "port">) {
    this.fileSystem = parts.fileSystem;
    this.sink = parts.sink;
    this.relay = parts.relay;
    this.port = parts.port;
    this.ledger = Ledger.start(parts.port);
    this.#things = things;
    things.defer(async () => await this.ledger.stop());
  }

  static async start(sizeMib: number): Promise<Scene> {
    await using things = new AsyncDisposableStack();
    const fileSystem = things.use(await LoopFileSystem.make(sizeMib));
    const port = await freePort();
    let scene: Scene | null = null;
    const answerData = () => (scene === null || scene.isTaking ? null : "451 4.3.0 not now");
    const sink = things.use(await Sink.start({ answerData }));
    const relay = things.use(await Relay.start(relayTo(sink, port, fileSystem.path)));
    return (scene = new Scene(things.move(), { fileSystem, sink, relay, port }));
  }

  /** Takes all the room but so many octets. */
  fill(leaveOctets: number): void {
    const filler = openSync(this.#filler, "w");
    const block = Buffer.alloc(65_536);
    let size = 0;
    try {
      for (;;) size += writeSync(filler, block);
    } catch (fault) {
      assert.equal((fault as NodeJS.ErrnoException).code, "ENOSPC");
    } finally {
      closeSync(filler);
    }
    truncateSync(this.#filler, Math.max(0, size - leaveOctets));
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  get #filler(): string {
    return join(this.fileSystem.path, "filler");
  }

  /** Everything that was accepted comes out, nothing that was refused for want of room, and the store is sound. */
  async ends(): Promise<void> {
    const { ledger, relay, sink } = this;
    await ledger.stop();
    this.isTaking = true;
    await relay.command(["queue", "flush"]);
    await ledger.assertKept(sink);
    const half = sink.messages.map(recipientOf).filter((recipient) => ledger.refused.has(recipient));
    assert.deepEqual(half, [], "what was refused is not delivered");
    const checked = await relay.command(["store", "check"]);
    assert.equal(checked.code, 0, checked.output);
    await eventually(async () => {
      assert.deepEqual(await relay.queue(), []);
    });
    assert.deepEqual(await contentFiles(relay), []);
    const others = [...ledger.refusals.keys()].filter((answer) => !NO_ROOM.test(answer));
    assert.deepEqual(others, [], "452 4.3.1 and no other answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.empty();
    await this.#things.disposeAsync();
  }
}

/** Files that hold the content of one large message each. */
async function contentFiles(relay: Relay): Promise<readonly string[]> {
  const names = await readdir(join(relay.dataDirectory, "content"));
  return names.filter((name) => /^[0-9a-f]{24}/.test(name));
}

test("a disk that is full at any moment", { timeout: 3_600_000, skip }, async (context) => {
  await using scene = await Scene.start(48);
  const { ledger } = scene;
  const random = new SeededRandom(20_261_124);
  for (let time = 0; time < TIMES; time++) {
    scene.isTaking = time % 2 === 0;
    await ledger.accepts(20 + (random.uint32() % 50));
    // So much that it is full in the middle of some write, whichever that is.
    scene.fill(random.uint32() % 1_000_000);
    await ledger.hears(NO_ROOM, 1 + (random.uint32() % 20));
    scene.empty();
  }
  await ledger.accepts(20);
  await scene.ends();
  context.diagnostic(`${ledger.accepted.size} accepted, ${ledger.refused.size} refused`);
});

/** Sends messages of so many octets until there is no room; returns how many were accepted. */
async function fillByMail(port: number, octets: number): Promise<number> {
  using dialogue = await Dialogue.connect({ port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  const content = Buffer.from(`${`${"x".repeat(998)}\r\n`.repeat(octets / 1_000)}.\r\n`);
  for (let sent = 0; ; sent++) {
    const from = await dialogue.say("MAIL FROM:<sender@client.example>");
    if (NO_ROOM.test(from.text)) return sent;
    await dialogue.say(`RCPT TO:<n${sent}@far.example>`);
    assert.equal((await dialogue.say("DATA")).code, 354);
    dialogue.write(content);
    const { text } = await dialogue.answer();
    if (NO_ROOM.test(text)) return sent;
    assert.match(text, /^250 /);
  }
}

for (const [sizeMib, octets] of [
  [24, 100_000],
  [48, 900_000],
] as const) {
  test(`a disk of ${sizeMib} MiB that the queue alone has filled`, { timeout: 600_000, skip }, async (context) => {
    await using scene = await Scene.start(sizeMib);
    await scene.ledger.stop();
    for (let round = 0; round < 3; round++) {
      scene.isTaking = false;
      let sent = 0;
      // What is over is given up a moment after the last of it left.
      await eventually(async () => {
        sent += await fillByMail(scene.port, octets);
        assert.ok(sent * octets > sizeMib * 300_000, `only ${sent} of ${octets} octets`);
      }, 60_000);
      context.diagnostic(`round ${round}: ${sent} accepted`);
      scene.isTaking = true;
      await scene.relay.command(["queue", "flush"]);
      await eventually(async () => assert.deepEqual(await scene.relay.queue(), []), 60_000);
    }
  });
}

test("a disk that is full in the middle of large content", { timeout: 600_000, skip }, async () => {
  await using scene = await Scene.start(48);
  await scene.ledger.accepts(5);
  await scene.ledger.stop();
  using dialogue = await Dialogue.connect({ port: scene.port });
  await dialogue.answer();
  await dialogue.say("EHLO client.example");
  const send = async (between: () => void) => {
    await dialogue.say("MAIL FROM:<sender@client.example>");
    await dialogue.say("RCPT TO:<large@far.example>");
    assert.equal((await dialogue.say("DATA")).code, 354);
    const block = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(LINES / 2));
    dialogue.write(block);
    between();
    dialogue.write(block);
    return await dialogue.say(".");
  };
  const refused = await send(() => scene.fill(100_000));
  assert.match(refused.text, NO_ROOM);
  assert.deepEqual(await contentFiles(scene.relay), []);
  scene.empty();
  assert.equal((await send(() => undefined)).code, 250);
  const { content } = await scene.sink.to("large@far.example");
  assert.ok(withoutReceived(content).equals(Buffer.from(`${"x".repeat(998)}\r\n`.repeat(LINES))));
});

test(
  "a journal that finds no room: mail goes on, and it tells what is lost",
  { skip: missing("strace") || skip },
  async () => {
    await using scene = await Scene.start(48);
    const { ledger, relay } = scene;
    await ledger.accepts(10);
    const files = ["journal.db", "journal.db-wal"].map((name) => join(relay.dataDirectory, name));
    const injection = await inject(relay.pid, ["pwrite64"], "error=ENOSPC", files);
    try {
      await eventually(() => assert.match(relay.log, /the journal cannot be written/));
      await ledger.accepts(50);
    } finally {
      await injection[Symbol.asyncDispose]();
    }
    await eventually(() => assert.match(relay.log, /the journal is written again; nothing was lost|the journal lost/));
    await ledger.accepts(10);
    await scene.ends();
  },
);
