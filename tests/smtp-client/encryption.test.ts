import assert from "node:assert/strict";
import { test } from "node:test";
import { SMTPServer } from "smtp-server";
import { makeSelfSigned, type CertificatePair } from "../../src/adapters/tls/self-signed.ts";
import { DAY_MS } from "../../src/core/base/time.ts";
import type { Envelope } from "../../src/core/mail/envelope.ts";
import { type Client, ScriptedServer } from "./scripted-server.ts";
import { hop, mail, mailbox, serverAt, transport, words, VERIFY } from "./sending.ts";

const now = Date.now();
const good = makeSelfSigned("mx.example", now - DAY_MS, now + DAY_MS);
const other = makeSelfSigned("other.example", now - DAY_MS, now + DAY_MS);
const expired = makeSelfSigned("mx.example", now - 3 * DAY_MS, now - DAY_MS);
const tlsOf = ({ certificate, key }: CertificatePair): { cert: string; key: string } => ({ cert: certificate, key });
const CREDENTIALS = { kind: "password" as const, user: "relay", password: "sésame" };

const OFFERS = "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
const INSIDE = "250-mx.example\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n";

async function greet(client: Client, ehlo = OFFERS): Promise<void> {
  client.send("220 mx.example ESMTP\r\n");
  await client.expect("EHLO relay.example", ehlo);
}

async function secure(client: Client, certificate: CertificatePair, injected = ""): Promise<void> {
  await client.expect("STARTTLS", `220 Go\r\n${injected}`);
  await client.startTls(tlsOf(certificate));
}

async function takeMessage(client: Client): Promise<void> {
  await client.expect("MAIL", "250 Ok\r\n");
  await client.expect("RCPT", "250 Ok\r\n");
  await client.expect("DATA", "354 Go\r\n");
  await client.data();
  client.send(`250 Taken ${client.encrypted ? "secretly" : "openly"}\r\n`);
  await client.line();
}

test("STARTTLS is used where it is offered, whatever the certificate", async () => {
  for (const certificate of [good, other, expired]) {
    const server = await ScriptedServer.start(async (client) => {
      await greet(client);
      await secure(client, certificate);
      await client.expect("EHLO relay.example", INSIDE);
      await takeMessage(client);
    });
    const sender = transport();
    const result = await sender.send(hop(server.port), mail("x\r\n"));
    assert.deepEqual(words(result), ["250 Taken secretly"]);
    assert.match(result.tls, /^TLSv1\.3 TLS_/);
    await sender.close(1_000);
    await server.close();
  }
});

test("what comes in the clear behind 220 is not believed after the handshake", async () => {
  const server = await ScriptedServer.start(async (client) => {
    await greet(client);
    // A man in the middle pretends that the server has no DSN and no limits, and that everything was accepted.
    await secure(client, good, "250-fake.example\r\n250 CHUNKING\r\n250 Ok\r\n");
    await client.expect("EHLO relay.example", INSIDE);
    await takeMessage(client);
  });
  const sender = transport();
  const result = await sender.send(hop(server.port), mail("x\r\n"));
  assert.deepEqual(words(result), ["250 Taken secretly"]);
  await sender.close(1_000);
  await server.close();
});

test("under `may` a refused STARTTLS goes on in the clear, a broken handshake on a new connection", async () => {
  const refused = await ScriptedServer.start(async (client) => {
    await greet(client);
    await client.expect("STARTTLS", "454 4.7.0 Not now\r\n");
    await takeMessage(client);
  });
  const broken = await ScriptedServer.start(async (client, connection) => {
    await greet(client);
    if (connection > 1) {
      await takeMessage(client);
      return;
    }
    await client.expect("STARTTLS", "220 Go\r\n");
    await client.octets(1);
    client.send("this is no TLS\r\n");
    client.end();
  });
  const sender = transport();
  assert.deepEqual(words(await sender.send(hop(refused.port), mail("x\r\n"))), ["250 Taken openly"]);
  assert.deepEqual(words(await sender.send(hop(broken.port), mail("x\r\n"))), ["250 Taken openly"]);
  assert.equal(broken.clients.length, 2);
  await sender.close(1_000);
  await refused.close();
  await broken.close();
});

