/**
 * Law 1 on a real file system whose power is cut: the program is frozen, the file system forgets what was not synced, the program
 * is killed, and what is left is mounted and used again. kill -9 alone cannot see a missing sync, for the kernel keeps the pages.
 *
 * `RELAYKEEPER_POWER_CUTS=50 node --test tests/program/power-cut.test.ts` (`npm run soak:power`) cuts that often.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { freePort } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";
import { Ledger, relayTo } from "./ledger.ts";
import { LoopFileSystem, missingLoopDevice } from "./loop-file-system.ts";
import { mutated } from "./mutated.ts";

const CUTS = Number(process.env["RELAYKEEPER_POWER_CUTS"] ?? 4);
const ACCEPTED_BETWEEN = 100;
const skip = await missingLoopDevice();

interface Story extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly sink: Sink;
  /** Entries of the policy whose addition was answered, and that are not in it behind the cut. */
  readonly forgotten: readonly string[];
}

/**
 * Cuts the power so often while eight clients send. Every other time the next hop takes nothing, so that the queue holds all
 * that was accepted; else what is delivered and removed is in between. A
 * change of the policy is answered just before each cut.
 */
async function cut(cuts: number, program?: string): Promise<Story> {
  await using things = new AsyncDisposableStack();
  const fileSystem = things.use(await LoopFileSystem.make(128));
  const port = await freePort();
  let isTaking = true;
  const answerData = () => (isTaking ? null : "451 4.3.0 not now");
  const sink = things.use(await Sink.start({ answerData }));
  const options = relayTo(sink, port, fileSystem.path, program);
  const random = new SeededRandom(20_261_124);
  const forgotten: string[] = [];
  let relay = await Relay.start(options);
  things.defer(async () => await relay.stop());
  const ledger = Ledger.start(port);
  things.defer(async () => await ledger.stop());
  for (let round = 0; round < cuts; round++) {
    isTaking = round % 2 === 1;
    if (isTaking) await relay.command(["queue", "flush"]);
    await ledger.accepts(ACCEPTED_BETWEEN + (random.uint32() % ACCEPTED_BETWEEN));
    const entry = `10.0.0.${round}`;
    await relay.clDone(`ADDSMTPLE TYPE(*ACCEPT) INTNETADR('${entry}')`);
    process.kill(relay.pid, "SIGSTOP");
    await fileSystem.cutPower();
    await relay.kill();
    await fileSystem.replace();
    relay = await Relay.start(options);
    const { stdout } = await relay.command(["policy", "export"]);
    if (!stdout.includes(entry)) forgotten.push(entry);
  }
  await ledger.stop();
  isTaking = true;
  await relay.command(["queue", "flush"]);
  const kept = things.move();
  return { ledger, sink, forgotten, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

test(
  "every 250 and every change of the policy is kept through power cuts",
  { timeout: 3_600_000, skip },
  async (context) => {
    await using story = await cut(CUTS);
    const { ledger, sink, forgotten } = story;
    await ledger.assertKept(sink);
    assert.deepEqual(forgotten, []);
    context.diagnostic(`${ledger.accepted.size} accepted, ${CUTS} cuts, ${sink.messages.length} came to the sink`);
  },
);

test("a missing sync is found", { timeout: 600_000, skip }, async () => {
  await using program = await mutated([
    {
      file: "adapters/store-sqlite/engine.ts",
      right: `isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"`,
      wrong: `"PRAGMA synchronous = OFF"`,
    },
    { file: "adapters/store-sqlite/schema.ts", right: "PRAGMA synchronous = FULL", wrong: "PRAGMA synchronous = OFF" },
    { file: "adapters/store-sqlite/segment-log.ts", right: " | constants.O_DSYNC", wrong: "" },
  ]);
  const cutOnce = async () => {
    await using story = await cut(1, program.program);
    assert.equal(story.forgotten.length, 1);
    await story.ledger.assertKept(story.sink, 2_000);
  };
  await assert.rejects(cutOnce, /accepted messages did not arrive|the relay did not start/);
});
