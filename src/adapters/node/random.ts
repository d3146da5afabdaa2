import { randomFillSync } from "node:crypto";
import type { Random } from "../../core/base/time.ts";

/** Words that are drawn at once: one call to the system serves many. */
const BATCH = 1_024;

/** Chance from the system's generator, good enough for secrets. */
export function systemRandom(): Random {
  const words = new Uint32Array(BATCH);
  let next = BATCH;
  return {
    uint32() {
      if (next === BATCH) {
        randomFillSync(words);
        next = 0;
      }
      return words[next++] ?? 0;
    },
  };
}