test("under `verify` nothing is sent without TLS and a certificate that proves the name", async () => {
  const cases: [string, CertificatePair | null, RegExp][] = [
    ["not offered", null, /4\.7\.4 .*offers no TLS, and it is required/],
    ["wrong name", other, /4\.7\.5 mx\.example .* shows a certificate for other\.example, not for mx\.example/],
    ["expired", expired, /4\.7\.5 mx\.example .* shows a certificate that expired on /],
  ];
  for (const [what, certificate, expected] of cases) {
    const server = await ScriptedServer.start(async (client) => {
      if (certificate) {
        await greet(client);
        await secure(client, certificate);
      } else await greet(client, "250 mx.example\r\n");
      assert.equal(await client.line(), "", what);
    });
    const sender = transport({ ca: [good.certificate, other.certificate, expired.certificate] });
    const said = words(await sender.send(hop(server.port, { tls: VERIFY }), mail("x\r\n")));
    assert.equal(said[0], "ROUTE");
    assert.match(said[1] ?? "", expected);
    await sender.close(0);
    await server.close();
  }
});

test("credentials go out after TLS alone, by PLAIN or LOGIN, and a refusal is trouble of the route", async () => {
  const cases: [string, string[], string][] = [
    ["AUTH PLAIN LOGIN", ["235 2.7.0 Welcome"], "250 Taken secretly"],
    ["AUTH LOGIN", ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 Welcome"], "250 Taken secretly"],
    ["AUTH PLAIN", ["535 5.7.8 Wrong"], "answered AUTH PLAIN with: 535 5.7.8 Wrong"],
    ["AUTH XOAUTH2", [], "offers AUTH XOAUTH2 and not AUTH PLAIN, AUTH LOGIN, AUTH CRAM-MD5"],
  ];
  for (const [offer, answers, expected] of cases) {
    const server = await ScriptedServer.start(async (client) => {
      await greet(client);
      await secure(client, good);
      await client.expect("EHLO relay.example", `250-mx.example\r\n250-PIPELINING\r\n250 ${offer}\r\n`);
      for (const answer of answers) {
        await client.line();
        client.send(`${answer}\r\n`);
      }
      if (expected.startsWith("250")) await takeMessage(client);
      else await client.closed();
    });
    const sender = transport({ ca: good.certificate });
    const said = words(await sender.send(hop(server.port, { tls: VERIFY, credentials: CREDENTIALS }), mail("x\r\n")));
    assert.ok(said.at(-1)?.includes(expected), `${offer}: ${said.join(" / ")}`);
    assert.equal(said[0] === "ROUTE", !expected.startsWith("250"));
    const all = server.clients.flatMap((client) => client.lines);
    if (offer === "AUTH PLAIN LOGIN") {
      assert.ok(all.includes(`AUTH PLAIN ${Buffer.from("\0relay\0sésame").toString("base64")}`));
    }
    await sender.close(1_000);
    await server.close();
  }
});

test("credentials are not sent in the clear, even where AUTH is offered there", async () => {
  const server = await ScriptedServer.start(async (client) => {
    await greet(client, INSIDE);
    assert.equal(await client.line(), "");
  });
  const sender = transport();
  const said = words(await sender.send(hop(server.port, { credentials: CREDENTIALS }), mail("x\r\n")));
  assert.match(said.join(" "), /^ROUTE 451 4\.7\.4 .*credentials are not sent in the clear$/);
  await sender.close(0);
  await server.close();
});

// --- an independent server --------------------------------------------------------------------------------------------

interface Taken {
  readonly text: string;
  readonly secure: boolean;
}

async function smtpServer(
  options: ConstructorParameters<typeof SMTPServer>[0],
): Promise<{ port: number; taken: Taken[]; close(): Promise<void> }> {
  const taken: Taken[] = [];
  const server = new SMTPServer({
    ...tlsOf(good),
    disabledCommands: [],
    onAuth: ({ username, password }, _session, done) =>
      username === CREDENTIALS.user && password === CREDENTIALS.password
        ? done(null, { user: username })
        : done(new Error("wrong")),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        taken.push({ text: Buffer.concat(chunks).toString("latin1"), secure: session.secure });
        done(null, "taken");
      });
    },
    ...options,
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    port: address.port,
    taken,
    close: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

test("smtp-server takes what we send: STARTTLS, AUTH, dots, 8-bit, several messages a connection", async () => {
  const server = await smtpServer({});
  const sender = transport({ ca: good.certificate });
  const next = hop(server.port, { tls: VERIFY, credentials: CREDENTIALS });
  const texts = ["Subject: a\r\n\r\n.\r\n..\r\n.x", "Subject: b\r\n\r\n\xe9\xff\x80\r\n", "Subject: c\r\n\r\n"];
  for (const text of texts) {
    const result = await sender.send(next, mail(text, ["u@example.net", "v@example.net"], { body: "8BITMIME" }));
    assert.deepEqual(words(result), ["250 taken", "250 taken"]);
  }
  assert.equal(sender.connections(), 1);
  assert.deepEqual(
    server.taken.map(({ text }) => text),
    texts.map((text) => (text.endsWith("\r\n") ? text : `${text}\r\n`)),
  );
  assert.ok(server.taken.every((one) => one.secure));
  await sender.close(1_000);
  await server.close();
});

test("implicit TLS begins with the handshake, and a session is resumed", async () => {
  const server = await smtpServer({ secure: true, authOptional: true });
  const sender = transport({ ca: good.certificate });
  const next = hop(server.port, { tls: VERIFY, isImplicit: true });
  assert.deepEqual(words(await sender.send(next, mail("x\r\n"))), ["250 taken"]);
  await sender.close(1_000);
  const stranger = transport();
  const said = words(await stranger.send(next, mail("x\r\n")));
  assert.match(said.join(" "), /^ROUTE 451 4\.7\.5 .*self-signed/);
  await stranger.close(0);
  await server.close();
});

test("SIZE, SMTPUTF8 and BINARYMIME that the next hop does not take fail without a try", async () => {
  const server = await smtpServer({ authOptional: true, size: 1_000, hideSMTPUTF8: true });
  const sender = transport();
  const next = hop(server.port);
  const cases: [string, string[], Partial<Envelope>, RegExp][] = [
    ["x".repeat(2_000), ["u@example.net"], {}, /^552 5\.3\.4 /],
    ["x\r\n", ["ü@example.net"], { smtpUtf8: true }, /^553 5\.6\.7 /],
    ["Subject: \xc3\xbc\r\n\r\n", ["u@example.net"], { smtpUtf8: true }, /^553 5\.6\.7 /],
    ["Subject: u\r\n\r\n\xc3\xbc\r\n", ["u@example.net"], { smtpUtf8: true }, /^250 taken/], // asked for, not needed
    ["x\r\n", ["u@example.net"], { smtpUtf8: true, reversePath: mailbox("ü@example.com") }, /^553 5\.6\.7 /],
    ["\0\r", ["u@example.net"], { body: "BINARYMIME" }, /^554 5\.6\.3 /],
    ["x\r\n", ["u@example.net"], {}, /^250 taken/], // and the connection is still good
  ];
  for (const [text, recipients, envelope, expected] of cases) {
    const said = words(await sender.send(next, mail(text, recipients, envelope)));
    assert.match(said.join(" "), expected);
  }
  assert.equal(sender.connections(), 1);
  await sender.close(1_000);
  await server.close();
});

const REQUIRETLS = "250-mx.example\r\n250-PIPELINING\r\n250 REQUIRETLS\r\n";

test("REQUIRETLS is said to a server that offers it in TLS; one that does not is passed by, a report excepted", async () => {
  const without = await ScriptedServer.start(async (client) => {
    // What is offered in the clear is worth nothing.
    await greet(client, "250-mx.example\r\n250-PIPELINING\r\n250-REQUIRETLS\r\n250 STARTTLS\r\n");
    await secure(client, good);
    await client.expect("EHLO relay.example", INSIDE);
    const line = await client.expect("", "");
    if (line === "QUIT") return;
    assert.equal(line, "MAIL FROM:<>");
    client.send("250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.data();
    client.send("250 Taken\r\n");
    await client.line();
  });
  const offering = await ScriptedServer.start(async (client) => {
    await greet(client);
    await secure(client, good);
    await client.expect("EHLO relay.example", REQUIRETLS);
    await client.expect("MAIL FROM:<sender@example.com> REQUIRETLS", "250 Ok\r\n");
    await client.expect("RCPT", "250 Ok\r\n");
    await client.expect("DATA", "354 Go\r\n");
    await client.data();
    client.send("250 Taken\r\n");
    await client.line();
  });
  const sender = transport({ ca: good.certificate });
  const servers = [without, offering].map(({ port }) => serverAt("mx.example", port, { tls: VERIFY }));
  const both = hop(0, { key: "smarthost:both", servers });
  assert.deepEqual(words(await sender.send(both, mail("x\r\n", undefined, { requireTls: true }))), ["250 Taken"]);
  const first = hop(0, { key: "smarthost:first", servers: servers.slice(0, 1) });
  const refused = await sender.send(first, mail("x\r\n", undefined, { requireTls: true }));
  assert.match(words(refused).join(), /^ROUTE,451 4\.7\.30 .* does not offer REQUIRETLS$/);
  const report = mail("x\r\n", undefined, { requireTls: true, reversePath: null });
  assert.deepEqual(words(await sender.send(first, report)), ["250 Taken"]);
  await sender.close(1_000);
  await without.close();
  await offering.close();
});
