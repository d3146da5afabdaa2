import type { Chance } from "../sim/chance.ts";

const SMALL_OCTETS = 8_192;
const TIMES = 8;
/** Linear work on the large input is mostly below this. */
const UNSUSPICIOUS_MS = 12;
/** Above this there is no doubt; below it, an input once more as large tells whether another way was taken or there is no end to it. */
const BEYOND_DOUBT_MS = 100;
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
  const ratio = ratioOf(work, small, large);
  if (ratio === null || !ratio.superlinear) return null;
  if (ratio.largeMs < BEYOND_DOUBT_MS) {
    const huge = ratioOf(work, large, grown(input, from, to, SMALL_OCTETS * TIMES * TIMES));
    if (huge === null || !huge.superlinear) return null;
  }
  const piece = JSON.stringify(Buffer.from(input.subarray(from, to)).toString("latin1"));
  return `superlinear: ${small.length} octets of ${piece}, ${large.length} of them ${ratio.largeMs.toFixed(1)} ms`;
}

interface Ratio {
  readonly superlinear: boolean;
  readonly largeMs: number;
}

/** Null where the large input is nothing to speak of. */
function ratioOf(work: (input: Uint8Array) => void, small: Uint8Array, large: Uint8Array): Ratio | null {
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
    if (largeMs < UNSUSPICIOUS_MS) return null;
    if (largeMs < smallMs * TIMES * 3) return { superlinear: false, largeMs };
  }
  return { superlinear: true, largeMs };
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
