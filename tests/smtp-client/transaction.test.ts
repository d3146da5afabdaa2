import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import type { OutgoingMessage } from "../../src/flows/ports.ts";
import { type Client, ScriptedServer, type Script } from "./scripted-server.ts";
import { hop, LOOPBACK_2, mail, transport, words, serverAt } from "./sending.ts";

const PIPELINING = "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
const PLAIN = "250 mx.example\r\n";

async function greet(client: Client, ehlo = PIPELINING): Promise<void> {
  client.send("220 mx.example ESMTP\r\n");
  await client.expect("EHLO relay.example", ehlo);
}

/** A whole transaction that goes well; the content as it came. */
async function takeMessage(client: Client): Promise<string> {
  await client.expect("MAIL FROM:<sender@example.com>", "250 2.1.0 Ok\r\n");
  for (;;) {
    const line = await client.line();
    if (line === "DATA") break;
    client.send("250 2.1.5 Ok\r\n");
  }
  client.send("354 Go\r\n");
  const content = await client.data();
  client.send("250 2.0.0 Taken\r\n");
  return content;
}

/** Sends one message (or several, one after the other) to a scripted server and gives all words of all results. */
async function play(script: Script, ...messages: OutgoingMessage[]): Promise<{ said: string[]; connections: number }> {
  const server = await ScriptedServer.start(script);
  const sender = transport();
  const said: string[] = [];
  for (const message of messages) said.push(...words(await sender.send(hop(server.port), message)));
  const connections = server.clients.length;
  await sender.close(1_000);
  await server.close();
  return { said, connections };
}

test("a pipelining server gets MAIL, RCPT and DATA at once, and the content as it is", async () => {
  let content = "";
  const { said } = await play(
    async (client) => {
      await greet(client);
      // Nothing is answered before everything has come.
      for (const start of ["MAIL FROM:<sender@example.com>", "RCPT TO:<a@", "RCPT TO:<b@", "DATA"]) {
        await client.expect(start, "");
      }
      client.send("250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n");
      content = await client.data();
      client.send("250 2.0.0 Taken as X1\r\n");
      await client.line();
    },
    mail("Subject: x\r\n\r\n.one\r\n..two\r\nlast", ["a@example.net", "b@example.net"]),
  );
  assert.deepEqual(said, ["250 2.0.0 Taken as X1", "250 2.0.0 Taken as X1"]);
  assert.equal(content, "Subject: x\r\n\r\n..one\r\n...two\r\nlast\r\n.\r\n");
});

test("a server without pipelining is asked one thing at a time", async () => {
  const { said } = await play(async (client) => {
    await greet(client, PLAIN);
    for (const start of ["MAIL", "RCPT", "DATA"]) {
      await client.expect(start, "");
      assert.equal(client.unread, "");
      client.send(start === "DATA" ? "354 Go\r\n" : "250 Ok\r\n");
    }
    assert.equal(await client.data(), "x\r\n.\r\n");
    client.send("250 Taken\r\n");
    await client.line();
  }, mail("x\r\n"));
  assert.deepEqual(said, ["250 Taken"]);
});

test("HELO is tried where EHLO is not known", async () => {
  const { said } = await play(async (client) => {
    client.send("220 old.example\r\n");
    await client.expect("EHLO", "500 What?\r\n");
    await client.expect("HELO relay.example", "250 Hello\r\n");
    await takeMessage(client);
    await client.line();
  }, mail("x\r\n"));
  assert.deepEqual(said, ["250 2.0.0 Taken"]);
});

