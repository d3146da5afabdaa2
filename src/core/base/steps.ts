/** Long work, a step at a time: whoever does it can pause between two. */
export type Steps<R> = Generator<undefined, R>;

/** Does all of it at once. */
export function finish<R>(steps: Iterator<unknown, R>): R {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
