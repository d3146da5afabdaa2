import assert from "node:assert/strict";
import { test } from "node:test";
import { inSlices } from "./slices.ts";

function* count(to: number): Generator<number, string> {
  for (let i = 0; i < to; i++) yield i;
  return "done";
}

async function run(
  stepMs: number,
): Promise<{ readonly taken: number; readonly pauses: number; readonly value: string }> {
  let clock = 1_000;
  let taken = 0;
  let pauses = 0;
  const pause = async (): Promise<void> => void pauses++;
  const value = await inSlices({ now: () => clock, pause }, count(10_000), () => {
    taken++;
    clock += stepMs;
  });
  return { taken, pauses, value };
}

test("inSlices() takes every step and gives back the value", async () => {
  assert.deepEqual(await run(0), { taken: 10_000, pauses: 0, value: "done" });
});

test("inSlices() pauses every few milliseconds, forwards and when the clock goes back", async () => {
  const { taken, pauses } = await run(0.1);
  assert.equal(taken, 10_000);
  assert.ok(pauses >= 150 && pauses <= 210, `${pauses} pauses in a second of work`);
  assert.ok((await run(-1)).pauses > 100);
});