test("recipients are judged apart, and the last word is for those that were accepted", async () => {
  const recipients = ["a@example.net", "b@example.net", "c@example.net"];
  for (const ehlo of [PIPELINING, PLAIN]) {
    const { said } = await play(
      async (client) => {
        await greet(client, ehlo);
        await client.expect("MAIL", "250 Ok\r\n");
        await client.expect("RCPT", "550 5.1.1 Unknown\r\n");
        await client.expect("RCPT", "250 Ok\r\n");
        await client.expect("RCPT", "452 4.2.2 Full\r\n");
        await client.expect("DATA", "354 Go\r\n");
        await client.data();
        client.send("250 Taken\r\n");
        await client.line();
      },
      mail("x\r\n", recipients),
    );
    assert.deepEqual(said, ["550 5.1.1 Unknown", "250 Taken", "452 4.2.2 Full"]);
  }
});

test("where every recipient is refused no content is sent, and the connection serves the next message", async () => {
  for (const data of ["554 5.5.1 No valid recipients\r\n", "354 Go then\r\n"]) {
    const { said, connections } = await play(
      async (client) => {
        await greet(client);
        await client.expect("MAIL", "250 Ok\r\n");
        await client.expect("RCPT", "550 5.1.1 Unknown\r\n");
        await client.expect("DATA", data);
        if (data.startsWith("354")) {
          assert.equal(await client.data(), ".\r\n");
          client.send("554 5.5.1 Nobody to send it to\r\n");
        } else await client.expect("RSET", "250 Ok\r\n");
        await takeMessage(client);
        await client.line();
      },
      mail("first\r\n"),
      mail("second\r\n"),
    );
    assert.deepEqual(said, ["550 5.1.1 Unknown", "250 2.0.0 Taken"]);
    assert.equal(connections, 1);
  }
});

test("without pipelining, refused recipients end the transaction and RSET goes before the next", async () => {
  const { said } = await play(
    async (client) => {
      await greet(client, PLAIN);
      await client.expect("MAIL", "250 Ok\r\n");
      await client.expect("RCPT", "450 4.2.0 Later\r\n");
      await client.expect("RSET", "250 Ok\r\n");
      await takeMessage(client);
      await client.line();
    },
    mail("first\r\n"),
    mail("second\r\n"),
  );
  assert.deepEqual(said, ["450 4.2.0 Later", "250 2.0.0 Taken"]);
});

test("a refused MAIL is the answer for every recipient", async () => {
  for (const ehlo of [PIPELINING, PLAIN]) {
    const { said } = await play(
      async (client) => {
        await greet(client, ehlo);
        await client.expect("MAIL", "550 5.7.1 Not you\r\n");
        if (ehlo === PIPELINING) {
          await client.expect("RCPT", "503 5.5.1 No MAIL\r\n");
          await client.expect("RCPT", "503 5.5.1 No MAIL\r\n");
          await client.expect("DATA", "503 5.5.1 No MAIL\r\n");
        }
        await client.line();
      },
      mail("x\r\n", ["a@example.net", "b@example.net"]),
    );
    assert.deepEqual(said, ["550 5.7.1 Not you", "550 5.7.1 Not you"]);
  }
});

test("DATA and the dot may be refused, for now or for good", async () => {
  const cases: [string, string, string][] = [
    ["451 4.3.0 Not now\r\n", "", "451 4.3.0 Not now"],
    ["554 5.7.1 Never\r\n", "", "554 5.7.1 Never"],
    ["354 Go\r\n", "452 4.3.1 Disk full\r\n", "452 4.3.1 Disk full"],
    ["354 Go\r\n", "554 5.6.0 Spam\r\n", "554 5.6.0 Spam"],
    ["354 Go\r\n", "354 Go on\r\n", "451 4.5.0 Unexpected answer of the next hop: 354 Go on"],
    ["250 What\r\n", "", "451 4.5.0 Unexpected answer of the next hop: 250 What"],
  ];
  for (const [data, dot, expected] of cases) {
    const { said } = await play(async (client) => {
      await greet(client);
      await client.expect("MAIL", "250 Ok\r\n");
      await client.expect("RCPT", "250 Ok\r\n");
      await client.expect("DATA", data);
      if (dot !== "") {
        await client.data();
        client.send(dot);
      }
      await client.line();
    }, mail("x\r\n"));
    assert.deepEqual(said, [expected], `${data} ${dot}`);
  }
});

