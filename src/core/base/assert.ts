/** A broken promise of our own code. Nobody catches it to go on: the process ends and the queue is recovered at the next start. */
export class AssertionFault extends Error {
  override readonly name = "AssertionFault";
}

export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new AssertionFault(promise);
}

/** Whether what was thrown is a fault of our own code. Everything else is trouble of the world outside, and work goes on. */
export function isBug(fault: unknown): boolean {
  return fault instanceof AssertionFault || fault instanceof TypeError || fault instanceof ReferenceError;
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionFault(`unreachable: ${String(value)}`);
}
