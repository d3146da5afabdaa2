import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex } from "node:stream";
import test from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { AssertionFault } from "../../src/core/base/assert.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { Spool } from "../../src/flows/ports.ts";
import type { Client } from "./client.ts";
import { begun, connectTo, greeted, LOOPBACK, open, streamPair, turn } from "./scene.ts";
import { HeldSpool } from "./world.ts";

test("when memory is used up, MAIL and RCPT are deferred and messages under way go to files", async (t) => {
  const memory = new MemorySpool();
  const opening = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const spool: Pick<Spool, "put" | "openContent"> = {
    put: (message) => memory.put(message),
    async openContent() {
      opening.resolve();
      await gate.promise;
      return memory.openContent();
    },
  };
  const world = await open(t, { spool, limits: { memoryOctets: 100_000 } });
  const second = await greeted(world);
  assert.match(await second.ask("MAIL FROM:<a@client.example>"), /^250/);
  const third = await greeted(world);
  const first = await begun(world);
  await first.say("x".repeat(70).concat("\r\n").repeat(1_500));
  await opening.promise;
  assert.match(await second.ask("RCPT TO:<u@inside.example>"), /^452 4\.3\.1/);
  assert.match(await third.ask("MAIL FROM:<a@client.example>"), /^452 4\.3\.1/);
  gate.resolve();
  await first.say(".\r\n");
  assert.match(await first.reply(), /^250/);
  assert.equal(world.accepted[0]?.content.kind, "file");
  assert.equal(world.receiver.budget.usedOctets, 0);
  assert.match(await second.ask("RCPT TO:<u@inside.example>"), /^250/);
});

test("recipients count as memory, and are given back with their transaction", async (t) => {
  const world = await open(t, { limits: { memoryOctets: 50_000 } });
  const client = await greeted(world);
  assert.match(await client.ask("MAIL FROM:<a@client.example>"), /^250/);
  let taken = 0;
  while ((await client.ask(`RCPT TO:<u${taken}@inside.example>`)).startsWith("250")) taken++;
  assert.ok(taken > 50 && taken < 130, `${taken} recipients`);
  assert.match(await client.ask("RCPT TO:<last@inside.example>"), /^452 4\.3\.1/);
  assert.match(await client.ask("RSET"), /^250/);
  assert.equal(world.receiver.budget.usedOctets, 0);
  await client.ask("MAIL FROM:<a@client.example>");
  await client.ask("RCPT TO:<u@inside.example>");
  client.reset();
  while (world.receiver.sessions().length > 0) await turn();
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("a client may have only so many sessions, and all clients together", async (t) => {
  const world = await open(t, { limits: { sessionsPerClient: 2 } });
  const first = await greeted(world);
  await greeted(world);
  const third = await connectTo(world);
  assert.match(await third.reply(), /^421 4\.7\.0/);
  assert.equal(await third.closed(), "");
  const neighbour = await connectTo(world, "127.0.0.2");
  assert.match(await neighbour.reply(), /^220/);
  assert.match(await first.ask("QUIT"), /^221/);
  while (world.listeners.sessions().length > 2) await neighbour.ask("NOOP");
  assert.match(await (await connectTo(world)).reply(), /^220/);
});

test("MAXINEMM bounds the sessions of all clients", async (t) => {
  const world = await open(t);
  world.policy.run("CHGSMTPA MAXINEMM(1)");
  await greeted(world);
  const other = await connectTo(world, "127.0.0.2");
  assert.match(await other.reply(), /^421 4\.3\.2/);
});

test("a tenth of MAXINEMM is kept for clients on *ACCEPT, however many strangers there are", async (t) => {
  const world = await open(t, { listener: { proxyFrom: [LOOPBACK] } });
  world.policy.run("CHGSMTPA MAXINEMM(10)");
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.0') SUBNETMASK('255.255.255.0')");
  const behindProxy = async (address: string): Promise<string> => {
    const client = await connectTo(world);
    await client.say(`PROXY TCP4 ${address} 192.0.2.25 4000 25\r\n`);
    return (await client.reply()).slice(0, 9);
  };
  for (let i = 1; i <= 9; i++) assert.equal(await behindProxy(`198.51.100.${i}`), "220 relay");
  assert.equal(await behindProxy("198.51.100.10"), "421 4.3.2");
  assert.equal(await behindProxy("192.0.2.1"), "220 relay");
  assert.equal(await behindProxy("192.0.2.2"), "421 4.3.2");
});

test("while sessions are scarce, strangers that say nothing are cut sooner, clients on *ACCEPT are not", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { listener: { proxyFrom: [LOOPBACK] }, clock });
  world.policy.run("CHGSMTPA MAXINEMM(4)");
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.0') SUBNETMASK('255.255.255.0')");
  const behindProxy = async (address: string): Promise<Client> => {
    const client = await connectTo(world);
    await client.say(`PROXY TCP4 ${address} 192.0.2.25 4000 25\r\n`);
    assert.match(await client.reply(), /^220/);
    return client;
  };
  const silent = await behindProxy("198.51.100.1");
  const known = await behindProxy("192.0.2.1");
  await behindProxy("198.51.100.2");
  clock.advance(DEFAULT_LIMITS.pressedCommandTimeoutMs);
  assert.equal(world.listeners.sessions().length, 3);
  const busy = await behindProxy("198.51.100.3");
  clock.advance(1_000);
  assert.match(await silent.reply(), /^421 4\.4\.2/);
  assert.match(await known.ask("NOOP"), /^250/);
  assert.match(await busy.ask("NOOP"), /^250/);
});

