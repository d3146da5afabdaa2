/** The verbs of OAuth accounts on the running relay: from a secret on standard input to a token, and where the secret is afterwards. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Relay } from "../peers/relay.ts";
import { Provider, tokenOf } from "./provider.ts";

const SECRETS = ["Erstes-Geheimnis-4711", "Zweites-Geheimnis-0815", "Erneuerung-2323", "Marke-7777"] as const;
const [FIRST, SECOND, REFRESH, TOKEN] = SECRETS;
const SPELLINGS = SECRETS.flatMap((secret) => [secret, Buffer.from(secret).toString("base64")]);

test("accounts are worked by verbs; no secret is in arguments, logs, journal, displays or files", async (t) => {
  const provider = await Provider.start();
  t.after(() => provider.close());
  const relay = await Relay.start({ env: { RELAYKEEPER_LOG_LEVEL: "debug" } });
  t.after(() => relay.stop());
  const endpoints = [
    "--token-endpoint",
    `${provider.address}/token`,
    "--device-endpoint",
    `${provider.address}/device`,
  ];
  const common = ["--provider", "generic", "--client-id", "relay", "--user", "relay@example.com", ...endpoints];
  const run = async (args: readonly string[], input: string, expected: RegExp, code = 0): Promise<string> => {
    const result = await relay.command(["oauth", ...args], input);
    assert.match(result.output, expected, args.join(" "));
    assert.equal(result.code, code, result.output);
    return result.output;
  };
  await run(["add", "SHOP", ...common], `${FIRST}\n`, /SMR0861 OAuth account SHOP added/);
  await run(["add", "shop", ...common], `${FIRST}\n`, /SMR0871/, 1);
  await run(["add", "../x", ...common], `${FIRST}\n`, /SMR0870/, 1);
  provider.answers.push({ body: tokenOf(TOKEN) });
  await run(["check", "shop"], "", /SMR0865 OAuth account SHOP gives tokens/);
  assert.equal(provider.forms[0]?.["client_secret"], FIRST);
  const file = join(relay.directory, "second");
  await writeFile(file, `${SECOND}\n`, { mode: 0o600 });
  await run(["secret", "SHOP", "--secret-file", file], "", /SMR0862/);
  const error_description = `not with ${SECOND}`;
  provider.answers.push({ status: 401, body: { error: "invalid_client", error_description } });
  await run(["check", "SHOP"], "", /SMR0866 .*it answered 401 invalid_client: not with \*\*\*/, 1);
  assert.equal(provider.forms[1]?.["client_secret"], SECOND);
  await run(["add", "PERSON", ...common, "--grant", "refresh-token", "--public"], "", /SMR0861/);
  const device_code = "d1";
  const verification_uri = "https://login.example/device";
  provider.answers.push(
    { body: { device_code, user_code: "ABCD-EFGH", verification_uri, interval: 1, expires_in: 60 } },
    { body: tokenOf("Marke-7777", { refresh_token: REFRESH }) },
  );
  const login = /SMR0867 Open https:\/\/login\.example\/device and enter the code ABCD-EFGH[\s\S]*SMR0868/;
  await run(["login", "PERSON"], "", login);

  const shown = new Map<string, string>([
    ["command line", readFileSync(`/proc/${relay.pid}/cmdline`, "latin1")],
    ["list", await run(["list"], "", /PERSON[\s\S]*SHOP/)],
    ["list --json", await run(["list", "--json"], "", /"loggedIn":true/)],
    ["show", await run(["show", "SHOP"], "", /tokenGoodUntil/)],
  ]);
  for (const args of [["status"], ["cl", "DSPSMTPJRN"], ["policy", "export", "--all"]])
    shown.set(args.join(" "), (await relay.command(args)).output);
  assert.match(shown.get("status") ?? "", /OAuth account SHOP has no new token: it answered 401/);
  for (const name of readdirSync(relay.dataDirectory, { recursive: true, encoding: "utf8" })) {
    const path = join(relay.dataDirectory, name);
    assert.equal(lstatSync(path).mode & 0o077, 0, `${path} is its owner's alone`);
    if (lstatSync(path).isFile()) shown.set(path, readFileSync(path, "latin1"));
  }
  shown.set("log", relay.log);
  assert.ok([...shown.keys()].some((path) => path.endsWith("oauth/PERSON.json")));
  const holding = [...shown].filter(([, text]) => SPELLINGS.some((word) => text.includes(word)));
  assert.deepEqual(
    holding.map(([where]) => where),
    [],
  );
  await run(["remove", "SHOP"], "", /SMR0863/);
  await run(["show", "SHOP"], "", /SMR0872/, 1);
});
