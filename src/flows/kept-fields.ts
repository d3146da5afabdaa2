import type { QueueId } from "../core/queue/message.ts";

/**
 * Fields that were made for a message, kept for its next hop and its next attempt while there is room. Those who ask at the same time share one; a
 * fault is not kept.
 */
export class KeptFields {
  readonly #max: number;
  readonly #kept = new Map<QueueId | string, Uint8Array | Promise<Uint8Array>>();
  #generation = -1;

  constructor(max: number) {
    this.#max = max;
  }

  /** What was made under another generation is of no more use. */
  fieldsOf(
    id: QueueId | string,
    generation: number,
    make: () => Promise<Uint8Array>,
  ): Uint8Array | Promise<Uint8Array> {
    if (this.#generation !== generation) {
      this.#generation = generation;
      this.#kept.clear();
    }
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const made = make();
    this.#kept.set(id, made);
    made.then(
      (fields) => this.#replace(id, made, fields),
      () => this.#replace(id, made, null),
    );
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#max && oldest !== undefined) this.#kept.delete(oldest);
    return made;
  }

  #replace(id: QueueId | string, made: Promise<Uint8Array>, fields: Uint8Array | null): void {
    if (this.#kept.get(id) !== made) return;
    if (fields === null) this.#kept.delete(id);
    else this.#kept.set(id, fields);
  }
}
