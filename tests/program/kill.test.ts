/**
 * Law 1 for the real program: it is killed in the middle of the work, again and again, while eight clients send. Every message
 * that was answered with 250 is at the sink afterwards, to the octet. One may come twice where the kill fell between the next
 * hop's 250 and our outcome.
 *
 * `RELAYKEEPER_KILLS=100 node --test tests/program/kill.test.ts` (`npm run soak:kill`) kills that often.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { freePort, missing } from "../peers/programs.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";
import { Ledger, recipientOf, relayTo } from "./ledger.ts";
import { mutated } from "./mutated.ts";
import { inject } from "./strace.ts";

const KILLS = Number(process.env["RELAYKEEPER_KILLS"] ?? 10);
const ACCEPTED_BETWEEN = 40;
/** Between the next hop's 250 and our outcome on its way to the disk: what came to the sink longer ago does not come twice. */
const IN_FLIGHT_MS = 1_000;

interface Scene {
  readonly relay: Relay;
  readonly ledger: Ledger;
  readonly random: SeededRandom;
}

/** Each kills the relay, and resolves when it is gone. */
const AIMS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "at any moment": async ({ relay, random }) => {
    await new Promise((resolve) => setTimeout(resolve, random.uint32() % 50));
    await relay.kill();
  },
  "behind a client's dot": async ({ relay, ledger, random }) => {
    const delayMs = random.uint32() % 4;
    await new Promise<void>((resolve) => (ledger.onDot = resolve));
    ledger.onDot = () => undefined;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    await relay.kill();
  },
  "before an early write to storage": async (scene) => await killedAtCall(scene, ["pwrite64", "pwritev"], 20),
  "before a write to storage": async (scene) => await killedAtCall(scene, ["pwrite64", "pwritev"], 200),
  "before octets leave for a socket": async (scene) => await killedAtCall(scene, ["write", "writev"], 400),
};

async function killedAtCall({ relay, random }: Scene, calls: readonly string[], within: number): Promise<void> {
  await using injected = await inject(relay.pid, calls, `signal=SIGKILL:when=${1 + (random.uint32() % within)}`);
  await injected.gone;
  await relay.kill();
}

interface Story extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly sink: Sink;
  /** When each kill was over, as the arrivals are timed. */
  readonly killedAt: readonly number[];
  /** When each message of the sink came. */
  readonly arrivedAt: readonly number[];
}

/**
 * Kills the relay so often, each time after `lifeMs` at least, starts it again, and leaves it running with what it has in its
 * queue.
 */
async function killed(kills: number, aims: readonly string[], lifeMs = 0, program?: string): Promise<Story> {
  await using things = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-kill-"));
  things.defer(async () => await rm(directory, { recursive: true, force: true }));
  const port = await freePort();
  const arrivedAt: number[] = [];
  const note = (): null => {
    arrivedAt.push(performance.now());
    return null;
  };
  const sink = things.use(await Sink.start({ answerData: note }));
  const options = relayTo(sink, port, directory, program);
  const random = new SeededRandom(20_261_124);
  const killedAt: number[] = [];
  let relay = await Relay.start(options);
  things.defer(async () => await relay.stop());
  const ledger = Ledger.start(port);
  things.defer(async () => await ledger.stop());
  for (let kill = 0; kill < kills; kill++) {
    const livesUntil = performance.now() + lifeMs;
    do await ledger.accepts(ACCEPTED_BETWEEN);
    while (performance.now() < livesUntil);
    await AIMS[aims[kill % aims.length] ?? ""]?.({ relay, ledger, random });
    killedAt.push(performance.now());
    relay = await Relay.start(options);
  }
  await ledger.accepts(ACCEPTED_BETWEEN);
  await ledger.stop();
  const kept = things.move();
  return { ledger, sink, killedAt, arrivedAt, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

/** For each kill: how long before it those messages had come that came once more behind it, in milliseconds. */
function twiceBy({ sink, killedAt, arrivedAt }: Story): number[][] {
  const lastAt = new Map<string, number>();
  const ages: number[][] = killedAt.map(() => []);
  for (const [arrival, message] of sink.messages.entries()) {
    const recipient = recipientOf(message);
    const before = lastAt.get(recipient);
    lastAt.set(recipient, arrivedAt[arrival] ?? 0);
    if (before === undefined) continue;
    const kill = killedAt.findIndex((at) => at > before);
    ages[kill]?.push((killedAt[kill] ?? 0) - before);
  }
  return ages;
}

test("every 250 is kept through kill -9", { timeout: 3_600_000, skip: missing("strace") }, async (context) => {
  await using story = await killed(KILLS, Object.keys(AIMS));
  const { ledger, sink } = story;
  await ledger.assertKept(sink);
  const ages = twiceBy(story);
  const twice = ages.map((ofKill) => ofKill.length).join(" ");
  context.diagnostic(`${ledger.accepted.size} accepted, ${KILLS} kills; came twice by kill: ${twice}`);
  const oldestMs = Math.max(0, ...ages.flat());
  context.diagnostic(`what came twice had come at most ${Math.round(oldestMs)} ms before the kill`);
  assert.ok(oldestMs <= IN_FLIGHT_MS, `a message came twice that had come ${oldestMs} ms before the kill`);
});

test(
  "an answer before the commit is found, and an outcome that is not written",
  { timeout: 600_000, skip: missing("strace") },
  async () => {
    await using program = await mutated([
      {
        file: "adapters/store-sqlite/store-thread.ts",
        right: "const pending: Pending = { item, call, resolve, reject };",
        wrong: `const pending: Pending = { item, call, resolve, reject };
      if (item.kind === "put") resolve(PUT_DONE);
      if (item.kind === "settle") return resolve(undefined);`,
      },
    ]);
    const aims = ["before a write to storage", "before an early write to storage"];
    await using story = await killed(2, aims, 2 * IN_FLIGHT_MS, program.program);
    await assert.rejects(story.ledger.assertKept(story.sink, 2_000), /accepted messages did not arrive/);
    assert.ok(Math.max(...twiceBy(story).flat()) > IN_FLIGHT_MS);
  },
);
