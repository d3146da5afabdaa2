import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import test from "node:test";
import { MemoryUserStore } from "../adapters/memory/user-store.ts";
import { ManualClock } from "../adapters/memory/clock.ts";
import { createCryptography } from "../adapters/node/cryptography.ts";
import { DEFAULT_LIMITS } from "../core/base/limits.ts";
import { ipv4 } from "../core/mail/ip.ts";
import { createVerifier, Credentials, type AuthStep } from "./credentials.ts";

const client = ipv4(0xc0000201);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (user: string, password: string): string => base64(`\0${user}\0${password}`);

async function open(): Promise<{ credentials: Credentials; clock: ManualClock; derived: () => number }> {
  let derived = 0;
  const real = createCryptography(randomBytes(32));
  const cryptography: typeof real = {
    ...real,
    pbkdf2Sha256: (...given) => {
      derived++;
      return real.pbkdf2Sha256(...given);
    },
  };
  const users = new MemoryUserStore();
  const verifier = await createVerifier(real, "secret");
  assert.ok(verifier);
  await users.put("user", verifier, 0);
  const clock = new ManualClock();
  return { credentials: new Credentials(users, cryptography, clock, DEFAULT_LIMITS), clock, derived: () => derived };
}

function shown(step: AuthStep): string {
  if (step.kind === "authenticated") return `authenticated ${step.user}`;
  return step.kind === "challenge"
    ? `challenge ${step.text}`
    : `${step.kind} ${step.reply.code} ${step.reply.enhanced}`;
}

test("Credentials check PLAIN and LOGIN", async () => {
  const { credentials } = await open();
  const cases: ["PLAIN" | "LOGIN", string | null, string[], string][] = [
    ["PLAIN", plain("user", "secret"), [], "authenticated user"],
    ["PLAIN", null, [plain("user", "secret")], "authenticated user"],
    ["PLAIN", plain("user", "wrong"), [], "denied 535 5.7.8"],
    ["PLAIN", "=", [], "denied 535 5.7.8"],
    ["PLAIN", "???", [], "ended 501 5.5.2"],
    ["PLAIN", null, ["*"], "ended 501 5.7.0"],
    ["LOGIN", null, [base64("user"), base64("secret")], "authenticated user"],
    ["LOGIN", base64("user"), [base64("secret")], "authenticated user"],
    ["LOGIN", base64("user"), [base64("wrong")], "denied 535 5.7.8"],
    ["LOGIN", base64("user"), ["*"], "ended 501 5.7.0"],
  ];
  for (const [mechanism, initial, lines, expected] of cases) {
    const exchange = credentials.exchange(mechanism, client);
    let step = await exchange.begin(initial);
    for (const line of lines) {
      assert.equal(step.kind, "challenge");
      step = await exchange.respond(line);
    }
    assert.equal(shown(step), expected);
  }
});

test("Credentials do the same work for users that do not exist, and say the same", async () => {
  const { credentials, derived } = await open();
  const known = await credentials.exchange("PLAIN", client).begin(plain("user", "wrong"));
  assert.equal(derived(), 1);
  const unknown = await credentials.exchange("PLAIN", client).begin(plain("nobody", "wrong"));
  assert.equal(derived(), 2);
  assert.deepEqual(unknown, known);
});

test("Credentials pay for a password once, and for a wrong one each time", async () => {
  const { credentials, derived } = await open();
  for (let i = 0; i < 3; i++) await credentials.exchange("PLAIN", client).begin(plain("user", "secret"));
  assert.equal(derived(), 1);
  await credentials.exchange("PLAIN", client).begin(plain("user", "wrong"));
  assert.equal(derived(), 2);
});

/** The client's side of RFC 5802, written apart. */
async function scram(credentials: Credentials, user: string, password: string, spoil = ""): Promise<string> {
  const exchange = credentials.exchange("SCRAM-SHA-256", client);
  const bare = `n=${user},r=rOprNGfwEbeRWgbNEkqO`;
  const first = await exchange.begin(base64(`n,,${bare}`));
  assert.ok(first.kind === "challenge");
  const serverFirst = Buffer.from(first.text, "base64").toString();
  const fields = /^r=(.*),s=(.*),i=(\d+)$/.exec(serverFirst);
  assert.ok(fields);
  const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(fields[2] ?? "", "base64"), Number(fields[3]), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const withoutProof = `c=biws,r=${fields[1]}${spoil}`;
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(storedKey, authMessage);
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ (signature[i] ?? 0)));
  const second = await exchange.respond(base64(`${withoutProof},p=${proof.toString("base64")}`));
  if (second.kind !== "challenge") return shown(second);
  const expected = hmac(hmac(salted, "Server Key"), authMessage).toString("base64");
  assert.equal(Buffer.from(second.text, "base64").toString(), `v=${expected}`);
  return shown(await exchange.respond(""));
}

test("Credentials check SCRAM-SHA-256 and prove themselves to the client", async () => {
  const { credentials } = await open();
  assert.equal(await scram(credentials, "user", "secret"), "authenticated user");
  assert.equal(await scram(credentials, "user", "wrong"), "denied 535 5.7.8");
  assert.equal(await scram(credentials, "user", "secret", "x"), "denied 535 5.7.8");
});

test("Credentials show a user that does not exist the same salt each time", async () => {
  const { credentials } = await open();
  const salts: string[] = [];
  for (const user of ["nobody", "nobody", "somebody"]) {
    const step = await credentials.exchange("SCRAM-SHA-256", client).begin(base64(`n,,n=${user},r=rOprNGfwEbeRWgbN`));
    assert.ok(step.kind === "challenge");
    salts.push(/s=(.*),i=/.exec(Buffer.from(step.text, "base64").toString())?.[1] ?? "");
  }
  assert.equal(salts[0], salts[1]);
  assert.notEqual(salts[0], salts[2]);
});

test("Credentials make a client that guesses wait, and turn it away when too many wait", async () => {
  const { credentials, clock } = await open();
  const guess = (): Promise<AuthStep> => credentials.exchange("PLAIN", client).begin(plain("user", "wrong"));
  for (let i = 0; i < 3; i++) assert.equal(shown(await guess()), "denied 535 5.7.8");
  const waiting = guess();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(clock.waiting, 1);
  clock.advance(500);
  assert.equal(shown(await waiting), "denied 535 5.7.8");
  const many = Array.from({ length: 30 }, guess);
  assert.equal(shown(await Promise.race(many.slice(-1))), "ended 454 4.7.0");
});
