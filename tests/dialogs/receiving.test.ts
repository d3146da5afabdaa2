import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import test from "node:test";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { systemClock } from "../../src/adapters/node/clock.ts";
import { createListeners } from "../../src/adapters/smtp-server/listeners.ts";
import type { Spool } from "../../src/flows/ports.ts";
import { begun, greeted, open, streamPair } from "./scene.ts";
import { BARE_LISTENER, HeldSpool } from "./world.ts";

test("250 is said only once the spool has the message, and what the client pipelined waits for it", async (t) => {
  const spool = new HeldSpool();
  const world = await open(t, { spool });
  const client = await begun(world);
  await client.say("x\r\n.\r\nNOOP\r\nNOOP\r\n");
  await spool.putsAre(1);
  await client.say("NOOP\r\n");
  // Another session goes on meanwhile; when it has been answered, the first would have been too.
  const other = await greeted(world);
  assert.match(await other.ask("NOOP"), /^250/);
  assert.equal(client.receivedSoFar, "");
  assert.equal(world.accepted.length, 0);
  assert.equal(world.listeners.sessions().filter(({ state }) => state === "waiting").length, 1);
  spool.puts[0]?.settle({ ok: true, value: undefined });
  assert.match(await client.reply(), /^250 2\.0\.0 Ok: queued as Q/);
  for (let i = 0; i < 3; i++) assert.equal(await client.reply(), "250 2.0.0 Ok");
  assert.equal(world.accepted.length, 1);
});

test("a spool that is full or broken makes 452 or 451, and nothing is queued", async (t) => {
  const spool = new HeldSpool();
  const world = await open(t, { spool });
  for (const [error, answer] of [
    ["full", /^452 4\.3\.1/],
    ["broken", /^451 4\.3\.0/],
  ] as const) {
    const client = await begun(world);
    await client.say("x\r\n.\r\n");
    await spool.putsAre(error === "full" ? 1 : 2);
    spool.puts.at(-1)?.settle({ ok: false, error });
    assert.match(await client.reply(), answer);
    assert.match(await client.ask("NOOP"), /^250/);
  }
  assert.equal(world.accepted.length, 0);
});

