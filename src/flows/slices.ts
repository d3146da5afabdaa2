import type { Operations } from "./operations.ts";

/** Work goes on for so long before everything else has its turn. */
const SLICE_MS = 5;
/** Steps between two looks at the clock. */
const STEPS = 8;

/** Takes the steps of long work one after the other, in slices: mail flows in between. Gives back what the work came to. */
export async function inSlices<T, R>(
  { now, pause }: Pick<Operations, "now" | "pause">,
  steps: Iterator<T, R>,
  take: (step: T) => void = () => undefined,
): Promise<R> {
  let end = now() + SLICE_MS;
  for (let taken = 1; ; taken++) {
    const step = steps.next();
    if (step.done) return step.value;
    take(step.value);
    if (taken % STEPS !== 0) continue;
    const at = now();
    // A clock that was set back does not make a slice longer.
    if (at < end && at >= end - SLICE_MS) continue;
    await pause();
    end = now() + SLICE_MS;
  }
}
