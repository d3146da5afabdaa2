import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import type { OutgoingMessage } from "../../src/flows/ports.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { hop, mail, transport, words } from "./sending.ts";

const FILE = { kind: "file", name: "f1", sizeOctets: 0, dotLines: true } as const;

function fileMail(sizeOctets: number, body: "8BITMIME" | "BINARYMIME" = "8BITMIME"): OutgoingMessage {
  return { ...mail("", ["u@example.net"], { body }), content: { ...FILE, sizeOctets } };
}

test("content from a file goes out no faster than the server takes it, dots stuffed across blocks", async () => {
  const block = Buffer.from(`${"x".repeat(65_533)}\r\n.`);
  const blocks = 500;
  let read = 0;
  let readWhilePaused = 0;
  let taken = 0;
  let last = "";
  const server = net.createServer((socket) => {
    let inData = false;
    socket.write("220 mx.example\r\n");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (inData) {
        taken += chunk.length;
        last = (last + chunk.toString("latin1")).slice(-10);
        if (last.endsWith("\r\n.\r\n")) socket.write("250 Taken\r\n");
      } else if (chunk.toString().startsWith("EHLO")) socket.write("250-mx.example\r\n250 PIPELINING\r\n");
      else if (chunk.toString().startsWith("MAIL")) {
        inData = true;
        socket.pause();
        socket.write("250 Ok\r\n250 Ok\r\n354 Go\r\n");
        void standstill(() => read).then(() => {
          readWhilePaused = read;
          socket.resume();
        });
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const sender = transport({
    readFile: async function* () {
      for (; read < blocks; read++) yield block;
    },
  });
  const result = await sender.send(hop(address.port), fileMail(blocks * block.length));
  assert.deepEqual(words(result), ["250 Taken"]);
  assert.equal(taken, blocks * (block.length + 1) + "\r\n.\r\n".length);
  assert.equal(last.slice(-9), "\r\n..\r\n.\r\n".slice(-9));
  assert.ok(readWhilePaused < blocks, `${readWhilePaused} blocks were read for a server that took none`);
  await sender.close(1_000);
  server.close();
});

/** Resolves when a figure has not moved for many turns of the loop: the buffers on the way are full. */
async function standstill(figure: () => number): Promise<void> {
  let before = -1;
  for (let still = 0; still < 500; still++) {
    if (figure() !== before) [before, still] = [figure(), 0];
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("BINARYMIME goes by BDAT where the server offers it, octets as they are", async () => {
  const octets = Buffer.from("\0\r.\n\r\n.\r\n\xff");
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
    for (let message = 0; message < 2; message++) {
      await client.expect("MAIL FROM:<sender@example.com> BODY=BINARYMIME", "250 Ok\r\n");
      await client.expect("RCPT", "250 Ok\r\n");
      await client.expect(`BDAT ${octets.length} LAST`, "");
      assert.equal(await client.octets(octets.length), octets.toString("latin1"));
      client.send("250 Taken\r\n");
    }
    await client.line();
  });
  const sender = transport({
    readFile: async function* () {
      yield octets.subarray(0, 4);
      yield octets.subarray(4);
    },
  });
  const inMemory = mail(octets.toString("latin1"), ["u@example.net"], { body: "BINARYMIME" });
  assert.deepEqual(words(await sender.send(hop(server.port), inMemory)), ["250 Taken"]);
  assert.deepEqual(words(await sender.send(hop(server.port), fileMail(octets.length, "BINARYMIME"))), ["250 Taken"]);
  await sender.close(1_000);
  await server.close();
});

test("a server that answers before the end of data loses the connection: the rest must not be read as commands", async () => {
  const server = await ScriptedServer.start(async (client, connection) => {
    client.send("220 mx.example\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250 PIPELINING\r\n");
    await client.expect("MAIL", "250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    if (connection > 1) {
      await client.data();
      client.send("250 Taken\r\n");
      await client.line();
      return;
    }
    await client.octets(10);
    client.send("552 5.3.4 Too much\r\n");
    await client.closed();
  });
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sender = transport({
    readFile: async function* () {
      yield Buffer.from("x".repeat(20));
      await gate;
      yield Buffer.from("\r\nMAIL FROM:<evil@example.com>\r\n");
    },
  });
  assert.deepEqual(words(await sender.send(hop(server.port), fileMail(100))), ["552 5.3.4 Too much"]);
  release();
  assert.equal(sender.connections(), 0);
  assert.deepEqual(words(await sender.send(hop(server.port), mail("x\r\n"))), ["250 Taken"]);
  assert.ok(!(server.clients[0]?.unread ?? "").includes("evil"));
  await sender.close(1_000);
  await server.close();
});

test("a file that cannot be read defers the message", async () => {
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250 PIPELINING\r\n");
    await client.expect("MAIL", "250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.closed();
    assert.ok(!client.unread.includes("\r\n.\r\n"));
  });
  const sender = transport({
    readFile: async function* () {
      throw new Error("EIO: input/output error");
    },
  });
  const said = words(await sender.send(hop(server.port), fileMail(100)));
  assert.match(said.join(" "), /^451 4\.4\.2 the content could not be read: EIO/);
  await sender.close(1_000);
  await server.close();
});

test("fields in front go out before the content, counted in SIZE and BDAT; its first line may begin with a dot", async () => {
  const front = Buffer.from("DKIM-Signature: v=1;\r\n\tb=x\r\n");
  const octets = Buffer.from(".x\r\n");
  const whole = Buffer.concat([front, octets]);
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250-SIZE\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
    for (const body of [" BODY=BINARYMIME", " BODY=BINARYMIME", "", ""]) {
      await client.expect(`MAIL FROM:<sender@example.com> SIZE=${whole.length}${body}`, "250 Ok\r\n");
      await client.expect("RCPT", "250 Ok\r\n");
      if (body === "") {
        await client.expect("DATA", "354 Go\r\n");
        assert.equal(await client.octets(whole.length + 4), `${front.toString()}..x\r\n.\r\n`);
      } else {
        await client.expect(`BDAT ${whole.length} LAST`, "");
        assert.equal(await client.octets(whole.length), whole.toString());
      }
      client.send("250 Taken\r\n");
    }
    await client.line();
  });
  const sender = transport({
    readFile: async function* () {
      yield octets;
    },
  });
  for (const body of ["BINARYMIME", "7BIT"] as const) {
    const inMemory = { ...mail(octets.toString("latin1"), ["u@example.net"], { body }), front };
    const inFile = { ...mail("", ["u@example.net"], { body }), front, content: { ...FILE, sizeOctets: octets.length } };
    for (const message of [inMemory, inFile]) {
      assert.deepEqual(words(await sender.send(hop(server.port), message)), ["250 Taken"]);
    }
  }
  await sender.close(1_000);
  await server.close();
});
