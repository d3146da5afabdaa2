import type { Chance } from "../sim/chance.ts";

const SMALL_OCTETS = 8_192;
const TIMES = 8;
/** Linear work on the large input is far below this, quadratic work on it far above. */
const UNSUSPICIOUS_MS = 12;
const ROUNDS = 5;

/**
 * Repeats a piece of the input until it has 8 KiB and 64 KiB, and says so where the second takes much more than eight times as long.
 * Processor time counts, not time on the wall, and the best of five: others on the machine do not make work superlinear.
 */
export function growthFault(work: (input: Uint8Array) => void, input: Uint8Array, chance: Chance): string | null {
  if (input.length === 0) return null;
  const from = chance.below(input.length);
  const to = from + 1 + chance.below(Math.min(chance.pick([1, 3, 12, 200]), input.length - from));
  const large = grown(input, from, to, SMALL_OCTETS * TIMES);
  if (processorMs(() => work(large)) < UNSUSPICIOUS_MS) return null;
  const small = grown(input, from, to, SMALL_OCTETS);
  let smallMs = Infinity;
  let largeMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    smallMs = Math.min(
      smallMs,
      processorMs(() => work(small)),
    );
    largeMs = Math.min(
      largeMs,
      processorMs(() => work(large)),
    );
    if (largeMs < UNSUSPICIOUS_MS || largeMs < smallMs * TIMES * 3) return null;
  }
  const piece = JSON.stringify(Buffer.from(input.subarray(from, to)).toString("latin1"));
  return `superlinear: ${smallMs.toFixed(1)} ms for ${small.length} octets of ${piece}, ${largeMs.toFixed(1)} ms for ${large.length}`;
}

/** The input with its octets `from` to `to` there again and again. */
function grown(input: Uint8Array, from: number, to: number, octets: number): Uint8Array {
  const times = Math.ceil(octets / (to - from));
  const piece = input.subarray(from, to);
  return Buffer.concat([input.subarray(0, from), ...Array.from({ length: times }, () => piece), input.subarray(to)]);
}

function processorMs(task: () => void): number {
  const before = process.cpuUsage();
  task();
  return process.cpuUsage(before).user / 1_000;
}
