import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { routeRule } from "../../../tests/policy/route-arbitrary.ts";
import { decodeValue, encodeValue } from "./record-json.ts";
import { formatRoute, parseRoute, type RouteTexts } from "./route-fields.ts";
import { DEFAULT_ROUTE } from "./route-rule.ts";

test("a route as texts and back is the same route, and what is as by default has no text", () => {
  fc.assert(
    fc.property(routeRule, (route) => {
      const texts = formatRoute(route);
      const again = parseRoute(route.name, texts);
      assert.deepEqual(again.ok && again.value, route);
    }),
  );
  assert.deepEqual(formatRoute(DEFAULT_ROUTE), {});
});

test("a route goes through the log and comes back", () => {
  fc.assert(
    fc.property(routeRule, (route) => {
      const encoded = JSON.parse(JSON.stringify(encodeValue({ kind: "route", route }))) as unknown;
      assert.deepEqual(decodeValue(encoded), { kind: "route", route });
    }),
  );
});

test("a field that a newer program wrote is refused, not lost", () => {
  assert.throws(() => decodeValue(["route", "A", "COLOUR=*RED"]), /COLOUR=\*RED.* is not known/);
});

const FAULTS: readonly (readonly [what: string, name: string, texts: RouteTexts, field: string])[] = [
  ["a name with a blank", "A B", {}, "RTE"],
  ["no name", "", {}, "RTE"],
  ["33 characters", "A".repeat(33), {}, "RTE"],
  ["no domain", "A", { RCPDMN: ["partner..example"] }, "RCPDMN"],
  ["no address", "A", { SNDADR: ["a b@example.com"] }, "SNDADR"],
  ["a mask with holes", "A", { CLTADR: ["10.0.0.0/33"] }, "CLTADR"],
  ["an action that is none", "A", { ACTION: ["*DROP"] }, "ACTION"],
  ["no host for *RELAY", "A", { ACTION: ["*RELAY"] }, "RLYHOST"],
  ["a host for *MX", "A", { ACTION: ["*MX"], RLYHOST: ["smtp.example:25"] }, "RLYHOST"],
  ["only fallback", "A", { ACTION: ["*RELAY"], RLYHOST: ["smtp.example:25 *FALLBACK"] }, "RLYHOST"],
  ["the same host twice", "A", { ACTION: ["*RELAY"], RLYHOST: ["smtp.example:25", "SMTP.example"] }, "RLYHOST"],
  ["a weight too large", "A", { ACTION: ["*RELAY"], RLYHOST: ["smtp.example:25 1001"] }, "RLYHOST"],
  ["exchangers of an address", "A", { ACTION: ["*RELAY"], RLYHOST: ["mx:192.0.2.1"] }, "RLYHOST"],
  ["a pin without TLS(*PIN)", "A", { TLSPIN: ["ab".repeat(32)] }, "TLSPIN"],
  ["TLS(*PIN) without a pin", "A", { TLS: ["*PIN"] }, "TLSPIN"],
  ["half a pin", "A", { TLS: ["*PIN"], TLSPIN: ["ab".repeat(16)] }, "TLSPIN"],
  ["Graph without an account", "A", { PROTOCOL: ["*GRAPH"], ACTION: ["*RELAY"] }, "AUTHACC"],
  ["Graph for mail by MX", "A", { PROTOCOL: ["*GRAPH"], ACTION: ["*MX"], AUTHACC: ["M"] }, "PROTOCOL"],
  ["no connection at all", "A", { MAXCNN: ["0"] }, "MAXCNN"],
  ["two senders", "A", { SNDRWT: ["a@example.com", "b@example.com"] }, "SNDRWT"],
];

for (const [what, name, texts, field] of FAULTS) {
  test(`a route is refused: ${what}`, () => {
    const route = parseRoute(name, texts);
    assert.deepEqual(route.ok ? [] : route.error.map((fault) => fault.field), [field]);
  });
}

test("what is written in other ways is kept in one", () => {
  const route = parseRoute("m365", {
    CLTADR: ["10.1.2.3"],
    ACTION: ["*RELAY"],
    RLYHOST: ["SMTP.Example.NET", "MX:example.net 1"],
    TLS: ["*PIN"],
    TLSPIN: [`AB:${"cd".repeat(31)}`],
    AUTHACC: ["contoso"],
  });
  assert.ok(route.ok);
  assert.equal(route.value.name, "M365");
  assert.deepEqual(formatRoute(route.value), {
    CLTADR: ["10.1.2.3/32"],
    ACTION: ["*RELAY"],
    RLYHOST: ["smtp.example.net:25", "mx:example.net:25"],
    TLS: ["*PIN"],
    TLSPIN: [`ab${"cd".repeat(31)}`],
    AUTHACC: ["CONTOSO"],
  });
});