test("421 is trouble of the server before it took a recipient, and a deferral after that", async () => {
  const before = await play(async (client) => {
    await greet(client);
    await client.expect("MAIL", "421 4.3.2 Going down\r\n");
    client.end();
  }, mail("x\r\n"));
  assert.deepEqual(before.said, ["ROUTE", "421 4.3.2 Going down"]);
  const after = await play(
    async (client) => {
      await greet(client);
      await client.expect("MAIL", "250 Ok\r\n");
      await client.expect("RCPT", "550 5.1.1 Unknown\r\n");
      await client.expect("RCPT", "250 Ok\r\n");
      await client.expect("DATA", "421 4.3.2 Going down\r\n");
      client.end();
    },
    mail("x\r\n", ["a@example.net", "b@example.net"]),
  );
  assert.deepEqual(after.said, ["550 5.1.1 Unknown", "421 4.3.2 Going down"]);
});

test("a connection lost after the dot defers: it may have been taken", async () => {
  const { said } = await play(async (client) => {
    await greet(client);
    await client.expect("MAIL", "250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.data();
    client.cut();
  }, mail("x\r\n"));
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^451 4\.4\.2 .*after the content was sent$/);
});

test("a kept connection that died is replaced silently", async () => {
  const ends: ((client: Client) => void)[] = [
    (client) => client.end(),
    (client) => client.cut(),
    (client) => {
      client.send("421 4.4.2 Idle too long\r\n");
      client.end();
    },
  ];
  for (const end of ends) {
    const { said, connections } = await play(
      async (client, connection) => {
        await greet(client);
        await takeMessage(client);
        if (connection > 1) await client.line();
        else end(client);
      },
      mail("first\r\n"),
      mail("second\r\n"),
    );
    assert.deepEqual(said, ["250 2.0.0 Taken", "250 2.0.0 Taken"]);
    assert.equal(connections, 2);
  }
});

test("a kept connection that answers the next MAIL with 421 is replaced silently", async () => {
  const { said, connections } = await play(
    async (client, connection) => {
      await greet(client);
      await takeMessage(client);
      if (connection > 1) {
        await client.line();
        return;
      }
      await client.expect("MAIL", "421 4.7.0 Enough\r\n");
      client.end();
    },
    mail("first\r\n"),
    mail("second\r\n"),
  );
  assert.deepEqual(said, ["250 2.0.0 Taken", "250 2.0.0 Taken"]);
  assert.equal(connections, 2);
});

test("what is no SMTP is trouble, bounded, and never a rejection", async () => {
  const cases: [string, RegExp][] = [
    ["SSH-2.0-OpenSSH\r\n", /no SMTP reply \(not-a-reply\)/],
    ["554 5.7.1 Go away\r\n", /greeted with: 554 5\.7\.1 Go away/],
    ["421 4.3.2 Busy\r\n", /greeted with: 421 4\.3\.2 Busy/],
    [`220 ${"x".repeat(70_000)}`, /reply-too-long/],
    ["220-a\r\n".repeat(200), /reply-too-long/],
    ["220-a\r\n250 b\r\n", /mixed-codes/],
    ["220 a\r\n550 b\r\n", /said unasked/],
  ];
  for (const [banner, expected] of cases) {
    const { said } = await play(async (client) => {
      client.send(banner);
      await client.closed();
    }, mail("x\r\n"));
    assert.equal(said[0], "ROUTE", banner.slice(0, 30));
    assert.match(said[1] ?? "", expected);
    assert.match(said[1] ?? "", /^451 4\./);
  }
});

