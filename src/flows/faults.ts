import type { QueueId } from "../core/queue/message.ts";
import { InTurn } from "./in-turn.ts";

/** Attempts that may end in a fault of ours before a message is held: it must not wear out the rest of the queue. */
export const FAULTS_MAX = 3;

/**
 * Messages whose delivery ended in a fault of our own: an attempt threw, or the relay itself ended while it was under way. Only
 * those, so it stays small.
 */
export class Faults {
  readonly #counts = new Map<QueueId, number>();
  /** Settles when the attempt before the next one of a suspect has ended. */
  readonly #turn = new InTurn();

  /** So many in a row, of this life and those before. */
  of(id: QueueId): number {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(id) ?? 0);
  }

  set(id: QueueId, faults: number): void {
    this.#counts.set(id, faults);
  }

  /** An attempt of the message came to its end, or somebody else answers for it now. */
  forget(id: QueueId): void {
    if (this.#counts.size > 0) this.#counts.delete(id);
  }

  /**
   * Runs an attempt. Messages that are held at the next fault are tried one after the other: where the relay ends meanwhile, this
   * one did it, and not those that happened to be under way beside it.
   */
  attempt(id: QueueId, task: () => Promise<void>): Promise<void> {
    if (this.of(id) < FAULTS_MAX - 1) return task();
    return this.#turn.run(task);
  }
}
