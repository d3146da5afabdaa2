import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { type Client, ScriptedServer } from "./scripted-server.ts";
import { hop, mail, transport, words } from "./sending.ts";

const ONE_CONNECTION = { limits: { ...DEFAULT_LIMITS, connectionsPerNextHop: 1 } };

async function greet(client: Client): Promise<void> {
  client.send("220 mx.example ESMTP\r\n");
  await client.expect("EHLO relay.example", "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
}

async function takeEnvelope(client: Client): Promise<void> {
  await client.expect("MAIL", "250 2.1.0 Ok\r\n");
  await client.expect("RCPT", "250 2.1.5 Ok\r\n");
  await client.expect("DATA", "354 Go\r\n");
}

async function takeMessages(client: Client): Promise<void> {
  for (;;) {
    const line = await client.line();
    if (line === "" || line === "QUIT") return;
    await client.expect("RCPT", "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.data();
    client.send("250 2.0.0 Taken\r\n");
  }
}

test("the envelope of the next message goes out with the content of the one before it, and each has its own answer", async () => {
  const server = await ScriptedServer.start(async (client) => {
    await greet(client);
    await takeEnvelope(client);
    assert.equal(await client.data(), "first\r\n.\r\n");
    // Here already, though the first message was not answered.
    assert.match(await client.line(), /^MAIL/);
    assert.match(await client.line(), /^RCPT/);
    assert.equal(await client.line(), "DATA");
    client.send("451 4.3.0 Not now\r\n250 2.1.0 Ok\r\n550 5.1.1 Nobody\r\n554 5.5.1 No recipients\r\n");
    await client.expect("RSET", "250 2.0.0 Ok\r\n");
    await takeEnvelope(client);
    assert.equal(await client.data(), "third\r\n.\r\n");
    client.send("250 2.0.0 Third\r\n");
    await client.closed();
  });
  const sender = transport(ONE_CONNECTION);
  const results = await Promise.all(
    ["first\r\n", "second\r\n", "third\r\n"].map((text) => sender.send(hop(server.port), mail(text))),
  );
  assert.deepEqual(results.map(words), [["451 4.3.0 Not now"], ["550 5.1.1 Nobody"], ["250 2.0.0 Third"]]);
  assert.equal(server.clients.length, 1);
  await sender.close(1_000);
  await server.close();
});

test("where the connection ends behind the first message, the one that followed goes over another", async () => {
  for (const lastWords of ["250 2.0.0 Taken\r\n", "421 4.3.2 Going down\r\n", ""]) {
    const server = await ScriptedServer.start(async (client, connection) => {
      await greet(client);
      if (connection > 1) return await takeMessages(client);
      await takeEnvelope(client);
      await client.data();
      assert.match(await client.line(), /^MAIL/);
      client.send(lastWords);
      client.end();
      await client.closed();
    });
    const sender = transport(ONE_CONNECTION);
    const [first, second] = await Promise.all([
      sender.send(hop(server.port), mail("first\r\n")),
      sender.send(hop(server.port), mail("second\r\n")),
    ]);
    // What became of the first is what was said of it; nothing is lost silently and nothing is trouble of the route.
    assert.equal(first.replies[0]?.code, lastWords === "" ? 451 : Number(lastWords.slice(0, 3)));
    assert.equal(first.routeTrouble, false);
    assert.deepEqual(words(second), ["250 2.0.0 Taken"]);
    await sender.close(1_000);
    await server.close();
  }
});

test("messages wait for the connections that a next hop stands", async () => {
  const server = await ScriptedServer.start(async (client, connection) => {
    if (connection > 1) {
      client.send("421 4.7.0 Too many connections\r\n");
      client.end();
      return;
    }
    await greet(client);
    await takeMessages(client);
  });
  const sender = transport();
  const results = await Promise.all(
    Array.from({ length: 30 }, () => sender.send(hop(server.port), mail("Subject: x\r\n\r\nx\r\n"))),
  );
  assert.deepEqual(new Set(results.flatMap(words)), new Set(["250 2.0.0 Taken"]));
  await sender.close(1_000);
  await server.close();
});

test("a next hop that answers slowly gets more connections, up to the limit", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = await ScriptedServer.start(async (client, connection) => {
    await greet(client);
    if (connection < 6) await gate;
    else release();
    await takeMessages(client);
  });
  const sender = transport({ limits: { ...DEFAULT_LIMITS, connectionsPerNextHop: 6 } });
  const results = await Promise.all(
    Array.from({ length: 20 }, () => sender.send(hop(server.port), mail("Subject: x\r\n\r\nx\r\n"))),
  );
  assert.deepEqual(new Set(results.flatMap(words)), new Set(["250 2.0.0 Taken"]));
  assert.equal(server.clients.length, 6);
  await sender.close(1_000);
  await server.close();
});

test("where no server can be used, all that wait hear why", async () => {
  const server = await ScriptedServer.start(async (client) => {
    client.send("554 5.7.1 Go away\r\n");
    await client.closed();
  });
  const sender = transport();
  const results = await Promise.all(Array.from({ length: 10 }, () => sender.send(hop(server.port), mail("x\r\n"))));
  for (const result of results) {
    assert.equal(result.routeTrouble, true);
    assert.match(words(result).join(), /Go away/);
  }
  assert.equal(sender.connections(), 0);
  await sender.close(0);
  await server.close();
});

test("of connections that rest, over all next hops, so many are kept: the one that rested longest goes first", async () => {
  const quits: number[] = [];
  const two = Promise.withResolvers<void>();
  const server = await ScriptedServer.start(async (client, connection) => {
    await greet(client);
    await takeMessages(client);
    if (client.lines.at(-1) === "QUIT") quits.push(connection);
    if (quits.length === 2) two.resolve();
  });
  const sender = transport({ limits: { ...DEFAULT_LIMITS, idleConnections: 2 } });
  for (const key of ["mx:a", "mx:b", "mx:a", "mx:c", "mx:d"]) {
    await sender.send(hop(server.port, { key }), mail("text\r\n"));
  }
  assert.equal(sender.connections(), 2);
  await two.promise;
  assert.deepEqual(quits, [2, 1], "a was used again after b, and both rested longer than c and d");
  await sender.close(1_000);
  await server.close();
});

test("a route's pace bounds the connections at once and the messages over each", async () => {
  let open = 0;
  let most = 0;
  const each: number[] = [];
  const server = await ScriptedServer.start(async (client, connection) => {
    most = Math.max(most, ++open);
    await greet(client);
    for (;;) {
      const line = await client.line();
      if (line === "" || line === "QUIT") break;
      each[connection - 1] = (each[connection - 1] ?? 0) + 1;
      await client.expect("RCPT", "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
      await client.expect("DATA", "354 Go\r\n");
      await client.data();
      client.send("250 2.0.0 Taken\r\n");
    }
    open--;
    client.end();
  });
  const sender = transport();
  const paced = { ...hop(server.port), pace: { ...hop(server.port).pace, connections: 1, messagesPerConnection: 3 } };
  const results = await Promise.all(Array.from({ length: 10 }, (_, n) => sender.send(paced, mail(`message ${n}\r\n`))));
  assert.ok(results.every(({ replies }) => replies[0]?.code === 250));
  assert.deepEqual(each, [3, 3, 3, 1]);
  // The one before takes its leave while the next one comes.
  assert.ok(most <= 2, `${most} connections at once`);
  await sender.close(1_000);
  await server.close();
});
