/** Routes of the policy, from the queue to what the transport is asked to do. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { HOUR_MS, MINUTE_MS } from "../../src/core/base/time.ts";
import type { Entry, EntryValue } from "../../src/core/policy/policy.ts";
import { parseRoute, type RouteTexts } from "../../src/core/policy/route-fields.ts";
import { RouteTable } from "../../src/core/policy/route-table.ts";
import { reply } from "../../src/core/mail/reply.ts";
import type { NextHop, NextHopServer } from "../../src/flows/ports.ts";
import { House, mailbox, NO_USER, OK, sentTo, started } from "./house.ts";

function entryOf(id: number, list: Entry["list"], value: EntryValue): Entry {
  return { id, list, value, text: "", addedBy: "test", addedAt: 0, expiresAt: null };
}

function tableOf(routes: Readonly<Record<string, RouteTexts>>): RouteTable {
  return new RouteTable(
    Object.entries(routes).map(([name, texts], i) => {
      const route = parseRoute(name, texts);
      assert.ok(route.ok, JSON.stringify(route));
      return entryOf(i + 1, "*ROUTE", { kind: "route", route: route.value });
    }),
  );
}

function route(house: House, routes: Readonly<Record<string, RouteTexts>>): void {
  house.routes = tableOf(routes);
  house.version++;
}

/** A next hop as `host:port demand user`, and what else the route asked for. */
function describe({ servers, auth, pace }: NextHop): string {
  const each = servers.map(({ host, port, tls, isImplicit, credentials }) => {
    const user = credentials === null ? "" : ` as ${credentials.user}`;
    return `${host}:${port} ${tls.kind}${isImplicit ? " implicit" : ""}${user}`;
  });
  const more = [auth === "auto" ? "" : ` ${auth}`, pace.perMinute === null ? "" : ` ${pace.perMinute}/min`];
  return `${each.join(", ")}${more.join("")}`;
}

function hopsOf(house: House): readonly string[] {
  return house.transport.sent.map(({ hop }) => describe(hop));
}

const AWAY = reply(451, "4.4.1", "away");
const SMARTHOST = { host: "smart.example", port: 587 };
const CREDENTIALS = { user: "relay", password: "secret" };
const HOSTAUTH = entryOf(90, "*HOSTAUTH", {
  kind: "host-credentials",
  host: "smart.example",
  user: "listed",
  sealedPassword: "sealed:other",
  method: "auto",
  account: "",
});

suite("the smart host of the configuration", () => {
  const cases = [
    ["may, no credentials", { tls: "may" }, [], "smart.example:587 may"],
    ["none", { tls: "none" }, [], "smart.example:587 none"],
    ["require", { tls: "require" }, [], "smart.example:587 verify"],
    ["implicit", { tls: "implicit" }, [], "smart.example:587 verify implicit"],
    ["may, credentials", { tls: "may", credentials: CREDENTIALS }, [], "smart.example:587 verify as relay"],
    ["require, credentials", { tls: "require", credentials: CREDENTIALS }, [], "smart.example:587 verify as relay"],
    ["*HOSTAUTH goes before", { credentials: CREDENTIALS }, [HOSTAUTH], "smart.example:587 verify as listed"],
  ] as const;
  for (const [what, delivery, entries, expected] of cases) {
    test(`is met as configured: ${what}`, async () => {
      const house = await started({ mode: "smarthost", smarthost: SMARTHOST, ...delivery });
      house.entries = entries;
      await house.accept(["u@far.example"]);
      await house.settle();
      assert.deepEqual(hopsOf(house), [expected]);
    });
  }

  test("keeps its password from a router that the policy names", async () => {
    const house = await started({ mode: "smarthost", smarthost: SMARTHOST, tls: "implicit", credentials: CREDENTIALS });
    house.attributes = { ...house.attributes, MAILROUTER: "router.example:587" };
    house.version++;
    await house.accept(["u@far.example"]);
    await house.settle();
    assert.deepEqual(hopsOf(house), ["router.example:587 may"]);
  });
});

