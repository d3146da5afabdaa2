import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Client } from "../dialogs/client.ts";
import { connectTo, greeted, open, turn } from "../dialogs/scene.ts";
import type { World, WorldOptions } from "../dialogs/world.ts";

// What clients on no list may cost, that of clients on *ACCEPT beside it. Time is virtual. 127.0.0.9 is on no list, 127.0.0.2 is on *ACCEPT.

const STRANGER = "127.0.0.9";
const LISTED = "127.0.0.2";

async function scene(
  t: TestContext,
  options: WorldOptions = {},
): Promise<{ readonly world: World; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const world = await open(t, { clock, ...options });
  world.policy.run("CHGSMTPA ALWRLY(*LIST)");
  world.policy.run(`ADDSMTPLE TYPE(*ACCEPT) INTNETADR('${LISTED}')`);
  return { world, clock };
}

/** Opens so many sessions that they are scarce; of 20, the last 5 are. */
async function press(world: World): Promise<void> {
  world.policy.run("CHGSMTPA MAXINEMM(20)");
  for (let i = 0; world.listeners.sessions().length < 16; i++)
    assert.match(await (await connectTo(world, `127.0.1.${i}`)).reply(), /^220/);
}

/** The next reply, while seconds pass. */
async function replyInTime(clock: ManualClock, client: Client, seconds = 60): Promise<string> {
  const answer = client.reply();
  let isThere = false;
  const noted = answer.then(() => (isThere = true));
  for (let second = 0; second < seconds && !isThere; second++) {
    for (let i = 0; i < 20 && !isThere; i++) await turn();
    if (!isThere) clock.advance(1_000);
  }
  await noted;
  return answer;
}

/** Says `line` until the server has enough; how often it was answered, and the last word. */
async function sayUntilClosed(
  clock: ManualClock,
  client: Client,
  line: string,
  max: number,
): Promise<[number, string]> {
  for (let said = 0; said < max; said++) {
    await client.say(`${line}\r\n`);
    const answer = await replyInTime(clock, client);
    if (answer.startsWith("421")) return [said, answer];
  }
  return [max, ""];
}

const FRUITLESS = ["NOOP", "RSET", "VRFY user", "HELP", "EHLO client.example", "HELO client.example"];

for (const command of FRUITLESS) {
  test(`${command}: a stranger may say it so often, a client on *ACCEPT as often as it likes`, async (t) => {
    const { world, clock } = await scene(t, { limits: { fruitlessCommands: 20, errorsPerSession: 4 } });
    // HELO was the first, then 19 more and 4 errors; the last of them is answered too.
    const [said] = await sayUntilClosed(clock, await greeted(world, STRANGER), command, 100);
    assert.equal(said, 19 + 4);
    const [listed] = await sayUntilClosed(clock, await greeted(world, LISTED), command, 200);
    assert.equal(listed, 200);
  });
}

const IN_TRANSACTION: readonly (readonly [what: string, command: string])[] = [
  ["the same recipient again", "RCPT TO:<u@inside.example>"],
  ["an empty chunk", "BDAT 0"],
];

for (const [what, command] of IN_TRANSACTION) {
  test(`${what}: counts as what brings no mail on`, async (t) => {
    const { world, clock } = await scene(t, { limits: { fruitlessCommands: 20, errorsPerSession: 4 } });
    for (const [address, expected] of [
      [STRANGER, 19 + 4],
      [LISTED, 200],
    ] as const) {
      const client = await greeted(world, address);
      await client.ask("MAIL FROM:<s@client.example>");
      await client.ask("RCPT TO:<u@inside.example>");
      const [said] = await sayUntilClosed(clock, client, command, 200);
      assert.equal(said, expected, address);
    }
  });
}

test("a message wipes out what was said in vain before it", async (t) => {
  const { world, clock } = await scene(t, { limits: { fruitlessCommands: 20, errorsPerSession: 4 } });
  const client = await greeted(world, STRANGER);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 18; i++) assert.match(await client.ask("NOOP"), /^250/);
    await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
    for (const expected of [/^250/, /^250/, /^354/]) assert.match(await client.reply(), expected);
    assert.match(await client.ask("x\r\n."), /^250/);
  }
  const [said] = await sayUntilClosed(clock, client, "NOOP", 100);
  assert.equal(said, 20 + 4);
});

