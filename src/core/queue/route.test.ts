import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../adapters/memory/random.ts";
import type { Domain } from "../mail/domain.ts";
import { formatHostPort, parseHostPort } from "../mail/host-port.ts";
import { parseIpAddress, type IpAddress } from "../mail/ip.ts";
import type { MailboxHost } from "../mail/mailbox.ts";
import {
  isUnusable,
  orderByWeight,
  ruleOfKey,
  type ChosenRoute,
  orderExchanges,
  parseRouteKey,
  routeOf,
  serversOf,
  type OwnIdentity,
  type RoutingRules,
} from "./route.ts";

const SMARTHOST = { host: "smart.example", port: 587 };
const ROUTER = { host: "router.example", port: 25 };
const HUB = { host: "hub.example", port: 25 };
const LOCAL = { host: "192.0.2.25", port: 2525 };

function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function rules(given: Partial<RoutingRules>): RoutingRules {
  return {
    mode: "mx",
    smarthost: null,
    local: null,
    mailRouter: null,
    hub: null,
    firewall: false,
    isLocal: (domain) => domain === "inside.example",
    isNear: (domain) => domain === "near.example",
    isOwnAddress: (address) => address.family === 4 && address.bits === 0xc0000201,
    ...given,
  };
}

test("routeOf() finds the way of a recipient", () => {
  const to = (name: string): MailboxHost =>
    name.startsWith("[")
      ? { kind: "literal", address: ip(name.slice(1, -1)) }
      : { kind: "domain", domain: name as Domain };
  const cases: [Partial<RoutingRules>, string, string][] = [
    [{}, "far.example", "mx:far.example"],
    [{}, "inside.example", "mx:inside.example"],
    [{}, "[192.0.2.7]", "literal:[192.0.2.7]"],
    [{}, "[2001:db8::7]", "literal:[IPv6:2001:db8::7]"],
    [{ local: LOCAL }, "inside.example", "local:192.0.2.25:2525"],
    [{ local: LOCAL }, "[192.0.2.1]", "local:192.0.2.25:2525"],
    [{ local: LOCAL }, "[192.0.2.7]", "literal:[192.0.2.7]"],
    [{ mode: "smarthost", smarthost: SMARTHOST }, "far.example", "smarthost:smart.example:587"],
    [{ mode: "smarthost", smarthost: SMARTHOST }, "[192.0.2.7]", "smarthost:smart.example:587"],
    [{ mode: "smarthost", smarthost: SMARTHOST }, "inside.example", "smarthost:smart.example:587"],
    [{ mode: "smarthost", smarthost: SMARTHOST, local: LOCAL }, "inside.example", "local:192.0.2.25:2525"],
    [{ mode: "smarthost", smarthost: SMARTHOST, mailRouter: ROUTER }, "far.example", "smarthost:router.example:25"],
    [{ mode: "smarthost" }, "far.example", "none"],
    [{ smarthost: SMARTHOST }, "far.example", "mx:far.example"], // mode mx does not use it
    [{ mailRouter: ROUTER }, "far.example", "smarthost:router.example:25"],
    [{ mailRouter: ROUTER }, "near.example", "smarthost:router.example:25"],
    [{ mailRouter: ROUTER, firewall: true }, "near.example", "mx:near.example"],
    [{ mailRouter: ROUTER, firewall: true }, "far.example", "smarthost:router.example:25"],
    [{ hub: HUB, mailRouter: ROUTER }, "far.example", "smarthost:hub.example:25"],
    [{ hub: HUB, mailRouter: ROUTER, firewall: true }, "near.example", "smarthost:hub.example:25"],
    [{ hub: HUB, local: LOCAL }, "inside.example", "local:192.0.2.25:2525"],
    [{ mode: "capture", local: LOCAL, mailRouter: ROUTER }, "inside.example", "capture"],
  ];
  for (const [given, name, key] of cases) {
    const route = routeOf(to(name), rules(given));
    assert.equal(route.key, key, `${name} under ${JSON.stringify(given)}`);
    assert.deepEqual(parseRouteKey(key), route, "a key leads back to its route");
  }
});

test("a route of the policy goes before all but mode capture, and leaves local mail alone where it is for everybody", () => {
  const chosen = (kind: ChosenRoute["action"]["kind"], recipient: unknown = "far.example"): ChosenRoute => ({
    name: "R1",
    match: { recipient },
    action: { kind },
  });
  const cases: [Partial<RoutingRules>, ChosenRoute, string, string][] = [
    [{ mode: "capture" }, chosen("relay"), "far.example", "capture"],
    [{ mode: "capture" }, chosen("refuse"), "far.example", "capture"],
    [{ mailRouter: ROUTER }, chosen("relay"), "far.example", "R1/relay"],
    [{ mailRouter: ROUTER }, chosen("mx"), "far.example", "R1/mx:far.example"],
    [{ mailRouter: ROUTER }, chosen("default"), "far.example", "R1/smarthost:router.example:25"],
    [{ local: LOCAL }, chosen("local"), "far.example", "R1/local:192.0.2.25:2525"],
    [{}, chosen("local"), "far.example", "R1/no-local"],
    [{}, chosen("hold"), "far.example", "R1/hold"],
    [{}, chosen("refuse"), "far.example", "R1/refuse"],
    [{}, chosen("capture"), "far.example", "capture"],
    [{ local: LOCAL }, chosen("relay", null), "inside.example", "local:192.0.2.25:2525"],
    [{ local: LOCAL }, chosen("mx", null), "inside.example", "local:192.0.2.25:2525"],
    [{ local: LOCAL }, chosen("default", null), "inside.example", "local:192.0.2.25:2525"],
    [{ local: LOCAL }, chosen("hold", null), "inside.example", "R1/hold"],
    [{ local: LOCAL }, chosen("relay", "inside.example"), "inside.example", "R1/relay"],
    [{}, chosen("relay", null), "inside.example", "R1/relay"],
  ];
  for (const [given, route, name, key] of cases) {
    const found = routeOf({ kind: "domain", domain: name as Domain }, rules(given), route);
    assert.equal(found.key, key, `${route.action.kind} to ${name} under ${JSON.stringify(given)}`);
    assert.deepEqual(parseRouteKey(key), found, "a key leads back to its route");
    assert.equal(ruleOfKey(key), found.rule);
  }
});

