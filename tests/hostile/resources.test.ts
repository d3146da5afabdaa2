import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { SeededRandom } from "../../src/adapters/memory/random.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { SKIPPED_OCTETS_MAX } from "../../src/core/smtp/framing.ts";
import { begun, connectTo, greeted, open, turn } from "../dialogs/scene.ts";
import { octetsOf } from "./table.ts";

// What one client can make the relay spend, and what others notice of it.

test("a command line without end is given up, unkept", async (t) => {
  const world = await open(t);
  for (const octets of [SKIPPED_OCTETS_MAX + 4_096, 1_048_576, 8 * 1_048_576]) {
    const client = await connectTo(world);
    await client.reply();
    await client.say("A".repeat(octets));
    assert.match(await client.reply(), /^500 5\.5\.2 Line too long/);
    assert.equal(await client.closed(), "");
  }
  assert.match(await (await greeted(world)).ask("NOOP"), /^250/);
});

test("a text line of a megabyte is taken, one octet more is refused at the end, once", async (t) => {
  const world = await open(t);
  const client = await begun(world);
  await client.say(`${"x".repeat(DEFAULT_LIMITS.textLineOctets - 2)}\r\n.\r\n`);
  assert.match(await client.reply(), /^250/);
  await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
  for (const expected of [/^250/, /^250/, /^354/]) assert.match(await client.reply(), expected);
  await client.say(`${"x".repeat(DEFAULT_LIMITS.textLineOctets - 1)}\r\n.\r\n`);
  assert.match(await client.reply(), /^550 5\.6\.0/);
  assert.match(await client.ask("NOOP"), /^250/);
  assert.equal(world.accepted.length, 1);
});

test("a header of 12,000 fields is content like any other", async (t) => {
  const world = await open(t);
  const client = await begun(world);
  const header = Array.from({ length: 12_000 }, (_, i) => `X-Field-${i % 7}: ${"y".repeat(60)}\r\n`).join("");
  await client.say(`${header}\r\nx\r\n.\r\n`);
  assert.match(await client.reply(), /^250/);
  const [message] = world.accepted;
  assert.ok(message !== undefined && (await world.contentOf(message)) === `${header}\r\nx\r\n`);
});

test("of 5,000 recipients as many are taken as may be, the others hear 452", async (t) => {
  const world = await open(t, { limits: { recipients: 1_000 } });
  const client = await greeted(world);
  assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^250/);
  await client.say(Array.from({ length: 5_000 }, (_, i) => `RCPT TO:<u${i}@inside.example>\r\n`).join(""));
  const heard = new Map<string, number>();
  for (let i = 0; i < 5_000; i++) {
    const code = (await client.reply()).slice(0, 9);
    heard.set(code, (heard.get(code) ?? 0) + 1);
  }
  assert.deepEqual(
    [...heard],
    [
      ["250 2.1.5", 1_000],
      ["452 4.5.3", 4_000],
    ],
  );
  assert.match(await client.ask("DATA"), /^354/);
  assert.match(await client.ask("x\r\n."), /^250/);
  assert.equal(world.accepted[0]?.envelope.recipients.length, 1_000);
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("who tries out names hears 421 after so many refusals", async (t) => {
  const world = await open(t);
  const client = await greeted(world);
  assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^250/);
  await client.say("RCPT TO:<nobody@outside.example>\r\n".repeat(1_000));
  for (let i = 0; i < DEFAULT_LIMITS.errorsPerSession; i++) assert.match(await client.reply(), /^550 5\.7\.1/);
  assert.match(await client.reply(), /^421 4\.7\.0/);
  assert.equal(await client.closed(), "");
});

test("commands that drip are cut when their time is over, however they drip, and others are served", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { clock });
  const slow = await Promise.all(Array.from({ length: 60 }, () => greeted(world)));
  const line = Buffer.from(`NOOP ${"x".repeat(2_000)}`);
  const { commandTimeoutMs } = DEFAULT_LIMITS;
  for (let passed = 0; passed < commandTimeoutMs; passed += 10_000) {
    for (const client of slow) await client.say(line.subarray(passed / 10_000, passed / 10_000 + 1));
    assert.match(await (await greeted(world)).ask("QUIT"), /^221/);
    clock.advance(10_000);
  }
  for (const client of slow) {
    assert.match(await client.reply(), /^421 4\.4\.2/);
    assert.equal(await client.closed(), "");
  }
});