test("who has authenticated is no stranger", async (t) => {
  const { world, clock } = await scene(t, {
    limits: { fruitlessCommands: 20, errorsPerSession: 4 },
    listener: { auth: "always" },
    users: [["user", "secret"]],
  });
  const client = await connectTo(world, STRANGER);
  await client.reply();
  await client.ask("EHLO client.example");
  assert.match(await client.ask("AUTH PLAIN AHVzZXIAc2VjcmV0"), /^235/);
  assert.equal((await sayUntilClosed(clock, client, "NOOP", 200))[0], 200);
});

test("300 lines of junk: the first are answered at once, the next a second later each, then comes 421", async (t) => {
  const { world, clock } = await scene(t);
  const client = await greeted(world, STRANGER);
  await client.say("JUNK\r\n".repeat(300));
  const begin = clock.now();
  const max = DEFAULT_LIMITS.errorsPerSession;
  for (let i = 1; i < max / 2; i++) assert.match(await client.reply(), /^500 5\.5\.1/);
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(client.receivedSoFar, "", "nothing more before its time");
  for (let i = max / 2; i <= max; i++) assert.match(await replyInTime(clock, client), /^500 5\.5\.1/);
  assert.match(await client.reply(), /^421 4\.7\.0/);
  assert.equal(await client.closed(), "");
  const seconds = (clock.now() - begin) / 1_000;
  assert.ok(seconds >= max / 2 && seconds <= max, `${seconds} s`);
});

test("who tries out recipients is answered ever more slowly; a client on *ACCEPT is not", async (t) => {
  const { world, clock } = await scene(t);
  world.policy.run("CHGSMTPA ALWRLY(*NONE)");
  const max = DEFAULT_LIMITS.errorsPerSession;
  for (const [address, secondsMin] of [
    [STRANGER, max / 2],
    [LISTED, 0],
  ] as const) {
    const client = await greeted(world, address);
    await client.ask("MAIL FROM:<s@client.example>");
    const begin = clock.now();
    await client.say("RCPT TO:<nobody@outside.example>\r\n".repeat(1_000));
    for (let i = 0; i < max; i++) assert.match(await replyInTime(clock, client), /^550 5\.7\.1/);
    assert.match(await client.reply(), /^421 4\.7\.0/);
    const seconds = (clock.now() - begin) / 1_000;
    assert.ok(seconds >= secondsMin && (secondsMin > 0 || seconds === 0), `${address}: ${seconds} s`);
  }
});

const LINGERERS: readonly (readonly [what: string, begin: readonly string[], line: string])[] = [
  ["that says NOOP now and then", [], "NOOP\r\n"],
  ["that greets again and again", [], "HELO client.example\r\n"],
  [
    "that sends a message octet by octet in chunks",
    ["MAIL FROM:<s@c.example>", "RCPT TO:<u@inside.example>"],
    "BDAT 1\r\nx",
  ],
];

for (const [what, begin, line] of LINGERERS) {
  test(`a stranger ${what} has fifteen minutes, a client on *ACCEPT its session`, async (t) => {
    const { world, clock } = await scene(t);
    const clients = [await greeted(world, STRANGER), await greeted(world, LISTED)] as const;
    for (const client of clients) for (const command of begin) assert.match(await client.ask(command), /^250/);
    let passed = 0;
    const [stranger, listed] = clients;
    for (; passed < 2 * DEFAULT_LIMITS.fruitlessMs; passed += 60_000) {
      await listed.say(line);
      assert.match(await listed.reply(), /^250/);
      await stranger.say(line);
      if ((await stranger.reply()).startsWith("421")) break;
      clock.advance(60_000);
    }
    assert.equal(passed, DEFAULT_LIMITS.fruitlessMs);
  });
}

