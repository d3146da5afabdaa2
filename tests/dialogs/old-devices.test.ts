/** Old devices: what one client may do at a door that others may not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import test from "node:test";
import { connect as connectTls, type SecureVersion, type TLSSocket } from "node:tls";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { connectTo, network, open } from "./scene.ts";
import type { World } from "./world.ts";

const OLD = "127.0.0.9";
const NEW = "127.0.0.1";

interface Wanted {
  readonly from: string;
  readonly version: SecureVersion;
  readonly session?: Buffer;
}

/** A handshake of a client that speaks this version alone, and accepts everything that comes with it. */
async function handshake(world: World, { from, version, session }: Wanted): Promise<TLSSocket> {
  const socket = connectTls({
    socket: connect({ port: world.port, host: "127.0.0.1", localAddress: from }),
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ciphers: "DEFAULT:@SECLEVEL=0",
    ...(session === undefined ? {} : { session }),
  });
  await once(socket, "secureConnect");
  return socket;
}

const legacy = { tls: "implicit", legacyTlsFrom: [network(`${OLD}/32`)] } as const;

for (const version of ["TLSv1", "TLSv1.1"] as const)
  test(`${version} is spoken with the listed client alone, and session and Received field say so`, async (t) => {
    const world = await open(t, { listener: legacy });
    await assert.rejects(handshake(world, { from: NEW, version }), /alert protocol version/);
    const socket = await handshake(world, { from: OLD, version });
    await once(socket, "data");
    assert.match(
      world.listeners
        .sessions()
        .map(({ tls }) => tls)
        .join(),
      new RegExp(`^${version} \\S+ legacy$`),
    );
    socket.write("EHLO client.example\r\n");
    await once(socket, "data");
    for (const line of ["MAIL FROM:<a@client.example>", "RCPT TO:<u@inside.example>", "DATA", "x\r\n."]) {
      socket.write(`${line}\r\n`);
      await once(socket, "data");
    }
    const [message] = world.accepted;
    assert.ok(message?.content.kind === "memory");
    assert.match(
      Buffer.concat(message.content.chunks).toString(),
      new RegExp(`with ESMTPS \\(${version} \\S+ legacy\\)`),
    );
    socket.destroy();
  });

test("of clients whose TLS is too old the operator hears, once a minute", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { listener: legacy, clock });
  const refused = (): Promise<void> => assert.rejects(handshake(world, { from: NEW, version: "TLSv1" }));
  await refused();
  await refused();
  clock.advance(60_000);
  await refused();
  const line =
    "client 127.0.0.1 and listener 127.0.0.1:0 have no TLS in common: TLS 1.2 is the least, save for clients of its legacy_tls_from";
  assert.deepEqual(world.reports, [line, line]);
});

test("the listed client speaks the newest that it knows, and that is nothing to mark", async (t) => {
  const world = await open(t, { listener: legacy });
  const socket = await handshake(world, { from: OLD, version: "TLSv1.3" });
  await once(socket, "data");
  assert.match(world.listeners.sessions()[0]?.tls ?? "", /^TLSv1\.3 \S+$/);
  socket.destroy();
});

test("a session that the listed client began is not resumed by another", async (t) => {
  const world = await open(t, { listener: legacy });
  const first = await handshake(world, { from: OLD, version: "TLSv1.2" });
  const session = first.getSession();
  assert.ok(session !== undefined);
  const again = await handshake(world, { from: OLD, version: "TLSv1.2", session });
  assert.equal(again.isSessionReused(), true);
  const other = await handshake(world, { from: NEW, version: "TLSv1.2", session });
  assert.equal(other.isSessionReused(), false);
  for (const socket of [first, again, other]) socket.destroy();
});

test("behind a proxy the client that its header names is the listed one, not the proxy", async (t) => {
  const listener = { auth: "tls", tls: "starttls", proxyFrom: [network("127.0.0.0/8")] } as const;
  const world = await open(t, { listener: { ...listener, plainAuthFrom: [network("192.0.2.7/32")] } });
  for (const [client, offered] of [
    ["192.0.2.7", true],
    ["192.0.2.8", false],
  ] as const) {
    const connection = await connectTo(world);
    await connection.say(`PROXY TCP4 ${client} 192.0.2.25 4711 25\r\n`);
    assert.match(await connection.reply(), /^220 /);
    assert.equal(/AUTH /.test(await connection.ask("EHLO client.example")), offered, client);
  }
});

test("AUTH without TLS is offered to the listed client alone", async (t) => {
  const world = await open(t, {
    listener: { tls: "starttls", auth: "tls", plainAuthFrom: [network(`${OLD}/32`)] },
    users: [["printer", "secret of the printer"]],
  });
  const login = `AUTH PLAIN ${Buffer.from("\0printer\0secret of the printer").toString("base64")}`;
  const old = await connectTo(world, OLD);
  await old.reply();
  const ehlo = await old.ask("EHLO printer.example");
  assert.match(ehlo, /AUTH .*PLAIN/);
  assert.match(ehlo, /STARTTLS/);
  assert.match(await old.ask(login), /^235 /);
  for (const line of ["MAIL FROM:<a@client.example>", "RCPT TO:<u@inside.example>", "DATA", "x\r\n."])
    await old.ask(line);
  assert.deepEqual(world.journalled, ["none: AUTH in the clear"]);
  const other = await connectTo(world, NEW);
  await other.reply();
  assert.doesNotMatch(await other.ask("EHLO client.example"), /AUTH/);
  assert.match(await other.ask(login), /^538 5\.7\.11/);
});

test("status names the networks", async (t) => {
  const world = await open(t, { listener: { ...legacy, plainAuthFrom: [network("10.9.0.0/16")] } });
  const [state] = world.listeners.state();
  assert.deepEqual(state?.legacyTlsFrom, [`${OLD}/32`]);
  assert.deepEqual(state.plainAuthFrom, ["10.9.0.0/16"]);
});