suite("a route", () => {
  test("sends by itself what it matches, and by the old way what it does not", async () => {
    const house = await started({ mode: "smarthost", smarthost: SMARTHOST });
    route(house, {
      PARTNER: {
        RCPDMN: ["partner.example"],
        ACTION: ["*RELAY"],
        RLYHOST: ["in.partner.example:587"],
        TLS: ["*VERIFY"],
      },
      DIRECT: { RCPDMN: ["direct.example"], ACTION: ["*MX"], TLS: ["*ENCRYPT"] },
      SLOW: { RCPDMN: [".slow.example"], RATEMIN: ["30"], AUTHMTH: ["*NONE"] },
    });
    house.entries = [HOSTAUTH];
    for (const to of ["partner.example", "direct.example", "a.slow.example", "far.example"]) {
      await house.accept([`u@${to}`]);
      await house.settle();
    }
    assert.deepEqual(sentTo(house), [
      "PARTNER/relay <sender@inside.example> u@partner.example",
      "DIRECT/mx:direct.example <sender@inside.example> u@direct.example",
      "SLOW/smarthost:smart.example:587 <sender@inside.example> u@a.slow.example",
      "smarthost:smart.example:587 <sender@inside.example> u@far.example",
    ]);
    assert.deepEqual(hopsOf(house), [
      "in.partner.example:587 verify",
      "mx.direct.example:25 encrypt",
      "smart.example:587 may none 30/min",
      "smart.example:587 verify as listed",
    ]);
    assert.deepEqual(house.used, [1, 2, 3]);
  });

  test("that ends lets go of mail that was queued on its way, though nobody changes the policy", async () => {
    const house = await started();
    const parsed = parseRoute("BRIEF", { RCPDMN: ["far.example"], ACTION: ["*RELAY"], RLYHOST: ["hub.example"] });
    assert.ok(parsed.ok);
    const entry = entryOf(1, "*ROUTE", { kind: "route", route: parsed.value });
    house.routes = new RouteTable([{ ...entry, expiresAt: house.clock.now() + 30 * MINUTE_MS }]);
    house.version++;
    house.transport.trouble = (key) => (key === "BRIEF/relay" ? AWAY : null);
    await house.accept(["u@far.example"]);
    await house.pass(29 * MINUTE_MS);
    assert.equal((await house.deliverer.list({}, 1))[0]?.nextHops.join(" "), "BRIEF/relay");
    const before = house.transport.sent.length;
    await house.pass(2 * MINUTE_MS);
    assert.deepEqual(
      (await house.deliverer.list({}, 1)).map(({ nextHops }) => nextHops.join(" ")),
      [],
    );
    assert.equal(sentTo(house).slice(before).at(-1), "mx:far.example <sender@inside.example> u@far.example");
  });

  test("has a password for each host by itself, and none for hosts that an MX record names", async () => {
    const house = await started({ smarthost: SMARTHOST, credentials: CREDENTIALS });
    route(house, {
      MANY: {
        ACTION: ["*RELAY"],
        RLYHOST: ["smart.example:587", "mx:smart.example *FALLBACK", "other.example *FALLBACK"],
      },
    });
    house.resolver.answers.set("smart.example", {
      kind: "mx",
      hosts: [{ preference: 10, host: "smart.example" }],
      isSecure: false,
    });
    await house.accept(["u@far.example"]);
    await house.settle();
    assert.deepEqual(hopsOf(house), ["smart.example:587 verify as relay, smart.example:25 may, other.example:25 may"]);
  });

  test("divides connections by weight, with fallback hosts behind", async () => {
    const house = await started();
    route(house, {
      LOAD: { ACTION: ["*RELAY"], RLYHOST: ["one.example 3", "two.example", "spare.example *FALLBACK"] },
    });
    for (let i = 0; i < 400; i++) {
      await house.accept([`u${i}@far.example`]);
      await house.settle();
    }
    const orders = house.transport.sent.map(({ hop }) => hop.servers.map(({ host }: NextHopServer) => host));
    assert.ok(orders.every((hosts) => hosts.length === 3 && hosts[2] === "spare.example"));
    const first = orders.filter(([host]) => host === "one.example").length;
    assert.ok(first > 260 && first < 340, `${first} of 400 to the host that has three of four parts`);
  });

  test("to Microsoft Graph carries no signature of ours, and one by SMTP does", async () => {
    const house = await started();
    house.accounts = { credentialsOf: (account) => ({ kind: "token", user: "relay@inside.example", account }) };
    house.signer = { fieldsFor: () => new TextEncoder().encode("DKIM-Signature: ours\r\n") };
    for (const PROTOCOL of ["*SMTP", "*GRAPH"]) {
      route(house, {
        M365: { ACTION: ["*RELAY"], RLYHOST: ["smart.example:443"], AUTHACC: ["M365"], PROTOCOL: [PROTOCOL] },
      });
      await house.accept(["u@far.example"]);
      await house.settle();
    }
    assert.deepEqual(
      house.transport.sent.map(({ message }) => new TextDecoder().decode(message.front)),
      ["DKIM-Signature: ours\r\n", ""],
    );
  });

  test("whose account is not there defers, and says so", async () => {
    const house = await started();
    route(house, { M365: { ACTION: ["*RELAY"], RLYHOST: ["smtp.example"], AUTHACC: ["CONTOSO"] } });
    const { id } = await house.accept(["u@far.example"]);
    await house.settle();
    const reply = (await house.deliverer.find(id))?.message.outcomes[0]?.reply.text[0];
    assert.equal(reply, "Route M365 names account CONTOSO, and there is none");
  });

  test("into the capture box keeps the message there", async () => {
    const house = await started();
    route(house, { LOOK: { RCPDMN: ["far.example"], ACTION: ["*CAPTURE"] } });
    await house.accept(["u@far.example"]);
    await house.settle();
    assert.deepEqual(sentTo(house), []);
    assert.equal((await house.spool.counts()).captured, 1);
  });

  test("that refuses fails what is in the queue already, and the sender hears of it", async () => {
    const house = await started();
    house.transport.trouble = () => AWAY;
    const { id } = await house.accept(["u@far.example"]);
    await house.settle();
    house.transport.trouble = () => null;
    route(house, { NO: { RCPDMN: ["far.example"], ACTION: ["*REFUSE"] } });
    await house.pass(HOUR_MS);
    assert.equal(await house.spool.find(id), null);
    assert.deepEqual(house.outcomes.slice(-2), ["u@far.example failed", "sender@inside.example delivered"]);
  });

  test("never goes before mode capture", async () => {
    const house = await started({ mode: "capture" });
    route(house, {
      OUT: { ACTION: ["*RELAY"], RLYHOST: ["smtp.example"] },
      HOLD: { SNDADR: ["<>"], ACTION: ["*HOLD"] },
    });
    await house.accept(["u@far.example"]);
    await house.accept(["u@far.example"], { reversePath: null });
    await house.settle();
    assert.deepEqual(sentTo(house), []);
    assert.equal((await house.spool.counts()).captured, 2);
    assert.deepEqual(house.used, []);
  });

  test("that is taken away gives the mail back to the way it had", async () => {
    const house = await started();
    house.transport.trouble = (key) => (key.startsWith("GONE/") ? AWAY : null);
    route(house, { GONE: { ACTION: ["*RELAY"], RLYHOST: ["smtp.example"] } });
    await house.accept(["u@far.example"]);
    await house.settle();
    route(house, {});
    await house.pass(HOUR_MS);
    assert.equal(sentTo(house).at(-1), "mx:far.example <sender@inside.example> u@far.example");
  });
});