test("a stranger that brings mail stays", async (t) => {
  const { world, clock } = await scene(t);
  const client = await greeted(world, STRANGER);
  for (let passed = 0; passed < 3 * DEFAULT_LIMITS.fruitlessMs; passed += 240_000) {
    await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
    for (const expected of [/^250/, /^250/, /^354/]) assert.match(await client.reply(), expected);
    assert.match(await client.ask("x\r\n."), /^250/);
    clock.advance(240_000);
  }
});

test("while sessions are scarce, a stranger has a tenth of errors and commands, a client on *ACCEPT all of them", async (t) => {
  const { world, clock } = await scene(t);
  await press(world);
  const errors = DEFAULT_LIMITS.errorsPerSession;
  for (const [command, ofStranger, ofListed] of [
    ["JUNK", errors / 10, errors],
    ["NOOP", DEFAULT_LIMITS.fruitlessCommands / 10 - 1 + errors / 10, 200],
  ] as const) {
    const stranger = await greeted(world, STRANGER);
    assert.equal((await sayUntilClosed(clock, stranger, command, 200))[0], ofStranger, command);
    const listed = await greeted(world, LISTED);
    assert.equal((await sayUntilClosed(clock, listed, command, 200))[0], ofListed, command);
    for (const client of [stranger, listed]) client.destroy();
    while (world.listeners.sessions().length > 16) await turn();
  }
});

test("while sessions are scarce, a stranger's message must come twenty times as fast", async (t) => {
  const { world, clock } = await scene(t);
  const [stranger, listed] = [await greeted(world, STRANGER), await greeted(world, LISTED)];
  for (const client of [stranger, listed]) {
    await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
    for (const expected of [/^250/, /^250/, /^354/]) assert.match(await client.reply(), expected);
  }
  await press(world);
  for (let second = 0; second < 20; second++) {
    const before = world.receiver.budget.usedOctets;
    await stranger.say("x");
    await listed.say("x");
    while (world.receiver.budget.usedOctets < before + 2) await turn();
    clock.advance(1_000);
  }
  assert.match(await stranger.reply(), /^421 4\.4\.2/);
  await listed.say("\r\n.\r\n");
  assert.match(await listed.reply(), /^250/);
});

test("while sessions are scarce, one stranger has a tenth of the sessions of one client", async (t) => {
  const { world } = await scene(t, { limits: { sessionsPerClient: 30 } });
  world.policy.run("CHGSMTPA MAXINEMM(40)");
  for (let i = 0; i < 31; i++) assert.match(await (await connectTo(world, `127.0.1.${i}`)).reply(), /^220/);
  for (let i = 0; i < 3; i++) assert.match(await (await connectTo(world, STRANGER)).reply(), /^220/);
  assert.match(await (await connectTo(world, STRANGER)).reply(), /^421 4\.7\.0/);
  for (let i = 0; i < 5; i++) assert.match(await (await connectTo(world, LISTED)).reply(), /^220/);
});

test("who speaks before the greeting hears 554, who waits is greeted, and nobody on *ACCEPT waits", async (t) => {
  const { world, clock } = await scene(t, { limits: { greetingWaitMs: 6_000 } });
  const hasty = await connectTo(world, STRANGER);
  await hasty.say("EHLO client.example\r\n");
  assert.match(await hasty.reply(), /^554 5\.5\.0/);
  assert.equal(await hasty.closed(), "");
  const session = await connectTo(world, STRANGER);
  await session.say("EHLO c\r\nMAIL FROM:<s@c.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n");
  assert.match(await session.reply(), /^554 5\.5\.0/);
  const gone = await connectTo(world, STRANGER);
  gone.reset();
  const patient = await connectTo(world, STRANGER);
  while (world.listeners.sessions().filter(({ state }) => state === "greeting").length !== 1) await turn();
  clock.advance(5_999);
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(patient.receivedSoFar, "");
  clock.advance(1);
  assert.match(await patient.reply(), /^220/);
  assert.match(await patient.ask("NOOP"), /^250/);
  assert.match(await (await connectTo(world, LISTED)).reply(), /^220/);
});

