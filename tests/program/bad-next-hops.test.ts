/**
 * The real program with a next hop that never greets, one that answers an octet a second, one that hangs up with 421: the mail of
 * others takes as long as it did before, and the program stays up.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Dialogue } from "../peers/dialogue.ts";
import { Relay } from "../peers/relay.ts";
import { Sink } from "../peers/sink.ts";

type Behaviour = (socket: net.Socket) => void;

/** An octet a second, whatever the client says. */
function drip(socket: net.Socket): void {
  const text = "220 slow.example ESMTP\r\n250 slow.example\r\n".repeat(100);
  let at = 0;
  const timer = setInterval(() => socket.write(text.charAt(at++)), 1_000);
  socket.on("close", () => clearInterval(timer));
}

const BEHAVIOURS: readonly [name: string, behaviour: Behaviour][] = [
  ["never greets", () => undefined],
  ["answers an octet a second", drip],
  ["hangs up with 421", (socket) => socket.end("421 4.3.2 not now\r\n")],
];

async function badHop(behaviour: Behaviour): Promise<net.Server & { port: number; cut: () => void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
    behaviour(socket);
  });
  server.on("close", () => sockets.clear());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return Object.assign(server, { port: (server.address() as AddressInfo).port, cut });
}

class Sender {
  readonly #dialogue: Dialogue;

  private constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue;
  }

  static async start(port: number): Promise<Sender> {
    const dialogue = await Dialogue.connect({ port });
    await dialogue.answer();
    await dialogue.say("EHLO client.example");
    return new Sender(dialogue);
  }

  async send(recipient: string): Promise<void> {
    this.#dialogue.write(`MAIL FROM:<sender@client.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    for (const code of [250, 250, 354]) assert.equal((await this.#dialogue.answer()).code, code);
    assert.equal((await this.#dialogue.say(`Subject: ${recipient}\r\n\r\ntext\r\n.`)).code, 250);
  }

  /** From the first octet to the sink, one after the other: the median, in milliseconds. */
  async medianMs(sink: Sink, name: string, count: number): Promise<number> {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const begun = performance.now();
      await this.send(`${name}${n}@far.example`);
      await sink.to(`${name}${n}@far.example`);
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[count >> 1] ?? NaN;
  }
}

for (const [name, behaviour] of BEHAVIOURS) {
  test(`a next hop that ${name} delays nobody else's mail`, { timeout: 60_000 }, async () => {
    await using sink = await Sink.start();
    const bad = await badHop(behaviour);
    const relay = await Relay.start({
      localDomains: ["bad.example"],
      delivery: { mode: "smarthost", smarthost: `127.0.0.1:${sink.port}`, local: `127.0.0.1:${bad.port}` },
      policy: ["CHGSMTPA ALWRLY(*LIST)", "ADDSMTPLE TYPE(*ACCEPT) INTNETADR('127.0.0.1')"],
    });
    try {
      const sender = await Sender.start(relay.port);
      await sender.medianMs(sink, "warm", 30);
      const before = await sender.medianMs(sink, "before", 40);
      for (let n = 0; n < 200; n++) await sender.send(`u${n}@bad.example`);
      const during = await sender.medianMs(sink, "during", 40);
      // One that waited for the other would wait for half a minute.
      assert.ok(during < 3 * before + 20, `median ${during.toFixed(1)} ms beside ${before.toFixed(1)} ms before`);
      assert.equal((await relay.queue()).length, 200);
      assert.equal((await relay.status()).active, true);
    } finally {
      await relay.kill();
      await relay.stop().catch(() => undefined);
      bad.cut();
      bad.close();
    }
  });
}
