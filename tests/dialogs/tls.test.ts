import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { connect as connectTls } from "node:tls";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { begun, connectTo, open } from "./scene.ts";
import { HeldSpool } from "./world.ts";

test("STARTTLS and what stands behind it wait for a message being stored; the latter is dropped", async (t) => {
  const spool = new HeldSpool();
  const world = await open(t, { spool, listener: { tls: "starttls" } });
  const client = await begun(world);
  await client.say("x\r\n.\r\nSTARTTLS\r\nMAIL FROM:<injected@client.example>\r\n");
  await spool.putsAre(1);
  spool.puts[0]?.settle({ ok: true, value: undefined });
  assert.match(await client.reply(), /^250 2\.0\.0 Ok: queued/);
  assert.match(await client.reply(), /^220 2\.0\.0/);
  await client.startTls();
  assert.match(await client.ask("RCPT TO:<u@inside.example>"), /^503/);
  assert.match(await client.ask("EHLO client.example"), /^250/);
});

test("implicit TLS begins with the handshake, and the session knows its cipher", async (t) => {
  const world = await open(t, { listener: { tls: "implicit" } });
  const socket = connectTls({ port: world.port, host: "127.0.0.1", rejectUnauthorized: false });
  let heard = "";
  socket.on("data", (octets: Buffer) => (heard += octets.toString()));
  const hears = async (end: string): Promise<void> => {
    while (!heard.endsWith(end)) await once(socket, "data");
    heard = "";
  };
  await hears("ESMTP relaykeeper\r\n");
  socket.write("EHLO client.example\r\n");
  await hears("LIMITS RCPTMAX=10000\r\n");
  assert.match(world.listeners.sessions()[0]?.tls ?? "", /^TLSv1\.3 TLS_/);
  socket.write("MAIL FROM:<a@client.example>\r\nRCPT TO:<u@inside.example>\r\nDATA\r\n");
  await hears("354 End data with <CR><LF>.<CR><LF>\r\n");
  socket.write("x\r\n.\r\n");
  await once(socket, "data");
  const [message] = world.accepted;
  assert.ok(message?.content.kind === "memory");
  assert.equal(message.origin.protocol, "ESMTPS");
  assert.match(Buffer.concat(message.content.chunks).toString(), /with ESMTPS \(TLSv1\.3 TLS_/);
  socket.destroy();
});

test("a handshake that stalls or is none ends the connection, and others are served", async (t) => {
  const clock = new ManualClock();
  const world = await open(t, { listener: { tls: "implicit" }, clock });
  const silent = await connectTo(world);
  const garbage = await connectTo(world);
  await garbage.say(Buffer.alloc(65_536, 0x41));
  await garbage.closed();
  const honest = connectTls({ port: world.port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(honest, "secureConnect");
  await once(honest, "data");
  assert.equal(world.listeners.sessions().length, 2);
  clock.advance(DEFAULT_LIMITS.handshakeMs);
  await silent.closed();
  assert.deepEqual(
    world.listeners.sessions().map(({ state }) => state),
    ["commands"],
  );
  honest.destroy();
});

test("TLS 1.1 is not spoken", async (t) => {
  const world = await open(t, { listener: { tls: "implicit" } });
  const old = connectTls({
    port: world.port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    minVersion: "TLSv1.1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  await assert.rejects(once(old, "secureConnect"));
});

/** One handshake; `session` is what the client kept of an earlier one. What it keeps of this one, and whether it was resumed. */
async function handshake(
  port: number,
  version: "TLSv1.2" | "TLSv1.3",
  session?: Buffer,
): Promise<{ readonly kept: Buffer; readonly resumed: boolean; readonly renegotiated: Error | null }> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  const kept = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  await once(socket, "secureConnect");
  const resumed = socket.isSessionReused();
  const ticket = resumed ? (session ?? Buffer.alloc(0)) : await kept;
  const renegotiated =
    version === "TLSv1.3"
      ? null
      : await new Promise<Error | null>((resolve) => {
          socket.on("error", resolve);
          socket.renegotiate({ rejectUnauthorized: false }, resolve);
        });
  socket.destroy();
  return { kept: ticket, resumed, renegotiated };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  test(`a session of ${version} is resumed at its own door alone, and never renegotiated`, async (t) => {
    const world = await open(t, { listener: { tls: "implicit" }, others: [{ tls: "implicit", auth: "always" }] });
    const [own = 0, other = 0] = world.ports;
    const first = await handshake(own, version);
    assert.equal(first.resumed, false);
    if (version === "TLSv1.2") assert.match(first.renegotiated?.message ?? "", /renegotiation/i);
    assert.equal((await handshake(own, version, first.kept)).resumed, true);
    assert.equal((await handshake(other, version, first.kept)).resumed, false);
    assert.equal((await handshake(own, version, (await handshake(other, version)).kept)).resumed, false);
  });
