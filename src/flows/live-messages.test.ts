import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../tests/delivery/house.ts";
import { LiveMessages } from "./live-messages.ts";

test("a message that was let go between its reading and its use is the one that everybody gets", async () => {
  const house = new House();
  const message = house.message(["a@one.example"]);
  await house.spool.put(message);
  const lives = new LiveMessages(house.spool, 1_500, () => ["mx:one.example"]);
  const loading = lives.load(message.id);
  while (!lives.get(message.id)) await Promise.resolve();
  // Another one comes in, and there is no room for both.
  lives.keep(house.message(["b@one.example"]));
  assert.equal(lives.get(message.id), undefined);
  const live = await loading;
  assert.ok(live);
  lives.begin(live);
  assert.equal(lives.get(message.id), live);
  assert.equal(await lives.load(message.id), live);
  live.active--;
  lives.drop(live);
  assert.equal(lives.get(message.id), undefined);
});