suite("a *HOSTAUTH entry", () => {
  const entry = (of: object): Entry => {
    assert.ok(HOSTAUTH.value.kind === "host-credentials");
    return { ...HOSTAUTH, value: { ...HOSTAUTH.value, host: "router.example", ...of } };
  };
  const token = { sealedPassword: "", user: "", account: "M365", method: "xoauth2" };

  for (const [what, of, credentials] of [
    [
      "a password and a method",
      { method: "login" },
      { kind: "password", user: "listed", password: "other", method: "login" },
    ],
    ["an account", token, { kind: "token", user: "box@inside.example", account: "M365", method: "xoauth2" }],
    [
      "an account and a user",
      { ...token, user: "shared@inside.example" },
      { kind: "token", user: "shared@inside.example", account: "M365", method: "xoauth2" },
    ],
  ] as const) {
    test(`with ${what} is what a router without a route is told`, async () => {
      const house = await started();
      house.accounts = { credentialsOf: (account) => ({ kind: "token", user: "box@inside.example", account }) };
      house.attributes = { ...house.attributes, MAILROUTER: "router.example:587" };
      house.version++;
      house.entries = [entry(of)];
      await house.accept(["u@far.example"]);
      await house.settle();
      assert.deepEqual(house.transport.sent[0]?.hop.servers[0]?.credentials, credentials);
      assert.deepEqual(hopsOf(house), [`router.example:587 verify as ${credentials.user}`]);
    });
  }

  test("whose account is not there defers, and says so", async () => {
    const house = await started({ mode: "smarthost", smarthost: { host: "router.example", port: 587 } });
    house.entries = [entry(token)];
    const { id } = await house.accept(["u@far.example"]);
    await house.settle();
    const reply = (await house.deliverer.find(id))?.message.outcomes[0]?.reply.text[0];
    assert.equal(reply, "*HOSTAUTH entry router.example names account M365, and there is none");
  });

  test("under a route with TLS(*MAY) is told to a verified server alone", async () => {
    const house = await started();
    route(house, { ODD: { ACTION: ["*RELAY"], RLYHOST: ["router.example:587", "other.example"], TLS: ["*MAY"] } });
    house.entries = [entry({})];
    await house.accept(["u@far.example"]);
    await house.settle();
    const [hop] = hopsOf(house);
    assert.deepEqual(hop?.split(", ").sort(), ["other.example:25 may", "router.example:587 verify as listed"]);
  });
});

