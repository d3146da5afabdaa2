import { assert } from "../base/assert.ts";
import type { Instant } from "../base/time.ts";
import type { QueueId } from "./message.ts";

/** Ids of one millisecond, so that an id says roughly when it was given: 2^43 ms reach to the year 2248. */
const IDS_PER_MS = 1_024;

/**
 * Gives queue ids that only grow: by the clock, and never at or below `highest`, the highest one the store ever kept, so that
 * an id is not given twice when the clock was set back between two starts.
 */
export function createQueueIds(clock: { now(): Instant }, highest: number): () => QueueId {
  let last = highest;
  return () => {
    last = Math.max(last + 1, clock.now() * IDS_PER_MS);
    assert(Number.isSafeInteger(last), "queue ids are safe integers");
    return last as QueueId;
  };
}