test("the next server is tried where one cannot be used, and all are named where none can", async () => {
  const good = await ScriptedServer.start(async (client) => {
    await greet(client);
    await takeMessage(client);
    await client.line();
  });
  const closed = await ScriptedServer.start(async () => {});
  const deaf = closed.port;
  await closed.close();
  const sender = transport();
  const servers = [serverAt("mx1.example", deaf), serverAt("mx2.example", good.port)];
  const result = await sender.send(hop(0, { servers }), mail("x\r\n"));
  assert.deepEqual(words(result), ["250 2.0.0 Taken"]);
  assert.equal(result.server, "mx2.example [127.0.0.1]");
  const none = await sender.send(hop(1, { servers: servers.slice(0, 1) }), mail("x\r\n"));
  assert.deepEqual(words(none), [
    "ROUTE",
    `451 4.4.1 Connecting to mx1.example [127.0.0.1]:${deaf}: connection refused`,
  ]);
  await sender.close(1_000);
  await good.close();
});

test("*CLTBIND: a connection comes from the address that was named", async () => {
  const server = await ScriptedServer.start(async (client) => {
    await greet(client);
    await takeMessage(client);
    await client.line();
  });
  const sender = transport();
  const result = await sender.send(hop(server.port, { localAddresses: [LOOPBACK_2] }), mail("x\r\n"));
  assert.deepEqual(words(result), ["250 2.0.0 Taken"]);
  await sender.close(1_000);
  await server.close();
});

test("time limits: each phase has its own, and silence is a deferral", async () => {
  const cases: [string, number, RegExp, boolean][] = [
    ["greeting", DEFAULT_LIMITS.replyTimeoutMs, /no answer/, true],
    ["MAIL", DEFAULT_LIMITS.replyTimeoutMs, /no answer/, true],
    ["dot", DEFAULT_LIMITS.dataTerminationTimeoutMs, /after the content was sent/, false],
  ];
  for (const [phase, limitMs, expected, route] of cases) {
    const clock = new ManualClock();
    let reached: () => void = () => {};
    const silent = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const server = await ScriptedServer.start(async (client) => {
      if (phase !== "greeting") await greet(client);
      if (phase === "dot") {
        await client.expect("MAIL", "250 Ok\r\n");
        await client.expect("RCPT", "250 Ok\r\n");
        await client.expect("DATA", "354 Go\r\n");
        await client.data();
      } else if (phase === "MAIL") await client.line();
      reached();
      await client.closed();
    });
    const sender = transport({ clock });
    let done = false;
    const sending = sender.send(hop(server.port), mail("x\r\n")).finally(() => {
      done = true;
    });
    await silent;
    await clock.run(limitMs - 5_000);
    assert.equal(done, false, phase);
    await clock.run(10_000);
    const said = words(await sending);
    assert.equal(said[0] === "ROUTE", route, phase);
    assert.match(said.at(-1) ?? "", expected, phase);
    await sender.close(0);
    await server.close();
  }
});

test("an idle connection says QUIT after its time", async () => {
  const clock = new ManualClock();
  const server = await ScriptedServer.start(async (client) => {
    await greet(client);
    await takeMessage(client);
    assert.equal(await client.line(), "QUIT");
    client.send("221 Bye\r\n");
    await client.closed();
  });
  const sender = transport({ clock });
  await sender.send(hop(server.port), mail("x\r\n"));
  assert.equal(sender.connections(), 1);
  await clock.run(DEFAULT_LIMITS.connectionIdleMs + 2_000);
  assert.equal(sender.connections(), 0);
  await server.clients[0]?.closed();
  await sender.close(0);
  await server.close();
});

test("close() lets a message in flight end, and cuts at the deadline", async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let inDot: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    inDot = resolve;
  });
  const server = await ScriptedServer.start(async (client) => {
    await greet(client);
    await client.expect("MAIL", "250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.data();
    inDot();
    await gate;
    client.send("250 Taken\r\n");
    await client.closed();
  });
  const patient = transport();
  const first = patient.send(hop(server.port), mail("x\r\n"));
  await waiting;
  const closing = patient.close(60_000);
  release();
  assert.deepEqual(words(await first), ["250 Taken"]);
  await closing;
  assert.equal(patient.connections(), 0);
  await server.close();
});