test("a thousand that connect and cut leave nothing behind", async (t) => {
  const world = await open(t);
  for (let i = 0; i < 1_000; i += 50) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectTo(world)));
    for (const [n, client] of clients.entries()) {
      if (n % 2 === 0) client.reset();
      else client.destroy();
    }
  }
  while (world.listeners.sessions().length > 0) await turn();
  assert.match(await (await greeted(world)).ask("NOOP"), /^250/);
});

test("a session cut anywhere queues nothing but what was complete", async (t) => {
  const world = await open(t);
  const dialogue = [
    "HELO client.example\r\n",
    "MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n",
    "Subject: x\r\n\r\nx\r\n.\r\n",
  ];
  for (const command of ["DATA", "BDAT"]) {
    const [helo = "", envelope = "", content = ""] = dialogue;
    const said =
      command === "DATA"
        ? [helo, envelope, content]
        : [helo, envelope.replace("DATA\r\n", ""), `BDAT 16 LAST\r\nSubject: x\r\n\r\nx\r`];
    const whole = said.join("").length;
    for (let cut = 0; cut < whole; cut++) {
      const client = await connectTo(world);
      await client.reply();
      let left = cut;
      for (const part of said) {
        const now = part.slice(0, left);
        left -= now.length;
        await client.say(now);
        if (now.length < part.length) break;
        const answers = part === said[1] ? (command === "DATA" ? 3 : 2) : 1;
        for (let i = 0; i < answers; i++) await client.reply();
      }
      if (cut % 2 === 0) client.end();
      else client.reset();
    }
    while (world.listeners.sessions().length > 0) await turn();
    assert.equal(world.accepted.length, 0, command);
  }
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("noise of every kind is answered, refused or cut, and harms nobody", async (t) => {
  const world = await open(t, { limits: { sessionsPerClient: 1_000 } });
  world.policy.run("CHGSMTPA MAXINEMM(10000)");
  const words = [
    "MAIL FROM:<",
    "RCPT TO:<",
    "u@inside.example>",
    "EHLO x\r\n",
    "DATA\r\n",
    "\r\n.\r\n",
    "BDAT 7",
    " LAST",
  ];
  words.push(
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\xff",
    "@",
    ":",
    "%",
    '"',
    "\\",
    "<",
    ">",
    "[",
    "STARTTLS\r\n",
    "AUTH LOGIN\r\n",
    "RSET\r\n",
  );
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const client = await connectTo(world);
    await client.reply();
    const noise: Buffer[] = [];
    for (let i = 0; i < 80; i++) {
      const word = words[random.uint32() % words.length] ?? "";
      const octet = Buffer.from([random.uint32() & 0xff]);
      noise.push(random.uint32() % 4 === 0 ? octet : Buffer.from(word, "latin1"));
    }
    await client.say(Buffer.concat(noise));
    client.end();
  }
  while (world.listeners.sessions().length > 0) await turn();
  assert.deepEqual(world.faults, []);
  assert.equal(world.receiver.budget.usedOctets, 0);
  assert.match(await (await greeted(world)).ask("NOOP"), /^250/);
});

test("what a client calls itself stays within its own field", async (t) => {
  const world = await open(t);
  const names = [
    "x)(y",
    "<script>alert(1)</script>",
    "a;b",
    '"x"',
    "a\\",
    "[IPv6:::1]",
    "x=y",
    "{255 a}",
    "a,b",
    "'--",
    "$(id)",
  ];
  for (const name of names) {
    const client = await connectTo(world);
    await client.reply();
    assert.match(await client.ask(`HELO ${octetsOf(name).toString()}`), /^250/, name);
    await client.say("MAIL FROM:<s@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
    for (let i = 0; i < 3; i++) await client.reply();
    assert.match(await client.ask("Subject: x\r\n\r\nx\r\n."), /^250/, name);
    client.destroy();
    const content = world.accepted.at(-1)?.content;
    assert.ok(content?.kind === "memory");
    const text = Buffer.concat(content.chunks).toString("latin1");
    const field =
      /^Received: from [^\r\n]{1,900}(?:\r\n\t[^\r\n]{1,900})*\r\n(?=Subject: x\r\n\r\nx\r\n$)/.exec(text)?.[0] ?? "";
    assert.match(
      field,
      /^Received: from .*\r\n\tby relay\.example with SMTP\r\n\tid Q\w+\r\n\tfor <u@inside\.example>; .*\r\n$/,
      name,
    );
    assert.equal(field.split("(").length, field.split(")").length, name);
  }
});
