import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "../adapters/memory/clock.ts";
import { MemoryBudget } from "./memory-budget.ts";

const BLOCK = 65_536;

/** A budget where content may use ten blocks; those and one more are used, with `waiting` sessions in line; `called` are those that were called, in order. */
async function crowded(waiting: number) {
  const clock = new ManualClock();
  const budget = new MemoryBudget((10 * BLOCK) / 0.75, clock);
  budget.usedOctets = 11 * BLOCK;
  const called: number[] = [];
  for (let i = 0; i < waiting; i++) void budget.room().then(() => called.push(i));
  const settled = async (): Promise<readonly number[]> => {
    await new Promise(setImmediate);
    return [...called];
  };
  return { budget, clock, settled };
}

test("while there is room nobody waits", async () => {
  const budget = new MemoryBudget(4 * BLOCK, new ManualClock());
  budget.usedOctets = 3 * BLOCK;
  await budget.room();
});

test("who waits is called in order, as many as there is room for a block of", async () => {
  const { budget, settled } = await crowded(5);
  budget.usedOctets -= BLOCK;
  assert.deepEqual(await settled(), []);
  budget.usedOctets -= 2 * BLOCK;
  assert.deepEqual(await settled(), [0, 1]);
  // They have not read yet: their room is not given away again.
  budget.usedOctets -= 100;
  assert.deepEqual(await settled(), [0, 1]);
  budget.usedOctets += 2 * BLOCK;
  budget.usedOctets -= BLOCK;
  assert.deepEqual(await settled(), [0, 1, 2]);
});

test("where nobody lets go, one a second is called all the same", async () => {
  const { clock, settled } = await crowded(3);
  assert.deepEqual(await settled(), []);
  clock.advance(1_000);
  assert.deepEqual(await settled(), [0]);
  clock.advance(1_000);
  clock.advance(1_000);
  assert.deepEqual(await settled(), [0, 1, 2]);
  assert.equal(clock.waiting, 0);
});
