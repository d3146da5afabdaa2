/** A header that goes out in the place of the one that was received: from memory and file, by DATA and BDAT, wherever content is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutgoingMessage } from "../../src/flows/ports.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { hop, mail, transport, words } from "./sending.ts";

interface Case {
  readonly name: string;
  readonly front: string;
  readonly content: string;
  readonly skipOctets: number;
  readonly sent: string;
  readonly onWire: string;
}

const CASES: readonly Case[] = [
  {
    name: "a header and a body with dots",
    front: "From: b\r\n\r\n",
    content: "From: a\r\n\r\n.one\r\n..two\r\n",
    skipOctets: 11,
    sent: "From: b\r\n\r\n.one\r\n..two\r\n",
    onWire: "From: b\r\n\r\n..one\r\n...two\r\n.\r\n",
  },
  {
    name: "a field that begins with a dot",
    front: ".x: y\r\nFrom: b\r\n\r\n",
    content: ".x: y\r\nFrom: a\r\n\r\nbody\r\n",
    skipOctets: 18,
    sent: ".x: y\r\nFrom: b\r\n\r\nbody\r\n",
    onWire: "..x: y\r\nFrom: b\r\n\r\nbody\r\n.\r\n",
  },
  {
    name: "a header alone, without its end",
    front: "From: b\r\n\r\n",
    content: "From: a",
    skipOctets: 7,
    sent: "From: b\r\n\r\n",
    onWire: "From: b\r\n\r\n.\r\n",
  },
  {
    name: "signatures in front, nothing edited, no line end at the end",
    front: "DKIM-Signature: x\r\n",
    content: "From: a\r\n\r\nbody",
    skipOctets: 0,
    sent: "DKIM-Signature: x\r\nFrom: a\r\n\r\nbody",
    onWire: "DKIM-Signature: x\r\nFrom: a\r\n\r\nbody\r\n.\r\n",
  },
];

for (const { name, front, content, skipOctets, sent, onWire } of CASES) {
  test(name, async () => {
    const server = await ScriptedServer.start(async (client) => {
      client.send("220 mx.example\r\n");
      await client.expect("EHLO", "250-mx.example\r\n250-PIPELINING\r\n250-SIZE\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
      for (;;) {
        const from = await client.line();
        if (!from.startsWith("MAIL")) return;
        assert.equal(/SIZE=(\d+)/.exec(from)?.[1], String(sent.length));
        client.send("250 Ok\r\n");
        await client.expect("RCPT", "250 Ok\r\n");
        if (from.includes("BINARYMIME")) {
          await client.expect(`BDAT ${sent.length} LAST`, "");
          assert.equal(await client.octets(sent.length), sent);
        } else {
          await client.expect("DATA", "354 Go\r\n");
          assert.equal(await client.data(), onWire);
        }
        client.send("250 Taken\r\n");
      }
    });
    const octets = Buffer.from(content);
    for (const size of [1, 3, 100]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < octets.length; at += size) chunks.push(octets.subarray(at, at + size));
      const sender = transport({
        readFile: async function* () {
          yield* chunks;
        },
      });
      for (const body of ["8BITMIME", "BINARYMIME"] as const) {
        const { content: whole, ...rest } = mail(content, ["u@example.net"], { body });
        const edited = { ...rest, front: Buffer.from(front), skipOctets };
        const inMemory: OutgoingMessage = { ...edited, content: { ...whole, kind: "memory", chunks } };
        const { sizeOctets, dotLines } = whole;
        const inFile: OutgoingMessage = { ...edited, content: { kind: "file", name: "f", sizeOctets, dotLines } };
        for (const message of [inMemory, inFile]) {
          assert.deepEqual(words(await sender.send(hop(server.port), message)), ["250 Taken"], `${size} ${body}`);
        }
      }
      await sender.close(1_000);
    }
    await server.close();
  });
}
