import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import { parseCidr, type Network } from "../../src/core/mail/network.ts";
import { Client } from "./client.ts";
import { World, type WorldOptions } from "./world.ts";

// What tests of sessions begin with.

/** A world that ends with its test, and its clients with it. */
export async function open(t: TestContext, options?: WorldOptions): Promise<World> {
  const world = await World.open(options);
  t.after(async () => {
    for (const client of clients.get(world) ?? []) client.destroy();
    await world.close();
  });
  return world;
}

const clients = new WeakMap<World, Client[]>();

export async function connectTo(world: World, localAddress?: string, port = world.port): Promise<Client> {
  const client = await Client.connect(port, localAddress);
  clients.set(world, [...(clients.get(world) ?? []), client]);
  return client;
}

export async function greeted(world: World, localAddress?: string): Promise<Client> {
  const client = await connectTo(world, localAddress);
  assert.match(await client.reply(), /^220 /);
  assert.match(await client.ask("HELO client.example"), /^250 /);
  return client;
}

/** In the midst of DATA. */
export async function begun(world: World): Promise<Client> {
  const client = await greeted(world);
  await client.say("MAIL FROM:<a@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
  for (const expected of [/^250/, /^250/, /^354/]) assert.match(await client.reply(), expected);
  return client;
}

/** Lets everything that is under way in this process take its next step. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function network(text: string): Network {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

export const LOOPBACK = network("127.0.0.0/8");

/** Two ends of a stream in memory. */
export function streamPair(): [Duplex, Duplex] {
  const sides: Duplex[] = [];
  for (let i = 0; i < 2; i++) {
    sides.push(
      new Duplex({
        allowHalfOpen: true,
        read: () => undefined,
        write(chunk: Buffer, _encoding, done) {
          sides[1 - i]?.push(chunk);
          done();
        },
        final(done) {
          sides[1 - i]?.push(null);
          done();
        },
      }),
    );
  }
  return sides as [Duplex, Duplex];
}
