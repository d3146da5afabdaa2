/** Tokens on their way to a next hop that behaves as Microsoft documents: the end of a token in mid-run, and another secret meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/adapters/memory/clock.ts";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { DAY_MS, HOUR_MS } from "../../src/core/base/time.ts";
import type { TokenAnswer } from "../../src/core/oauth/token-answer.ts";
import { AccessTokenCache } from "../../src/flows/keep-access-tokens.ts";
import { ScriptedServer, type Client } from "../smtp-client/scripted-server.ts";
import { hop, mail, transport, words } from "../smtp-client/sending.ts";

const now = Date.now();
const pair = makeSelfSigned("mx.example", now - DAY_MS, now + DAY_MS);

/** Opens as Microsoft does; the token that was offered, once it is in. `valid`: tokens that it takes. */
async function open(client: Client, valid: ReadonlySet<string>): Promise<string> {
  client.send("220 mx.example Microsoft ESMTP MAIL Service ready\r\n");
  await client.expect("EHLO", "250-mx.example\r\n250 STARTTLS\r\n");
  await client.expect("STARTTLS", "220 2.0.0 SMTP server ready\r\n");
  await client.startTls({ cert: pair.certificate, key: pair.key });
  await client.expect("EHLO", "250-mx.example\r\n250-AUTH LOGIN XOAUTH2\r\n250 8BITMIME\r\n");
  for (;;) {
    const line = await client.line();
    if (line === "") return "";
    const said = Buffer.from(line.replace("AUTH XOAUTH2 ", ""), "base64").toString();
    const token = /auth=Bearer ([^\x01]+)\x01\x01$/.exec(said)?.[1] ?? "";
    if (valid.has(token)) {
      client.send("235 2.7.0 Authentication successful\r\n");
      // Not the token itself: our side would take it out of the reply.
      return token.replace("t", "number ");
    }
    client.send("535 5.7.3 Authentication unsuccessful\r\n");
  }
}

async function takeMessage(client: Client, name: string): Promise<boolean> {
  if (!(await client.line()).startsWith("MAIL")) return false;
  client.send("250 2.1.0 Sender OK\r\n");
  await client.expect("RCPT", "250 2.1.5 Recipient OK\r\n");
  await client.expect("DATA", "354 Start mail input\r\n");
  await client.data();
  client.send(`250 2.6.0 ${name}\r\n`);
  return true;
}

test("a connection outlives its token; the next one comes with another; a withdrawn one is fetched anew, once", async (t) => {
  const clock = new ManualClock();
  const valid = new Set(["t1"]);
  let asked = 0;
  const tokens = new AccessTokenCache({
    clock,
    random: { uint32: () => 0 },
    exists: () => true,
    report: () => {},
    fetch: async (): Promise<TokenAnswer> => ({
      kind: "token",
      accessToken: `t${++asked}`,
      expiresInMs: HOUR_MS,
      refreshToken: null,
    }),
  });
  const server = await ScriptedServer.start(async (client) => {
    const token = await open(client, valid);
    if (token !== "") while (await takeMessage(client, token));
  });
  t.after(() => server.close());
  const sender = transport({ ca: pair.certificate, tokens });
  const credentials = { kind: "token", user: "relay@example.com", account: "M365" } as const;
  const next = hop(server.port, { credentials });
  const send = async (): Promise<string> => words(await sender.send(next, mail("x\r\n"))).join(" ");
  assert.equal(await send(), "250 2.6.0 number 1");
  await clock.run(2 * HOUR_MS);
  valid.clear();
  assert.equal(await send(), "250 2.6.0 number 1", "the connection stays");
  assert.equal(asked, 1);
  // A new connection: t2 is not known there yet, t3 is.
  valid.add("t3");
  await sender.close(1_000);
  const another = transport({ ca: pair.certificate, tokens });
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => words(await another.send(next, mail("x\r\n"))).join(" ")),
  );
  assert.deepEqual(new Set(answers), new Set(["250 2.6.0 number 3"]));
  assert.equal(asked, 3, "one for all that were refused");
  // Permission was withdrawn: no token helps, and the provider is not asked for each message.
  valid.clear();
  await another.close(1_000);
  const third = transport({ ca: pair.certificate, tokens });
  for (let i = 0; i < 3; i++) {
    const said = words(await third.send(next, mail("x\r\n"))).join(" ");
    assert.match(said, /^ROUTE 451 4\.7\.8 .* answered AUTH XOAUTH2 with: 535 5\.7\.3 Authentication unsuccessful$/);
  }
  assert.equal(asked, 3);
  await third.close(0);
});
