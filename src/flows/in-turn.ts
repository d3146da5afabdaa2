/** Does tasks one after the other, in the order in which they were handed in; one that fails is in nobody's way. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#last.then(task);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Resolves when all that was handed in so far is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