test("in TLS from the start the greeting is kept back as well", async (t) => {
  const { world } = await scene(t, { limits: { greetingWaitMs: 6_000 }, listener: { tls: "implicit" } });
  const hasty = await connectTo(world, STRANGER);
  await hasty.startTls();
  await hasty.say("NOOP\r\n");
  assert.match(await hasty.reply(), /^554 5\.5\.0/);
});

test("while sessions are scarce, the greeting is kept back a tenth as long", async (t) => {
  const { world, clock } = await scene(t, { limits: { greetingWaitMs: 6_000 } });
  world.policy.run("CHGSMTPA MAXINEMM(4)");
  for (let i = 1; i <= 3; i++) assert.match(await (await connectTo(world, LISTED)).reply(), /^220/);
  const stranger = await connectTo(world, STRANGER);
  while (world.listeners.sessions().length < 4) await turn();
  clock.advance(600);
  assert.match(await stranger.reply(), /^220/);
});

test("without that wait, a whole session in one piece is refused all the same", async (t) => {
  const { world } = await scene(t);
  for (const first of ["EHLO", "HELO"]) {
    const client = await connectTo(world, STRANGER);
    await client.say(
      `${first} c\r\nMAIL FROM:<s@c.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n`,
    );
    assert.match(await client.reply(), /^220/);
    assert.match(await client.reply(), /^554 5\.5\.0/);
    assert.equal(await client.closed(), "");
  }
  assert.equal(world.accepted.length, 0);
});

test("a stop does not wait for those whose answers are kept back", async (t) => {
  const { world, clock } = await scene(t);
  const client = await greeted(world, STRANGER);
  await client.say("JUNK\r\n".repeat(12));
  for (let i = 1; i < DEFAULT_LIMITS.errorsPerSession / 2; i++) await client.reply();
  const begin = clock.now();
  const closing = world.listeners.close(60_000);
  let answer = "";
  while (!answer.startsWith("421")) answer = await replyInTime(clock, client);
  assert.ok(clock.now() - begin < 10_000);
  client.destroy();
  await closing;
});

test("a client that does not close after the last word is cut ten seconds later", async (t) => {
  const { world, clock } = await scene(t);
  const client = await greeted(world, LISTED);
  clock.advance(DEFAULT_LIMITS.commandTimeoutMs);
  assert.match(await client.reply(), /^421 4\.4\.2/);
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(world.listeners.sessions().length, 1, "half open");
  clock.advance(10_000);
  while (world.listeners.sessions().length > 0) await turn();
});

test("a client that reads no reply is not read, and is cut when its time is over", async (t) => {
  const { world, clock } = await scene(t);
  const client = await greeted(world, LISTED);
  client.pause();
  const lines = Buffer.from("VRFY user@inside.example\r\n".repeat(2_000));
  for (let i = 0; i < 200; i++) await client.say(lines);
  for (let i = 0; i < 500; i++) await turn();
  assert.equal(world.listeners.sessions().length, 1);
  assert.match(await (await greeted(world, LISTED)).ask("QUIT"), /^221/);
  clock.advance(DEFAULT_LIMITS.commandTimeoutMs);
  clock.advance(10_000);
  while (world.listeners.sessions().length > 0) await turn();
});

test("3,000 chunks of one octet are one message", async (t) => {
  const { world } = await scene(t);
  const client = await greeted(world, STRANGER);
  await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\n");
  for (let i = 0; i < 2; i++) assert.match(await client.reply(), /^250/);
  const content = "Subject: x\r\n\r\n".concat("y".repeat(2_982), "\r\n");
  await client.say(
    Array.from(content, (octet) => `BDAT 1\r\n${octet}`)
      .join("")
      .concat("BDAT 0 LAST\r\n"),
  );
  for (let i = 0; i <= content.length; i++) assert.match(await client.reply(), /^250/);
  const [message] = world.accepted;
  assert.ok(message !== undefined && (await world.contentOf(message)) === content);
  assert.equal(world.receiver.budget.usedOctets, 0);
});
