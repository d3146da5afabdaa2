import { Chance } from "../sim/chance.ts";
import { growthFault } from "./growth.ts";
import { mutate, spliced } from "./mutate.ts";
import { readCorpus, type Target } from "./target.ts";

export interface Finding {
  readonly input: Uint8Array;
  readonly fault: string;
}

export interface Outcome {
  readonly cases: number;
  readonly finding: Finding | null;
}

export interface Bounds {
  readonly seed: number;
  readonly casesMax: number;
  /** Of the process's own time. */
  readonly forMs: number;
}

/** Every so many cases one is tried for what it costs when it grows. */
const GROWTH_EVERY = 100;

/** Tries cases until one breaks what must hold, or the bounds are reached. The same seed makes the same cases. */
export async function fuzz(target: Target, { seed, casesMax, forMs }: Bounds): Promise<Outcome> {
  const corpus = readCorpus(target);
  const endsAt = performance.now() + forMs;
  let cases = 0;
  for (; cases < casesMax && performance.now() < endsAt; cases++) {
    const chance = new Chance(seed * 1_000_003 + cases);
    const input = mutate(chance, corpus, target.words);
    const cutBy = chance.uint32();
    const fault = await faultOf(target, input, cutBy);
    if (fault !== null) return { cases, finding: await shortened(target, { input, fault }, cutBy) };
    if (target.work === undefined || cases % GROWTH_EVERY !== GROWTH_EVERY - 1) continue;
    const grown = growthFault(target.work, input, chance);
    if (grown !== null) return { cases, finding: { input, fault: grown } };
  }
  return { cases, finding: null };
}

/** What the target says of an input, null where all holds. */
export async function faultOf(target: Target, input: Uint8Array, cutBy: number): Promise<string | null> {
  try {
    const done = target.check(input, new Chance(cutBy));
    if (done !== undefined) await done;
    return null;
  } catch (fault) {
    return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
  }
}

const TRIES_MAX = 2_000;

/** Drops ranges, half of the input first, single octets last, as long as something is still wrong. */
async function shortened(target: Target, found: Finding, cutBy: number): Promise<Finding> {
  let { input, fault } = found;
  let tries = 0;
  for (let length = Math.ceil(input.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let from = 0; from < input.length && tries < TRIES_MAX;) {
      tries++;
      const shorter = spliced(input, from, Math.min(length, input.length - from), new Uint8Array(0));
      const still = await faultOf(target, shorter, cutBy);
      if (still === null) from += length;
      else [input, fault] = [shorter, still];
    }
  }
  return { input, fault };
}