test("orderByWeight() puts each host first as often as its weight says, and fallback hosts last", () => {
  const hosts = [
    { name: "spare", weight: 0 },
    { name: "two", weight: 2 },
    { name: "one", weight: 1 },
    { name: "last", weight: 0 },
  ];
  const random = new SeededRandom(3);
  const first = new Map<string, number>();
  for (let i = 0; i < 3_000; i++) {
    const [name = "", , ...rest] = orderByWeight(hosts, random).map((host) => host.name);
    assert.deepEqual(rest, ["spare", "last"]);
    first.set(name, (first.get(name) ?? 0) + 1);
  }
  assert.deepEqual([...first.keys()].sort(), ["one", "two"]);
  assert.ok(Math.abs((first.get("two") ?? 0) - 2_000) < 100, `${first.get("two")}`);
});

test("parseHostPort() reads what operators write", () => {
  const cases: [string, string | null][] = [
    ["smtp.example.net:587", "smtp.example.net:587"],
    ["SMTP.Example.Net.", "smtp.example.net:25"],
    ["192.0.2.1", "192.0.2.1:25"],
    ["[192.0.2.1]:26", "192.0.2.1:26"],
    ["[2001:db8::1]:25", "[2001:db8::1]:25"],
    ["[IPv6:2001:db8::1]", "[2001:db8::1]:25"],
    ["mailhost", "mailhost:25"],
    ["", null],
    [":25", null],
    ["host:0", null],
    ["host:65536", null],
    ["host:abc", null],
    ["[host]:25", null],
    ["host\r\nX: y", null],
    ["2001:db8::1", null], // where would the port begin?
  ];
  for (const [text, expected] of cases) {
    const parsed = parseHostPort(text);
    assert.equal(parsed.ok ? formatHostPort(parsed.value) : null, expected, text);
  }
});

const own: OwnIdentity = {
  isOwnName: (host) => host === "relay.example",
  isOwnAddress: (address) => address.family === 4 && address.bits === 0xc0000201,
};

test("orderExchanges() drops ourselves and all that is not nearer (RFC 5321 §5.1)", () => {
  const order = (list: [number, string][]): string[] =>
    orderExchanges(
      list.map(([preference, host]) => ({ preference, host })),
      own,
      new SeededRandom(1),
    ).map(({ host }) => host);
  assert.deepEqual(order([[20, "b.example"], [10, "a.example"]]), ["a.example", "b.example"]); // prettier-ignore
  assert.deepEqual(order([[10, "a.example"], [20, "relay.example"], [20, "b.example"], [30, "c.example"]]), ["a.example"]); // prettier-ignore
  assert.deepEqual(
    order([
      [10, "relay.example"],
      [20, "a.example"],
    ]),
    [],
  );
  assert.equal(order(Array.from({ length: 5_000 }, (_, i) => [i, `h${i}.example`])).length, 10);
});

test("serversOf() never leads back to this machine", () => {
  const at = (preference: number, host: string, ...addresses: string[]): Parameters<typeof serversOf>[0][number] => ({
    exchange: { preference, host },
    addresses: addresses.map(ip),
  });
  const good = serversOf([at(10, "a.example", "192.0.2.7", "2001:db8::7"), at(20, "b.example", "192.0.2.8")], own);
  assert.deepEqual(good.ok && good.value.map(({ host, port }) => `${host}:${port}`), [
    "a.example:25",
    "a.example:25",
    "b.example:25",
  ]);
  for (const bad of ["192.0.2.1", "127.0.0.1", "0.0.0.0", "::1", "::", "224.0.0.1"]) {
    const loop = serversOf([at(10, "a.example", bad), at(20, "b.example", "192.0.2.8")], own);
    assert.deepEqual(loop, { ok: false, error: "loop" }, bad);
    const nearer = serversOf([at(5, "near.example", "192.0.2.8"), at(10, "a.example", bad)], own);
    assert.ok(nearer.ok && nearer.value.length === 1, bad);
  }
  assert.deepEqual(serversOf([at(10, "a.example")], own), { ok: true, value: [] });
  assert.equal(isUnusable(ip("192.0.2.8")), false);
});