suite("an open connection", () => {
  const changed = [
    ["password", { sealedPassword: "sealed:new" }, ["*AUTO"]],
    ["user", { user: "someone else" }, ["*AUTO"]],
    ["method", {}, ["*LOGIN"]],
  ] as const;
  for (const [what, of, method] of changed) {
    test(`serves no mail after a change of its ${what}`, async () => {
      assert.ok(HOSTAUTH.value.kind === "host-credentials");
      const house = await started();
      const texts = { ACTION: ["*RELAY"], RLYHOST: ["smart.example:587"] };
      route(house, { SMART: texts });
      house.entries = [HOSTAUTH];
      for (let i = 0; i < 2; i++) {
        await house.accept(["u@far.example"]);
        await house.settle();
      }
      house.entries = [{ ...HOSTAUTH, value: { ...HOSTAUTH.value, ...of } }];
      route(house, { SMART: { ...texts, AUTHMTH: method } });
      await house.accept(["u@far.example"]);
      await house.settle();
      const [first, second, third] = house.transport.sent.map(({ hop }) => hop.connectionsKey);
      assert.equal(first, second);
      assert.notEqual(second, third);
    });
  }
});

suite("a route that holds", () => {
  const HOLD = { REVIEW: { RCPDMN: ["far.example"], ACTION: ["*HOLD"], TLS: ["*ENCRYPT"] } };

  test("keeps the whole message, with the reason, until it is released", async () => {
    const house = await started();
    route(house, HOLD);
    const { id } = await house.accept(["u@far.example", "u@near.example"]);
    await house.settle();
    await house.pass(6 * 24 * HOUR_MS, HOUR_MS);
    assert.deepEqual(sentTo(house), []);
    const held = await house.deliverer.find(id);
    assert.equal(held?.state, "held");
    assert.equal(held.message.outcomes[0]?.reply.text[0], "Route REVIEW holds it until it is released (RLSSMTPEMM)");
    assert.equal(held.message.outcomes[0].route, "REVIEW");
    assert.equal(await house.deliverer.release({ ids: [id] }, "QSECOFR"), 1);
    await house.settle();
    assert.deepEqual(sentTo(house).sort(), [
      "REVIEW/mx:far.example <sender@inside.example> u@far.example",
      "mx:near.example <sender@inside.example> u@near.example",
    ]);
  });

  test("holds what is in the queue already when its turn comes", async () => {
    const house = await started();
    house.transport.trouble = () => AWAY;
    const { id } = await house.accept(["u@far.example"]);
    await house.settle();
    house.transport.trouble = () => null;
    route(house, HOLD);
    await house.pass(HOUR_MS);
    assert.equal((await house.deliverer.find(id))?.state, "held");
    assert.equal(house.transport.sent.length, 1);
  });

  test("holds again after a start, and lets go for ever what was released before it", async () => {
    const house = await started();
    route(house, HOLD);
    const kept = await house.accept(["kept@far.example"]);
    const freed = await house.accept(["freed@far.example"]);
    house.transport.trouble = () => AWAY;
    await house.settle();
    await house.deliverer.release({ ids: [freed.id] }, "QSECOFR");
    await house.settle();
    await house.deliverer.stop(0);
    const next = new House({}, house.spool, freed.id);
    route(next, HOLD);
    await next.deliverer.start();
    await next.pass(HOUR_MS);
    assert.deepEqual(sentTo(next), ["REVIEW/mx:far.example <sender@inside.example> freed@far.example"]);
    assert.equal((await next.deliverer.find(kept.id))?.state, "held");
  });
});

