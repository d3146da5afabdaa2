import assert from "node:assert/strict";
import { test } from "node:test";
import { mailbox } from "../../tests/delivery/house.ts";
import { IPV4_LOOPBACK } from "../core/mail/ip.ts";
import { DEFAULT_ATTRIBUTES } from "../core/policy/policy.ts";
import { RouteTable } from "../core/policy/route-table.ts";
import { testMessage } from "./test-route.ts";
import { Routing, type DeliveryPolicy } from "./routing.ts";

test("the local domains of the configuration have their own next hop before anybody changed the policy", () => {
  const untouched: DeliveryPolicy = {
    version: 0,
    attributes: DEFAULT_ATTRIBUTES,
    routes: RouteTable.EMPTY,
    isLocal: () => true,
    isNear: () => false,
  };
  const configuration = {
    mode: "smarthost",
    smarthost: { host: "smtp.example", port: 587 },
    local: { host: "mail.example", port: 25 },
    tls: "may",
    credentials: null,
  } as const;
  const ways = (policy: DeliveryPolicy | null): readonly string[] =>
    new Routing(
      configuration,
      () => policy,
      () => false,
      () => 0,
    ).keysOf(testMessage(null, mailbox("u@inside.example"), IPV4_LOOPBACK, 0));
  assert.deepEqual(ways(untouched), ["local:mail.example:25"]);
  assert.deepEqual(ways(null), ["smarthost:smtp.example:587"]);
});
