import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_ACCESS_TOKENS } from "../../src/adapters/memory/access-tokens.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { NO_TLS_RESULTS } from "../../src/adapters/memory/tls-policies.ts";
import { SmtpProber } from "../../src/adapters/smtp-client/probe.ts";
import { makeSelfSigned } from "../../src/adapters/tls/self-signed.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { DAY_MS } from "../../src/core/base/time.ts";
import type { Domain } from "../../src/core/mail/domain.ts";
import { RouteChecker, type RouteCheck } from "../../src/flows/check-route.ts";
import type { NextHop } from "../../src/flows/ports.ts";
import { type Client, ScriptedServer } from "./scripted-server.ts";
import { hop, mailbox, serverAt, VERIFY } from "./sending.ts";

const NO_ROUTES = { matchesOf: () => [], isCapturing: false };

const clock = new WallClock();
const good = makeSelfSigned("mx.example", clock.now() - DAY_MS, clock.now() + DAY_MS);

/** How a provider behaves, and up to where: what it says at each step instead of going on. */
type Refusals = Readonly<Partial<Record<"greeting" | "ehlo" | "tls" | "auth" | "mail" | "rcpt", string>>>;

function provider(refusals: Refusals) {
  return async (client: Client): Promise<void> => {
    client.send(`${refusals.greeting ?? "220 mx.example ready"}\r\n`);
    if (refusals.greeting !== undefined) return;
    await client.expect("EHLO", `${refusals.ehlo ?? "250-mx.example\r\n250 STARTTLS"}\r\n`);
    if (refusals.ehlo !== undefined) return;
    await client.expect("STARTTLS", `${refusals.tls ?? "220 Go"}\r\n`);
    if (refusals.tls !== undefined) return;
    await client.startTls({ cert: good.certificate, key: good.key });
    await client.expect("EHLO", "250-mx.example\r\n250-SIZE 1000000\r\n250 AUTH PLAIN\r\n");
    await client.expect("AUTH PLAIN", `${refusals.auth ?? "235 2.7.0 Welcome"}\r\n`);
    if (refusals.auth !== undefined) return;
    await client.expect("MAIL FROM:<relay@example.com>", `${refusals.mail ?? "250 2.1.0 Sender OK"}\r\n`);
    if (refusals.mail === undefined) await client.expect("RCPT", `${refusals.rcpt ?? "250 2.1.5 Recipient OK"}\r\n`);
    await client.expect("RSET", "250 2.0.0 Resetting\r\n");
    // QUIT and the end of the connection come together.
    await client.closed();
  };
}

function checker(found: NextHop): RouteChecker {
  const prober = new SmtpProber({
    hostname: "relay.example" as Domain,
    limits: { ...DEFAULT_LIMITS, probeStepMs: 2_000 },
    clock,
    readFile: async function* () {
      yield* [];
    },
    tokens: NO_ACCESS_TOKENS,
    tlsResults: NO_TLS_RESULTS,
    ca: good.certificate,
  });
  const ways = { ...NO_ROUTES, keysOf: () => [found.key], find: async () => ({ kind: "hop", hop: found }) as const };
  return new RouteChecker({ hostname: "relay.example" as Domain, clock, ways, prober });
}

async function walk(refusals: Refusals): Promise<RouteCheck> {
  const server = await ScriptedServer.start(provider(refusals));
  const credentials = { kind: "password", user: "relay@example.com", password: "geheim" } as const;
  const check = await checker(hop(server.port, { tls: VERIFY, credentials })).check({
    key: null,
    from: null,
    to: mailbox("u@example.net"),
  });
  await server.close();
  return check;
}

test("a walk to a next hop that takes mail ends before DATA", async () => {
  const check = await walk({});
  assert.deepEqual(
    check.steps.map(({ name }) => name),
    ["name", "connect", "greeting", "ehlo", "tls", "auth", "mail", "rcpt"],
  );
  assert.equal(check.refusal, null);
  assert.equal(check.advice, null);
  assert.equal(check.from, "relay@example.com");
  assert.match(check.steps[4]?.words ?? "", /^TLSv1\.3 \S+ verified/);
  assert.equal(check.steps.at(-1)?.words, "250 2.1.5 Recipient OK");
  assert.doesNotMatch(JSON.stringify(check), /geheim/);
});

const STEPS: readonly (readonly [step: string, refusals: Refusals, words: RegExp, topic: string | null])[] = [
  [
    "greeting",
    { greeting: "554 5.7.1 Service unavailable; Client host blocked using zen.spamhaus.org" },
    /greeted with: 554/,
    "list-spamhaus",
  ],
  [
    "ehlo",
    { ehlo: "450 4.7.1 Helo command rejected: cannot find your hostname" },
    /answered EHLO with: 450/,
    "name-refused",
  ],
  ["tls", { ehlo: "250 mx.example" }, /offers no TLS/, "tls-missing"],
  ["tls", { tls: "454 4.7.0 TLS not available" }, /answered STARTTLS with: 454/, null],
  [
    "auth",
    { auth: "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant." },
    /answered AUTH PLAIN with: 535 5\.7\.139/,
    "microsoft-smtp-auth-tenant",
  ],
  [
    "mail",
    { mail: "550 5.7.60 SMTP; Client does not have permissions to send as this sender" },
    /^550 5\.7\.60/,
    "microsoft-send-as",
  ],
  ["rcpt", { rcpt: "554 5.7.1 <u@example.net>: Relay access denied" }, /^554 5\.7\.1/, "relaying-denied"],
];

for (const [step, refusals, words, topic] of STEPS) {
  test(`a walk ends at ${step}: ${Object.values(refusals).join()}`, async () => {
    const check = await walk(refusals);
    assert.equal(check.steps.at(-1)?.name, step);
    assert.match(check.steps.at(-1)?.words ?? "", words);
    assert.ok(check.refusal !== null);
    assert.equal(check.advice?.topic ?? null, topic);
    assert.ok(check.steps.slice(0, -1).every(({ reply }) => reply === null));
  });
}

test("a server that cannot be reached is followed by the next one", async () => {
  const server = await ScriptedServer.start(provider({}));
  const servers = [serverAt("dead.example", 1), serverAt("mx.example", server.port, { tls: VERIFY })];
  const credentials = { kind: "password", user: "relay@example.com", password: "geheim" } as const;
  const check = await checker(hop(server.port, { servers, credentials })).check({ key: "x", from: null, to: null });
  await server.close();
  assert.equal(check.refusal, null);
  assert.deepEqual(
    check.steps.slice(0, 4).map(({ name, reply }) => `${name} ${reply === null}`),
    ["name true", "connect false", "connect true", "greeting true"],
  );
  const none = await checker(hop(1, { servers: servers.slice(0, 1) })).check({ key: "x", from: null, to: null });
  assert.equal(none.advice?.topic, "refused-connection");
});

test("a name that leads nowhere is where the walk ends", async () => {
  const refusal = {
    code: 451,
    enhanced: "4.4.3",
    text: ["The name mx.example cannot be looked up now: nobody answered"],
  };
  const ways = {
    ...NO_ROUTES,
    keysOf: () => ["mx:example.net"],
    find: async () => ({ kind: "trouble", reply: refusal }) as const,
  };
  const prober = { probe: async () => assert.fail("nothing is walked to") };
  const check = await new RouteChecker({ hostname: "relay.example" as Domain, clock, ways, prober }).check({
    key: null,
    from: null,
    to: mailbox("u@example.net"),
  });
  assert.deepEqual(
    check.steps.map(({ name }) => name),
    ["name"],
  );
  assert.equal(check.refusal, refusal);
});
