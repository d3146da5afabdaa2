/** The whole way: a route names an account, its next hop takes the token. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { DAY_MS } from "../../src/core/base/time.ts";
import { Relay } from "../peers/relay.ts";
import { ScriptedServer } from "../smtp-client/scripted-server.ts";
import { Provider } from "./provider.ts";

test("mail by a route with AUTHACC goes out with a token of the account", async (t) => {
  const now = Date.now();
  const pair = makeSelfSigned("mx.example", now - DAY_MS, now + DAY_MS);
  const provider = await Provider.start();
  t.after(() => provider.close());
  let came: (line: string) => void = () => {};
  const auth = new Promise<string>((resolve) => (came = resolve));
  const server = await ScriptedServer.start(async (client) => {
    client.send("220 mx.example ESMTP\r\n");
    await client.expect("EHLO", "250-mx.example\r\n250 STARTTLS\r\n");
    await client.expect("STARTTLS", "220 Go\r\n");
    await client.startTls({ cert: pair.certificate, key: pair.key });
    await client.expect("EHLO", "250-mx.example\r\n250 AUTH XOAUTH2\r\n");
    came(await client.expect("AUTH XOAUTH2 ", "535 5.7.3 Authentication unsuccessful\r\n"));
    client.end();
  });
  t.after(() => server.close());
  const relay = await Relay.start({ delivery: { mode: "mx" } });
  t.after(() => relay.stop());
  const more = ["--client-id", "relay", "--user", "relay@example.com", "--token-endpoint", `${provider.address}/token`];
  const added = await relay.command(["oauth", "add", "SHOP", "--provider", "generic", ...more], "secret\n");
  assert.equal(added.code, 0, added.output);
  const target = `RLYHOST('127.0.0.1:${server.port}') TLS(*ENCRYPT) AUTHACC(SHOP)`;
  await relay.clDone("CHGSMTPA ALWRLY(*ALL) CONFIRM(*YES)", `ADDSMTPRTE RTE(SHOP) ACTION(*RELAY) ${target}`);
  const sent = await relay.command(["send", "--to", "u@outside.example", "--subject", "x", "--body", "x"]);
  assert.equal(sent.code, 0, sent.output);
  const said = Buffer.from((await auth).replace("AUTH XOAUTH2 ", ""), "base64").toString();
  assert.equal(said, "user=relay@example.com\x01auth=Bearer t1\x01\x01");
});
