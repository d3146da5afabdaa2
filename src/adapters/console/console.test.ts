import assert from "node:assert/strict";
import { test } from "node:test";
import { ipv4, IPV4_LOOPBACK } from "../../core/mail/ip.ts";
import type { Measures } from "../../flows/measure.ts";
import { openConsole } from "./console.ts";

const meter = async (): Promise<Measures> => ({
  status: {
    pid: 1,
    version: "1.0.0",
    hostname: "relay.example",
    startedAt: Date.UTC(2026, 10, 24),
    active: true,
    listeners: [],
    deliveryMode: "mx",
    dataDirectory: "/data",
    localDomains: [],
    certificate: "self-signed",
    certificateExpiresAt: Date.UTC(2036, 10, 21),
    warnings: ["one"],
  },
  queue: {
    queued: 6,
    ready: 1,
    active: 2,
    deferred: 3,
    held: 0,
    captured: 4,
    oldestAt: Date.UTC(2026, 10, 24),
    connectionsOut: 5,
    reportsWithheld: 0,
    hops: { open: 1, slowed: 0 },
  },
  policyVersion: 42,
  sessions: 7,
});

test("openConsole() answers whether the program lives and takes mail", async () => {
  let ready = false;
  const opened = await openConsole({ address: IPV4_LOOPBACK, port: 0 }, () => ({ live: true, ready }), meter);
  assert.ok(opened.ok);
  const get = async (path: string) => (await fetch(`http://${opened.value.bound}${path}`)).status;
  assert.equal(await get("/health/live"), 200);
  assert.equal(await get("/health/ready"), 503);
  ready = true;
  assert.equal(await get("/health/ready"), 200);
  assert.equal(await get("/"), 404);
  await opened.value.close();
});

test("openConsole() names an address in use and refuses one that is not loopback", async () => {
  const health = () => ({ live: true, ready: true });
  const first = await openConsole({ address: IPV4_LOOPBACK, port: 0 }, health, meter);
  assert.ok(first.ok);
  const port = Number(first.value.bound.split(":")[1]);
  const second = await openConsole({ address: IPV4_LOOPBACK, port }, health, meter);
  assert.match(second.ok ? "" : second.error, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
  await first.value.close();
  const strange = await openConsole({ address: ipv4(0xc0000201), port: 0 }, health, meter);
  assert.match(strange.ok ? "" : strange.error, /loopback/);
});

test("/metrics tells Prometheus of the queue, the policy and the certificate", async () => {
  const opened = await openConsole({ address: IPV4_LOOPBACK, port: 0 }, () => ({ live: true, ready: true }), meter);
  assert.ok(opened.ok);
  const answer = await fetch(`http://${opened.value.bound}/metrics`);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = (await answer.text()).trimEnd().split("\n");
  for (const line of lines)
    assert.match(line, /^(?:# (?:HELP|TYPE) relaykeeper_\w+ .+|relaykeeper_\w+(?:\{\w+="\w+"\})? \d+)$/);
  for (const line of [
    "relaykeeper_up 1",
    `relaykeeper_certificate_expiry_seconds ${Date.UTC(2036, 10, 21) / 1_000}`,
    "relaykeeper_policy_version 42",
    'relaykeeper_queue_messages{state="deferred"} 3',
    'relaykeeper_next_hops{state="open"} 1',
    "relaykeeper_sessions 7",
  ]) {
    assert.ok(lines.includes(line), line);
  }
  await opened.value.close();
});
