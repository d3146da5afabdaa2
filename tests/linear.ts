import assert from "node:assert/strict";

const ROUNDS = 50;
const TIMES = 8;

/**
 * Fails where eight times the input takes much more than eight times as long. The best of several rounds counts on either side,
 * taken by turns, so that a busy machine slows both or neither; a quadratic task takes 64 times as long. `size` should be large
 * enough for a task of some tenths of a millisecond.
 */
export function assertLinear(title: string, size: number, task: (size: number) => void): void {
  // Compiled before it is measured: code that is slow at first would make the small input look slow.
  for (let round = 0; round < 3; round++) task(size * TIMES);
  let small = Infinity;
  let large = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    small = Math.min(
      small,
      elapsedMs(() => task(size)),
    );
    large = Math.min(
      large,
      elapsedMs(() => task(size * TIMES)),
    );
    if (isLinear(small, large)) return;
  }
  assert.fail(`${title}: ${small.toFixed(3)} ms for ${size}, ${large.toFixed(3)} ms for ${TIMES} times as much`);
}

/** What is over at once in either size is measured too roughly to say more. */
function isLinear(smallMs: number, largeMs: number): boolean {
  return largeMs < Math.max(smallMs, 0.05) * TIMES * 3;
}

function elapsedMs(task: () => void): number {
  const begun = performance.now();
  task();
  return performance.now() - begun;
}
