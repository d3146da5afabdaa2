import assert from "node:assert/strict";
import test from "node:test";
import { AuthBackoff } from "./auth-backoff.ts";

test("AuthBackoff makes the attempts of one client wait for each other, longer each time up to its limit", () => {
  const backoff = new AuthBackoff(100, 5_000);
  const delays: number[] = [];
  for (let i = 0; i < 9; i++) {
    delays.push(backoff.delayMs("a", `user${i}`, 0));
    backoff.failed("a", `user${i}`, 0);
  }
  assert.deepEqual(delays, [0, 0, 0, 500, 1_500, 3_500, 7_500, 12_500, 17_500]);
  assert.equal(backoff.delayMs("b", "user0", 0), 0);
});

test("AuthBackoff makes nobody queue for an account that others guess at", () => {
  const backoff = new AuthBackoff(1_000, 5_000);
  for (let i = 0; i < 50; i++) backoff.failed(`client${i}`, "owner", 0);
  assert.equal(backoff.delayMs("home", "owner", 0), 5_000);
  assert.equal(backoff.delayMs("home", "owner", 0), 5_000);
  backoff.succeeded("owner");
  assert.equal(backoff.delayMs("home", "owner", 0), 0);
});

test("AuthBackoff forgets in time, and the longest untouched first when it is full", () => {
  const backoff = new AuthBackoff(2, 5_000);
  for (let i = 0; i < 4; i++) backoff.failed("a", "x", 0);
  assert.ok(backoff.delayMs("a", "y", 0) > 0);
  assert.equal(backoff.delayMs("a", "y", 16 * 60_000), 0);
  for (let i = 0; i < 4; i++) backoff.failed("a", "x", 0);
  backoff.failed("b", "y", 0);
  backoff.failed("c", "z", 0);
  assert.equal(backoff.delayMs("a", "w", 0), 0);
});