test("a fault that the spool throws is told to the log and answered with 451", async (t) => {
  const spool: Pick<Spool, "put" | "openContent"> = {
    put: () => Promise.reject(new Error("I/O")),
    openContent: () => Promise.reject(new Error("I/O")),
  };
  const world = await open(t, { spool, limits: { contentInMemoryOctets: 1_000 } });
  for (const content of ["x\r\n.\r\n", `${"y\r\n".repeat(5_000)}.\r\n`]) {
    const client = await begun(world);
    await client.say(content);
    assert.match(await client.reply(), /^451 4\.3\.0/);
    assert.match(await client.ask("NOOP"), /^250/);
  }
  assert.equal(world.faults.length, 2);
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("large content goes to a file of the spool, unchanged, with our Received field first", async (t) => {
  const world = await open(t, { limits: { contentInMemoryOctets: 10_000 } });
  for (const command of ["DATA", "BDAT"]) {
    const client = await greeted(world);
    await client.say("MAIL FROM:<a@client.example>\r\nRCPT TO:<u@inside.example>\r\n");
    assert.match(`${await client.reply()} ${await client.reply()}`, /^250.* 250/);
    const content = `Subject: x\r\n\r\n${`${"z".repeat(70)}\r\n`.repeat(20_000)}`;
    if (command === "DATA") {
      assert.match(await client.ask("DATA"), /^354/);
      await client.say(`${content.replace("Subject", "..Subject")}.\r\n`);
    } else {
      await client.say(`BDAT ${content.length}\r\n${content}BDAT 3 LAST\r\nx\r\n`);
      assert.match(await client.reply(), /^250.*octets/);
    }
    assert.match(await client.reply(), /^250 2\.0\.0 Ok: queued/);
    const message = world.accepted.at(-1);
    assert.ok(message);
    assert.equal(message.content.kind, "file");
    assert.equal(message.content.dotLines, command === "DATA");
    const expected = command === "DATA" ? `.${content}` : `${content}x\r\n`;
    assert.ok((await world.contentOf(message)) === expected, command);
  }
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("a message over MAXEMMSIZE is swallowed, refused after its end, and costs no memory", async (t) => {
  const world = await open(t, { limits: { contentInMemoryOctets: 10_000 } });
  world.policy.run("CHGSMTPA MAXEMMSIZE(1024)");
  const client = await begun(world);
  await client.say(`${"x".repeat(62)}\r\n`.repeat(20_000));
  await client.say(".\r\n");
  assert.match(await client.reply(), /^552 5\.3\.4/);
  assert.match(await client.ask("NOOP"), /^250/);
  await client.say("MAIL FROM:<a@client.example>\r\nRCPT TO:<u@inside.example>\r\nBDAT 600000\r\n");
  await client.say("x".repeat(600_000));
  for (const expected of [/^250/, /^250/, /^250/]) assert.match(await client.reply(), expected);
  await client.say("BDAT 600000\r\n");
  await client.say("x".repeat(600_000));
  assert.match(await client.reply(), /^552 5\.3\.4/);
  await client.say("BDAT 4 LAST\r\nNOOP");
  assert.match(await client.reply(), /^503 5\.5\.1/);
  assert.equal(world.accepted.length, 0);
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("content of a client that goes away is given back, file and memory", async (t) => {
  const aborted = Promise.withResolvers<void>();
  const memory = new MemorySpool();
  const spool: Pick<Spool, "put" | "openContent"> = {
    put: (message) => memory.put(message),
    async openContent() {
      const opened = await memory.openContent();
      if (!opened.ok) return opened;
      return { ok: true, value: { ...opened.value, abort: async () => aborted.resolve() } };
    },
  };
  const world = await open(t, { spool, limits: { contentInMemoryOctets: 1_000 } });
  const client = await begun(world);
  await client.say("y\r\n".repeat(10_000));
  client.reset();
  await aborted.promise;
  assert.equal(world.receiver.budget.usedOctets, 0);
  assert.equal(world.accepted.length, 0);
});

test("close() lets a transaction end and says 421 to everybody else", async (t) => {
  const world = await open(t);
  const idle = await greeted(world);
  const busy = await begun(world);
  const closing = world.listeners.close(10_000);
  assert.match(await idle.reply(), /^421 4\.3\.2/);
  assert.equal(await idle.closed(), "");
  await busy.say("x\r\n.\r\n");
  assert.match(await busy.reply(), /^250/);
  assert.match(await busy.reply(), /^421 4\.3\.2/);
  idle.destroy();
  busy.destroy();
  await closing;
  assert.equal(world.accepted.length, 1);
  assert.deepEqual(world.listeners.sessions(), []);
  assert.equal(world.listeners.state()[0]?.bound, "");
  const refused = connect(world.port, "127.0.0.1");
  await assert.rejects(once(refused, "connect"));
});

test("close() does not wait for ever, and the doors open again", async (t) => {
  const world = await open(t);
  const busy = await begun(world);
  await world.listeners.close(20);
  assert.match(await busy.reply(), /^421 4\.3\.2/);
  assert.deepEqual(await world.listeners.open(), { ok: true, value: undefined });
  world.port = Number(world.listeners.state()[0]?.bound.split(":").at(-1));
  await greeted(world);
});

test("open() opens every door or none, and says what is in the way", async (t) => {
  const world = await open(t);
  const taken = `127.0.0.1:${world.port}`;
  const listeners = createListeners({
    receiver: world.receiver,
    listeners: [BARE_LISTENER, { ...BARE_LISTENER, address: taken }],
    clock: systemClock,
    bindAddresses: () => [],
    reloadTls: async () => ({ ok: true, value: undefined }),
  });
  assert.deepEqual(await listeners.open(), { ok: false, error: `${taken}: the address is in use by another program` });
  assert.deepEqual(
    listeners.state().map(({ bound }) => bound),
    ["", ""],
  );
});

test("*SVRBIND says where a wildcard binds", async (t) => {
  const world = await open(t);
  const listeners = createListeners({
    receiver: world.receiver,
    listeners: [{ ...BARE_LISTENER, address: "0.0.0.0:0" }],
    clock: systemClock,
    bindAddresses: () => [
      { family: 4, bits: 0x7f000003 },
      { family: 4, bits: 0x7f000004 },
    ],
    reloadTls: async () => ({ ok: true, value: undefined }),
  });
  assert.ok((await listeners.open()).ok);
  assert.deepEqual(
    listeners.state().map(({ configured, bound }) => `${configured} ${bound.split(":")[0]}`),
    ["0.0.0.0:0 127.0.0.3", "0.0.0.0:0 127.0.0.4"],
  );
  await listeners.close(0);
});

test("serveStream() serves a session on any stream as client 127.0.0.1, piped in whole", async (t) => {
  const world = await open(t);
  const [ours, theirs] = streamPair();
  let heard = "";
  ours.on("data", (octets: Buffer) => (heard += octets.toString()));
  world.listeners.serveStream(theirs);
  assert.equal(world.listeners.sessions()[0]?.client, "127.0.0.1");
  const lines = [
    "EHLO localhost",
    "MAIL FROM:<root@inside.example>",
    "RCPT TO:<u@inside.example>",
    "DATA",
    "x",
    ".",
    "QUIT",
  ];
  ours.end(
    lines
      .map((line) => `${line}\n`)
      .join("")
      .replace("x\n.\n", "x\r\n.\r\n"),
  );
  await once(ours, "end");
  assert.deepEqual(heard.match(/^\d{3} /gm), ["220 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "]);
  assert.equal(world.accepted[0]?.origin.helo, "localhost");
});