test("a sender, a client and a report of our own find their routes", async () => {
  const house = await started();
  route(house, {
    CLIENT: { CLTADR: ["127.0.0.0/8"], ACTION: ["*RELAY"], RLYHOST: ["client.example"] },
    SENDER: { SNDADR: ["erp@inside.example"], ACTION: ["*RELAY"], RLYHOST: ["sender.example"] },
    REPORTS: { SNDADR: ["<>"], ACTION: ["*RELAY"], RLYHOST: ["reports.example"] },
  });
  house.transport.answer = (recipient) => (recipient === "nobody@far.example" ? NO_USER : OK);
  await house.accept(["a@far.example"]);
  await house.accept(["b@far.example"], { reversePath: mailbox("ERP@inside.example") });
  await house.accept(["nobody@far.example"]);
  await house.pass(HOUR_MS);
  assert.deepEqual(sentTo(house), [
    "CLIENT/relay <sender@inside.example> a@far.example",
    "SENDER/relay <ERP@inside.example> b@far.example",
    "CLIENT/relay <sender@inside.example> nobody@far.example",
    "REPORTS/relay <> sender@inside.example",
  ]);
});

test("RATEMIN paces a burst: never more in any minute, nothing is refused, others do not wait", async () => {
  const house = await started();
  route(house, { SLOW: { RCPDMN: ["paced.example"], RATEMIN: ["30"] } });
  const times: number[] = [];
  house.transport.answer = (recipient) => {
    if (recipient.endsWith("@paced.example")) times.push(house.clock.now());
    return OK;
  };
  for (let n = 0; n < 100; n++) await house.accept([`u${n}@paced.example`]);
  await house.accept(["u@free.example"]);
  await house.settle();
  assert.equal(times.length, 30);
  assert.ok(house.transport.sent.some(({ key }) => key === "mx:free.example"));
  const waiting = await house.deliverer.list({ states: ["deferred"] }, 1_000);
  assert.equal(waiting.length, 70);
  assert.ok(waiting.every(({ waitsFor }) => waitsFor === "30 a minute"));
  assert.equal(house.deliverer.hops(10).find(({ key }) => key.startsWith("SLOW/"))?.waitsFor, "30 a minute");
  await house.pass(5 * MINUTE_MS, 1_000);
  assert.equal((await house.spool.counts()).queued, 0);
  for (const from of times) {
    assert.ok(times.filter((at) => at >= from && at < from + MINUTE_MS).length <= 30);
  }
  assert.equal(times.length, 100);
});
