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
/**
 * What came to the sink before so many others came does not come twice: its outcome was on its way to the disk. Counted and not
 * timed, so that it holds on a busy machine; two for each connection to a next hop, and what one commit takes meanwhile.
 */
const IN_FLIGHT = 100;

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
  /** For each kill: how many messages had come to the sink when it was over. */
  readonly cameBefore: readonly number[];
}

/**
 * Kills the relay so often, each time after it has taken and passed on so many messages at least, starts it again, and leaves it
 * running with what it has in its queue.
 */
async function killed(kills: number, aims: readonly string[], messages: number, program?: string): Promise<Story> {
  await using things = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-kill-"));
  things.defer(async () => await rm(directory, { recursive: true, force: true }));
  const port = await freePort();
  const sink = things.use(await Sink.start());
  const options = relayTo(sink, port, directory, program);
  const random = new SeededRandom(20_261_124);
  const cameBefore: number[] = [];
  let relay = await Relay.start(options);
  things.defer(async () => await relay.stop());
  const ledger = Ledger.start(port);
  things.defer(async () => await ledger.stop());
  for (let kill = 0; kill < kills; kill++) {
    const before = sink.messages.length;
    do await ledger.accepts(ACCEPTED_BETWEEN);
    while (sink.messages.length - before < messages);
    await AIMS[aims[kill % aims.length] ?? ""]?.({ relay, ledger, random });
    cameBefore.push(sink.messages.length);
    relay = await Relay.start(options);
  }
  await ledger.accepts(ACCEPTED_BETWEEN);
  await ledger.stop();
  // Who was killed three times in a row with the same message in its hands holds it: an operator lets it go.
  await relay.command(["queue", "release", "--all"]);
  const kept = things.move();
  return { ledger, sink, cameBefore, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

/** For each kill: how many others had come before it since those messages came that came once more behind it. */
function twiceBy({ sink, cameBefore }: Story): number[][] {
  const last = new Map<string, number>();
  const ages: number[][] = cameBefore.map(() => []);
  for (const [arrival, message] of sink.messages.entries()) {
    const recipient = recipientOf(message);
    const before = last.get(recipient);
    last.set(recipient, arrival);
    if (before === undefined) continue;
    const kill = cameBefore.findIndex((came) => came > before);
    ages[kill]?.push((cameBefore[kill] ?? 0) - before);
  }
  return ages;
}

test("every 250 is kept through kill -9", { timeout: 3_600_000, skip: missing("strace") }, async (context) => {
  await using story = await killed(KILLS, Object.keys(AIMS), 0);
  const { ledger, sink } = story;
  await ledger.assertKept(sink);
  const ages = twiceBy(story);
  const twice = ages.map((ofKill) => ofKill.length).join(" ");
  context.diagnostic(`${ledger.accepted.size} accepted, ${KILLS} kills; came twice by kill: ${twice}`);
  const oldest = Math.max(0, ...ages.flat());
  context.diagnostic(`what came twice was among the last ${oldest} before the kill`);
  assert.ok(oldest <= IN_FLIGHT, `a message came twice, and ${oldest} others had come between it and the kill`);
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
    await using story = await killed(2, aims, 2 * IN_FLIGHT, program.program);
    await assert.rejects(story.ledger.assertKept(story.sink, 2_000), /accepted messages did not arrive/);
    assert.ok(Math.max(...twiceBy(story).flat()) > IN_FLIGHT);
  },
);
