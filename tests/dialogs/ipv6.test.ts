import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test, { type TestContext } from "node:test";
import type { ListenerOptions } from "../../src/adapters/smtp-server/listeners.ts";
import { formatIpAddress } from "../../src/core/mail/ip.ts";
import { connectTo, LOOPBACK, network, open } from "./scene.ts";
import type { World } from "./world.ts";

// One door for both families: an IPv4 client comes in as ::ffff:127.0.0.9, and is 127.0.0.9 everywhere.

async function dualStack(t: TestContext, listener: Partial<ListenerOptions> = {}): Promise<World | null> {
  const probe = createServer().listen(0, "::1");
  const [outcome] = (await Promise.race([once(probe, "listening"), once(probe, "error")])) as [Error | undefined];
  if (outcome !== undefined) {
    t.skip(`this machine has no ::1: ${outcome.message}`);
    return null;
  }
  probe.close();
  return open(t, { listener: { address: "[::]:0", ...listener } });
}

/** What the client hears to its greeting and, where that lets it in, to RCPT for somebody else. */
async function relays(world: World, address: string, header = ""): Promise<string> {
  const client = await connectTo(world, address);
  await client.say(header);
  const greeting = await client.reply();
  if (!greeting.startsWith("220")) return greeting.slice(0, 9);
  assert.match(await client.ask("HELO client.example"), /^250/);
  assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^250/);
  return (await client.ask("RCPT TO:<v@outside.example>")).slice(0, 9);
}

test("*ACCEPT and *REJECT catch IPv4 clients of a door for both families", async (t) => {
  const world = await dualStack(t);
  if (world === null) return;
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.0') SUBNETMASK('255.255.255.0')");
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('127.0.0.9')");
  assert.equal(await relays(world, "127.0.0.8"), "250 2.1.5");
  assert.equal(await relays(world, "127.0.0.9"), "554 5.7.1");
  assert.equal(await relays(world, "127.0.1.8"), "550 5.7.1");
  assert.equal(await relays(world, "::1"), "550 5.7.1");
  assert.deepEqual(
    new Set(world.decisions.map(({ client }) => formatIpAddress(client))),
    new Set(["127.0.0.8", "127.0.0.9", "127.0.1.8", "::1"]),
  );
});

test("entries for IPv6 catch IPv6 clients alone, however wide", async (t) => {
  const world = await dualStack(t);
  if (world === null) return;
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('::1')");
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('::/1')");
  assert.equal(await relays(world, "::1"), "554 5.7.1");
  assert.equal(await relays(world, "127.0.0.8"), "550 5.7.1");
});

test("a proxy is known by its mapped address, and so is the client that it names", async (t) => {
  const world = await dualStack(t, { proxyFrom: [LOOPBACK, network("::1/128")] });
  if (world === null) return;
  world.policy.run("ADDSMTPLE TYPE(*ACCEPT) INTNETADR('192.0.2.7')");
  world.policy.run("ADDSMTPLE TYPE(*REJECT) INTNETADR('192.0.2.66')");
  for (const proxy of ["127.0.0.5", "::1"]) {
    assert.equal(await relays(world, proxy, "PROXY TCP4 192.0.2.7 192.0.2.25 4 25\r\n"), "250 2.1.5", proxy);
    assert.equal(await relays(world, proxy, "PROXY TCP6 ::ffff:192.0.2.7 ::1 4 25\r\n"), "250 2.1.5", proxy);
    assert.equal(await relays(world, proxy, "PROXY TCP6 ::ffff:c000:242 ::1 4 25\r\n"), "554 5.7.1", proxy);
    assert.equal(await relays(world, proxy, "PROXY TCP6 2001:db8::7 ::1 4 25\r\n"), "550 5.7.1", proxy);
    assert.equal(await relays(world, proxy, "PROXY UNKNOWN\r\n"), "550 5.7.1", proxy);
  }
});

test("the address that a client came in at is ours as a literal, in either family", async (t) => {
  const world = await dualStack(t);
  if (world === null) return;
  for (const [address, own, other] of [
    ["127.0.0.8", "[127.0.0.1]", "[127.0.0.2]"],
    ["::1", "[IPv6:::1]", "[IPv6:::2]"],
  ] as const) {
    const client = await connectTo(world, address);
    await client.reply();
    await client.ask("HELO client.example");
    assert.match(await client.ask("MAIL FROM:<s@client.example>"), /^250/);
    assert.match(await client.ask(`RCPT TO:<u@${own}>`), /^250/);
    assert.match(await client.ask(`RCPT TO:<u@${other}>`), /^550 5\.7\.1/);
  }
});
