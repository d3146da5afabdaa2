/** OAuth accounts as the program puts them together: sealed files, HTTP to a provider on loopback, tokens for AUTH. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { constants, createPublicKey, verify, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { OAuth2Server } from "oauth2-mock-server";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { createCryptography } from "../../src/adapters/node/cryptography.ts";
import { createOAuthAccountFiles } from "../../src/adapters/node/oauth-account-files.ts";
import { systemRandom } from "../../src/adapters/node/random.ts";
import { assertionCryptography } from "../../src/adapters/oauth/assertions.ts";
import { createWebClient } from "../../src/adapters/oauth/web-client.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { OAuthKeeper, type OAuthKeeperOptions } from "../../src/flows/keep-oauth-accounts.ts";
import type { OAuthOperations } from "../../src/flows/oauth-operations.ts";
import { addOAuthAccount, checkOAuthAccount, listOAuthAccounts, renewOAuthSecret } from "../../src/flows/work-oauth.ts";
import type { OAuthWords } from "../../src/flows/read-oauth-words.ts";
import { Provider, tokenOf } from "./provider.ts";

const SECRET = "Anwendungs-Geheimnis~4711";
const ID = "00000000-0000-0000-0000-00000000000a";

class Scene {
  readonly directory: string;
  readonly provider: Provider;
  readonly recorded: string[] = [];
  keeper: OAuthKeeper;

  private constructor(directory: string, provider: Provider, keeper: OAuthKeeper) {
    this.directory = directory;
    this.provider = provider;
    this.keeper = keeper;
  }

  static async open(t: TestContext): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-oauth-"));
    const provider = await Provider.start();
    const scene = new Scene(directory, provider, await OAuthKeeper.open(optionsOf(directory, [])));
    await scene.restart();
    t.after(async () => {
      provider.close();
      await rm(directory, { recursive: true });
    });
    return scene;
  }

  async restart(more: Partial<OAuthKeeperOptions> = {}): Promise<void> {
    this.keeper = await OAuthKeeper.open({ ...optionsOf(this.directory, this.recorded), ...more });
  }

  get operations(): { oauth: OAuthOperations; now: () => number } {
    return { oauth: this.keeper, now: () => Date.now() };
  }

  async add(words: Partial<OAuthWords> = {}): Promise<void> {
    const { address } = this.provider;
    const endpoints = { tokenEndpoint: `${address}/token`, deviceEndpoint: `${address}/device` };
    const whole = { name: "m365", provider: "microsoft", tenant: "example.com", clientId: ID, ...endpoints } as const;
    const proof = (words.key ?? words.keyFile) ? {} : { secret: SECRET };
    const added = await addOAuthAccount(
      this.operations,
      { user: "relay@example.com", ...whole, ...proof, ...words },
      "op",
    );
    assert.deepEqual(
      added.messages.map(({ id }) => id),
      ["SMR0861"],
      JSON.stringify(added.messages),
    );
  }

  async token(): Promise<string> {
    const answer = await this.keeper.tokenFor("M365");
    return answer.ok ? answer.value : answer.error;
  }

  async file(): Promise<string> {
    return await readFile(join(this.directory, "oauth/M365.json"), "utf8");
  }
}

function optionsOf(directory: string, recorded: string[]): OAuthKeeperOptions {
  const clock = new WallClock();
  const resolver = { addresses: async () => ({ kind: "none" }) as const };
  return {
    store: createOAuthAccountFiles(directory),
    web: createWebClient({ resolver, clock, limits: DEFAULT_LIMITS, agent: "relaykeeper/test" }),
    assertions: assertionCryptography,
    cryptography: createCryptography(new Uint8Array(32)),
    clock,
    random: systemRandom(),
    limits: DEFAULT_LIMITS,
    record: (by, text) => void recorded.push(`${by}: ${text}`),
  };
}

test("two hundred deliveries at once make one request, with what the provider documents", async (t) => {
  const scene = await Scene.open(t);
  await scene.add();
  const all = await Promise.all(Array.from({ length: 200 }, () => scene.token()));
  assert.deepEqual(new Set(all), new Set(["t1"]));
  assert.deepEqual(scene.provider.forms, [
    {
      path: "/token",
      grant_type: "client_credentials",
      scope: "https://outlook.office365.com/.default",
      client_id: ID,
      client_secret: SECRET,
    },
  ]);
  assert.equal((await stat(join(scene.directory, "oauth/M365.json"))).mode & 0o777, 0o600);
  assert.ok(!(await scene.file()).includes("Geheimnis"));
  const shown = JSON.stringify(listOAuthAccounts(scene.operations));
  assert.ok(shown.includes("M365") && !shown.includes("Geheimnis") && !shown.includes('"t1"'));
});

test("a provider's words are told without our secret; another secret is used at once", async (t) => {
  const scene = await Scene.open(t);
  await scene.add();
  const error_description = `AADSTS7000215: Invalid client secret provided: ${SECRET}.\r\nTrace ID: 1\r\nTimestamp: 2`;
  scene.provider.answers.push({ status: 401, body: { error: "invalid_client", error_description } });
  const told =
    "no token for OAuth account M365: it answered 401 invalid_client: AADSTS7000215: Invalid client secret provided: ***.";
  assert.equal(await scene.token(), told);
  assert.equal(await scene.token(), told);
  assert.equal(scene.provider.forms.length, 1, "the provider is left in peace");
  assert.ok(scene.keeper.warnings().some((warning) => warning.includes("AADSTS7000215")));
  const renewed = await renewOAuthSecret(scene.operations, "M365", { secret: "Neues-Geheimnis" }, "op");
  assert.ok(renewed.ok);
  assert.equal(await scene.token(), "t1");
  assert.equal(scene.provider.forms.at(-1)?.["client_secret"], "Neues-Geheimnis");
  assert.deepEqual(scene.keeper.warnings(), []);
  await scene.restart();
  assert.equal(await scene.token(), "t2");
  assert.equal(scene.provider.forms.at(-1)?.["client_secret"], "Neues-Geheimnis");
  assert.ok(
    scene.recorded.every((line) => !line.includes("Geheimnis")),
    scene.recorded.join(),
  );
});

test("429, 503, too much, and what is no JSON are trouble, told in words", async (t) => {
  const cases: [Parameters<Provider["answers"]["push"]>[0], RegExp][] = [
    [{ status: 429, headers: { "Retry-After": "30" }, body: {} }, /it answered 429$/],
    [{ status: 503, body: "<html>" }, /it answered 503$/],
    [{ body: "x".repeat(70_000) }, /more than 65536 octets$/],
    [{ body: "no JSON" }, /answered 200 without a token that can be used$/],
    [{ body: tokenOf("a\r\nb") }, /without a token that can be used$/],
    [{ body: { ...tokenOf("a"), token_type: "mac" } }, /of type mac instead of Bearer$/],
    [{ status: 302, headers: { Location: "http://127.0.0.1:1/" }, body: {} }, /it answered 302$/],
  ];
  for (const [said, expected] of cases) {
    const scene = await Scene.open(t);
    await scene.add();
    scene.provider.answers.push(said);
    assert.match(await scene.token(), expected);
    assert.equal(scene.provider.forms.length, 1);
  }
});

test("a key with its certificate signs an assertion that its public key verifies, as Microsoft asks for it", async (t) => {
  const scene = await Scene.open(t);
  const [key, certificate] = [join(scene.directory, "key.pem"), join(scene.directory, "certificate.pem")];
  const made = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=relay",
    "-keyout",
    key,
    "-out",
    certificate,
  ];
  execFileSync("openssl", made, { stdio: "ignore" });
  const pem = await readFile(certificate, "utf8");
  await scene.add({ key: await readFile(key, "utf8"), certificate: pem });
  assert.equal(await scene.token(), "t1");
  const form = scene.provider.forms[0] ?? {};
  assert.equal(form["client_secret"], undefined);
  assert.equal(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  const [header = "", claims = "", signature = ""] = (form["client_assertion"] ?? "").split(".");
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
  const thumbprint = Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(":", ""), "hex").toString(
    "base64url",
  );
  assert.deepEqual(read(header), { alg: "PS256", typ: "JWT", "x5t#S256": thumbprint });
  const { iss, sub, aud, exp, nbf } = read(claims) as Record<string, string | number>;
  assert.deepEqual([iss, sub, aud], [ID, ID, `${scene.provider.address}/token`]);
  assert.equal(Number(exp) - Number(nbf), 600);
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32, key: createPublicKey(pem) };
  assert.ok(verify("sha256", Buffer.from(`${header}.${claims}`), padding, Buffer.from(signature, "base64url")));
  // A service account of Google: RS256, and for whom.
  const file = {
    type: "service_account",
    private_key: await readFile(key, "utf8"),
    private_key_id: "k1",
    client_email: "s@p.example",
  };
  await scene.add({ name: "google", provider: "google", clientId: undefined, keyFile: JSON.stringify(file) });
  assert.ok((await checkOAuthAccount(scene.operations, "google")).ok);
  const [head = "", body = "", signed = ""] = (scene.provider.forms.at(-1)?.["assertion"] ?? "").split(".");
  assert.deepEqual(read(head), { alg: "RS256", typ: "JWT", kid: "k1" });
  const said = read(body) as Record<string, string>;
  assert.deepEqual(
    [said["iss"], said["sub"], said["scope"]],
    ["s@p.example", "relay@example.com", "https://mail.google.com/"],
  );
  assert.ok(verify("sha256", Buffer.from(`${head}.${body}`), createPublicKey(pem), Buffer.from(signed, "base64url")));
});

test("a refresh token that is replaced is on the disk before its access token is used; a full disk stops no mail", async (t) => {
  const scene = await Scene.open(t);
  await scene.add({ grant: "refresh-token", refreshToken: "r1" });
  const before = await scene.file();
  scene.provider.answers.push({ body: tokenOf("a1", { refresh_token: "r2" }) });
  const files = createOAuthAccountFiles(scene.directory);
  const order: string[] = [];
  await scene.restart({
    store: {
      ...files,
      put: async (account) => {
        await files.put(account);
        order.push("saved");
      },
    },
  });
  await scene.token().then((token) => order.push(token));
  assert.deepEqual(order, ["saved", "a1"]);
  assert.notEqual(await scene.file(), before);
  // A death before the save would leave the one before, whole: that is what is promised, and all that can be.
  const full = async (): Promise<void> => Promise.reject(new Error("ENOSPC"));
  await scene.restart({ store: { ...files, put: full } });
  scene.provider.answers.push({ body: tokenOf("a2", { refresh_token: "r3" }) }, { body: tokenOf("a3") });
  assert.equal(await scene.token(), "a2");
  assert.equal(scene.provider.forms.at(-1)?.["refresh_token"], "r2");
  assert.ok(scene.keeper.warnings().some((warning) => warning.includes("cannot be saved: ENOSPC")));
  assert.ok((await scene.keeper.check("M365")).ok);
  assert.equal(scene.provider.forms.at(-1)?.["refresh_token"], "r3", "it is used from memory");
});

test("a person logs in by a code: asked for patience, slowed down, refused, done", async (t) => {
  const scene = await Scene.open(t);
  await scene.add({ grant: "refresh-token" });
  assert.match(await scene.token(), /nobody has logged in: relaykeeper oauth login M365$/);
  const prompt = {
    device_code: "d1",
    user_code: "ABCD-EFGH",
    verification_uri: "https://login.example/device",
    interval: 1,
  };
  scene.provider.answers.push({ body: { ...prompt, expires_in: 60 } });
  scene.provider.answers.push({ status: 400, body: { error: "authorization_pending" } });
  scene.provider.answers.push({ body: tokenOf("a1", { refresh_token: "r1" }) });
  const begun = await scene.keeper.login("M365", "op");
  assert.ok(begun.ok && begun.value.userCode === "ABCD-EFGH");
  assert.deepEqual(await scene.keeper.loginState("M365", 10), { kind: "pending" });
  assert.deepEqual(await scene.keeper.loginState("M365", 20_000), { kind: "done" });
  assert.equal(await scene.token(), "a1");
  assert.ok(!(await scene.file()).includes('r1"'));
  assert.equal(scene.provider.forms.at(-1)?.["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
  scene.provider.answers.push({ body: prompt }, { status: 400, body: { error: "access_denied" } });
  assert.ok((await scene.keeper.login("M365", "op")).ok);
  const denied = await scene.keeper.loginState("M365", 20_000);
  assert.deepEqual(denied, { kind: "failed", why: "it answered 400 access_denied" });
  assert.equal(await scene.token(), "a1", "what there was before stays");
});

test("oauth2-mock-server gives tokens for what we send", async (t) => {
  const scene = await Scene.open(t);
  const server = new OAuth2Server();
  await server.issuer.keys.generate("RS256");
  await server.start(0, "127.0.0.1");
  t.after(() => server.stop());
  const { port } = server.address();
  await scene.add({ provider: "generic", tokenEndpoint: `http://127.0.0.1:${port}/token`, scope: "mail" });
  assert.match(await scene.token(), /^ey[\w-]+\.ey[\w-]+\.[\w-]+$/);
});

test("secrets go by HTTPS, and by HTTP within this machine alone", async (t) => {
  const scene = await Scene.open(t);
  const words = { name: "x", provider: "generic", clientId: ID, secret: SECRET, user: "u" } as const;
  for (const tokenEndpoint of [
    "http://login.example/token",
    "http://127.0.0.1.example/",
    "ftp://x/",
    "https://u:p@x/",
  ]) {
    const added = await addOAuthAccount(scene.operations, { ...words, tokenEndpoint }, "op");
    assert.equal(added.messages[0]?.id, "SMR0875", tokenEndpoint);
  }
  assert.deepEqual(scene.keeper.list(), []);
});