test("sessions are counted by the /64 of an IPv6 address", async (t) => {
  const world = await open(t, { listener: { proxyFrom: [LOOPBACK] }, limits: { sessionsPerClient: 2 } });
  const behindProxy = async (address: string): Promise<string> => {
    const client = await connectTo(world);
    await client.say(`PROXY TCP6 ${address} 2001:db8::25 4000 25\r\n`);
    return (await client.reply()).slice(0, 9);
  };
  assert.equal(await behindProxy("2001:db8:1:2::1"), "220 relay");
  assert.equal(await behindProxy("2001:db8:1:2:ffff:ffff:ffff:ffff"), "220 relay");
  assert.equal(await behindProxy("2001:db8:1:2::3"), "421 4.7.0");
  assert.equal(await behindProxy("2001:db8:1:3::3"), "220 relay");
});

test("so many clients wait for DNS lists at once, and no more", async (t) => {
  let asked = 0;
  const listed = (): Promise<"unknown"> => {
    asked++;
    return new Promise(() => undefined);
  };
  const clock = new ManualClock();
  const world = await open(t, { listed, clock, limits: { listLookups: 2 } });
  world.policy.run("CHGSMTPA RBLSVR(list.example)");
  const [first, second] = [await connectTo(world), await connectTo(world)];
  while (asked < 2) await turn();
  assert.match(await (await connectTo(world)).reply(), /^220/);
  assert.equal(asked, 2);
  clock.advance(DEFAULT_LIMITS.listLookupMs);
  for (const client of [first, second]) assert.match(await client.reply(), /^220/);
  await connectTo(world);
  while (asked < 3) await turn();
});

test("a promise of the spool that is broken ends the process", async (t) => {
  const crashed: unknown[] = [];
  const spool: Pick<Spool, "put" | "openContent"> = {
    put: () => Promise.reject(new AssertionFault("a queue id is given once")),
    openContent: () => Promise.resolve({ ok: false, error: "full" }),
  };
  const world = await open(t, { spool, crash: (fault) => void crashed.push(fault) });
  const client = await begun(world);
  await client.say("x\r\n.\r\n");
  assert.match(await client.reply(), /^451/);
  assert.equal(crashed.length, 1);
});

