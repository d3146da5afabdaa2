import assert from "node:assert/strict";
import { test } from "node:test";
import { ipv4, IPV4_LOOPBACK } from "../../core/mail/ip.ts";
import { openConsole } from "./console.ts";

test("openConsole() answers whether the program lives and takes mail", async () => {
  let ready = false;
  const opened = await openConsole({ address: IPV4_LOOPBACK, port: 0 }, () => ({ live: true, ready }));
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
  const first = await openConsole({ address: IPV4_LOOPBACK, port: 0 }, health);
  assert.ok(first.ok);
  const port = Number(first.value.bound.split(":")[1]);
  const second = await openConsole({ address: IPV4_LOOPBACK, port }, health);
  assert.match(second.ok ? "" : second.error, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
  await first.value.close();
  const strange = await openConsole({ address: ipv4(0xc0000201), port: 0 }, health);
  assert.match(strange.ok ? "" : strange.error, /loopback/);
});
