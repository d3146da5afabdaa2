import assert from "node:assert/strict";
import test from "node:test";
import type { ListenerOptions } from "../../src/adapters/smtp-server/listeners.ts";
import { connectTo, greeted, LOOPBACK, open, streamPair, turn } from "../dialogs/scene.ts";
import type { World } from "../dialogs/world.ts";

// What holds at every door, and what TLS must not be talked into.

const DOORS: readonly (readonly [name: string, door: Partial<ListenerOptions>])[] = [
  ["port 25", {}],
  ["with STARTTLS", { tls: "starttls", auth: "tls" }],
  ["with TLS from the start", { tls: "implicit", auth: "tls" }],
  ["for submission, with AUTH in the clear", { auth: "always" }],
  ["for old devices, with LF", { bareLf: true }],
];

test("a client on *REJECT hears 554 at every door, and nothing that it says is read", async (t) => {
  const world = await open(t, { others: DOORS.map(([, door]) => door), users: [["user", "secret"]] });
  world.policy.run("CHGSMTPA ALWRLY(*ALL) ALWAUTH(*RELAY)");
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.0') SUBNETMASK('255.0.0.0')");
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('127.0.0.9')");
  for (const [i, [name]] of DOORS.entries()) {
    const client = await connectTo(world, "127.0.0.9", world.ports[i + 1]);
    assert.match(await client.reply(), /^554 5\.7\.1 /, name);
    assert.equal(await client.closed(), "", name);
  }
  assert.match(await (await connectTo(world, "127.0.0.8")).reply(), /^220/);
});

test("a program of this machine is judged as 127.0.0.1, on *REJECT too", async (t) => {
  const world = await open(t);
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('127.0.0.1')");
  const [ours, theirs] = streamPair();
  let heard = "";
  ours.on("data", (octets: Buffer) => (heard += octets.toString()));
  world.listeners.serveStream(theirs);
  while (!ours.readableEnded) await turn();
  assert.match(heard, /^554 5\.7\.1 [^\n]*\n$/);
  ours.end();
  while (world.listeners.sessions().length > 0) await turn();
});

test("behind a proxy it is the client that is on *REJECT, and the proxy is not asked for", async (t) => {
  const world = await open(t, { listener: { proxyFrom: [LOOPBACK] } });
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('192.0.2.7')");
  for (const [header, code] of [
    ["PROXY TCP4 192.0.2.7 192.0.2.25 4 25\r\n", "554"],
    ["PROXY TCP6 ::ffff:192.0.2.7 ::1 4 25\r\n", "554"],
    ["PROXY TCP4 192.0.2.8 192.0.2.25 4 25\r\n", "220"],
    ["PROXY UNKNOWN\r\n", "220"],
  ] as const) {
    const client = await connectTo(world);
    await client.say(header);
    assert.equal((await client.reply()).slice(0, 3), code, header);
  }
});

test("a PROXY header that is none closes the connection without a word", async (t) => {
  const world = await open(t, { listener: { proxyFrom: [LOOPBACK] } });
  for (const header of [
    "EHLO client.example\r\n",
    "PROXY\r\n",
    "PROXY TCP4 192.0.2.7\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.25 4 70000\r\n",
    "PROXY TCP4 0300.0.2.7 192.0.2.25 4 25\r\n",
    "PROXY TCP4 ::1 ::1 4 25\r\n",
    "PROXY TCP6 192.0.2.7 192.0.2.25 4 25\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.25 4 25\n",
    `PROXY TCP4 ${"1".repeat(200)}\r\n`,
    "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".padEnd(600, "x"),
  ]) {
    const client = await connectTo(world);
    await client.say(Buffer.from(header, "latin1"));
    assert.equal(await client.closed(), "", JSON.stringify(header));
  }
  assert.equal(world.decisions.length, 0);
});

test("without a policy nobody is let in, and who is in already goes no further", async (t) => {
  const world = await open(t);
  const inside = await greeted(world);
  Object.assign(world.policy, { compiled: () => null });
  const client = await connectTo(world);
  assert.match(await client.reply(), /^421 4\.7\.1 /);
  assert.equal(await client.closed(), "");
  assert.match(await inside.ask("MAIL FROM:<s@client.example>"), /^421 4\.7\.1 /);
  assert.equal(await inside.closed(), "");
});

const INJECTED: readonly (readonly [name: string, behind: string, first: string, heard: RegExp])[] = [
  ["a command", "NOOP\r\n", "VRFY x\r\n", /^252/],
  ["a transaction", "EHLO x\r\nMAIL FROM:<a@inside.example>\r\n", "RCPT TO:<u@inside.example>\r\n", /^503/],
  ["half a line", "MAIL FROM:<a@inside.example> ", "VRFY x\r\n", /^252/],
  ["half a line end", "NOOP\r", "\nVRFY x\r\n", /^500/],
  ["AUTH", "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", "EHLO x\r\n", /^250/],
];

for (const [name, behind, first, heard] of INJECTED) {
  test(`STARTTLS with ${name} behind it: nothing of that is there in TLS`, async (t) => {
    const world = await open(t, { listener: { tls: "starttls", auth: "tls" }, users: [["user", "secret"]] });
    const client = await greeted(world);
    await client.say(`STARTTLS\r\n${behind}`);
    assert.match(await client.reply(), /^220 2\.0\.0/);
    await client.startTls();
    await client.say(first);
    assert.match(await client.reply(), heard);
    assert.equal(world.listeners.sessions()[0]?.user, null);
    await client.ask("EHLO x");
    assert.match(await client.ask("VRFY x"), /^252/);
  });
}

test("STARTTLS forgets greeting, user and transaction", async (t) => {
  const world = await open(t, { listener: { tls: "starttls", auth: "always" }, users: [["user", "secret"]] });
  const client = await connectTo(world);
  await client.reply();
  await client.ask("EHLO client.example");
  assert.match(await client.ask("AUTH PLAIN AHVzZXIAc2VjcmV0"), /^235/);
  assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^250/);
  assert.match(await client.ask("RCPT TO:<u@inside.example>"), /^250/);
  assert.match(await client.ask("STARTTLS"), /^220/);
  assert.equal(world.receiver.budget.usedOctets, 0);
  await client.startTls();
  assert.match(await client.ask("DATA"), /^503/);
  const [session] = world.listeners.sessions();
  assert.equal(`${session?.user} ${session?.helo}`, "null ");
  assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^503/);
  assert.match(await client.ask("STARTTLS"), /^503/);
});

test("plain text where a handshake should be ends the connection without an answer", async (t) => {
  const world = await open(t, { listener: { tls: "starttls" } });
  const client = await greeted(world);
  assert.match(await client.ask("STARTTLS"), /^220/);
  await client.say("MAIL FROM:<s@client.example>\r\n");
  assert.doesNotMatch(await client.closed(), /250/);
  await closed(world);
});

async function closed(world: World): Promise<void> {
  while (world.listeners.sessions().length > 0) await turn();
}