test("a spool that never answers holds its sessions alone, and close() does not wait for it", async (t) => {
  const spool = new HeldSpool();
  const clock = new ManualClock();
  const world = await open(t, { spool, clock });
  const waiting = await begun(world);
  await waiting.say("x\r\n.\r\n");
  const gone = await begun(world);
  await gone.say("y\r\n.\r\nQUIT\r\n");
  await spool.putsAre(2);
  gone.reset();
  while (world.receiver.sessions().length > 1) await turn();
  clock.advance(2 * DEFAULT_LIMITS.commandTimeoutMs);
  assert.equal(waiting.receivedSoFar, "");
  const other = await greeted(world);
  assert.match(await other.ask("NOOP"), /^250/);
  assert.ok(world.receiver.budget.usedOctets > 0);
  const closing = world.listeners.close(1_000);
  clock.advance(1_000);
  assert.match(await waiting.reply(), /^421/);
  assert.match(await other.reply(), /^421/);
  clock.advance(1_000);
  await closing;
  for (const put of spool.puts) put.settle({ ok: true, value: undefined });
  while (world.accepted.length < 2) await turn();
  assert.equal(world.receiver.budget.usedOctets, 0);
});

test("what is pipelined while a message is being stored is bounded: the client is not read", async (t) => {
  const spool = new HeldSpool();
  const world = await open(t, { spool });
  const [ours, theirs] = streamPair();
  let heard = "";
  ours.on("data", (octets: Buffer) => (heard += octets.toString()));
  world.listeners.serveStream(theirs);
  ours.write("HELO localhost\r\nMAIL FROM:<a@inside.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\nx\r\n.\r\n");
  await spool.putsAre(1);
  ours.write("NOOP\r\n".repeat(10_000));
  for (let i = 0; i < 20; i++) await turn();
  assert.ok(theirs.isPaused());
  spool.puts[0]?.settle({ ok: true, value: undefined });
  while (heard.split("250 2.0.0 Ok\r\n").length < 10_001) await turn();
  ours.destroy();
  theirs.destroy();
});

test("a client that reads no replies is not read either", async (t) => {
  const world = await open(t);
  let finish = (): void => undefined;
  let unread = 0;
  const stream = new Duplex({
    highWaterMark: 1_000,
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      unread += chunk.length;
      finish = done;
    },
  });
  world.listeners.serveStream(stream);
  const lines = Buffer.from("VRFY a@inside.example\r\n".repeat(20));
  for (let i = 0; i < 100 && !stream.isPaused(); i++) {
    stream.push(lines);
    await turn();
  }
  assert.ok(stream.isPaused());
  assert.ok(unread + stream.writableLength < 10_000);
  const drained = once(stream, "drain");
  for (let i = 0; i < 20 && stream.writableLength > 0; i++) {
    finish();
    await turn();
  }
  await drained;
  assert.ok(!stream.isPaused());
  stream.destroy();
});

test("a message that drips is cut, one that flows is not", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { clock });
  const { dataTimeoutMs, dataProgressOctets } = DEFAULT_LIMITS;
  const slow = await begun(world);
  const steady = await begun(world);
  /** Waits until the server has read it. */
  const say = async (client: Client, text: string): Promise<void> => {
    const before = world.receiver.budget.usedOctets;
    await client.say(text);
    while (world.receiver.budget.usedOctets < before + text.length) await turn();
  };
  const line = "y".repeat(dataProgressOctets / 2 - 2).concat("\r\n");
  for (let second = 0; second < 2 * dataTimeoutMs; second += 1_000) {
    if (second < dataTimeoutMs) await say(slow, "x");
    if (second % 60_000 === 0) await say(steady, line);
    clock.advance(1_000);
  }
  assert.match(await slow.reply(), /^421 4\.4\.2/);
  await steady.say(".\r\n");
  assert.match(await steady.reply(), /^250/);
});

test("one block of commands brings forth no more replies than a client reads", async (t) => {
  const world = await open(t);
  let finish = (): void => undefined;
  let answers = 0;
  let unread = 0;
  const stream = new Duplex({
    highWaterMark: 65_536,
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      answers += chunk.toString().split("252 ").length - 1;
      unread = Math.max(unread, stream.writableLength);
      finish = done;
    },
  });
  world.listeners.serveStream(stream);
  stream.push(Buffer.from("VRFY a\r\n".repeat(8_000)));
  for (let i = 0; i < 10; i++) await turn();
  assert.ok(unread < 100_000, `${unread} octets unread`);
  while (answers < 8_000) {
    finish();
    await turn();
  }
  assert.ok(unread < 100_000, `${unread} octets unread`);
  stream.destroy();
});
