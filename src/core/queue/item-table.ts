// Hot with schedule.ts, whose benchmark measures both: an item costs no object, about 40 octets in arrays of numbers.
import { IdTable } from "./id-table.ts";
import type { QueueId } from "./message.ts";

/** An item is one message on its way to one next hop; a slot is its number in the schedule while it is there. */
export type Slot = number;

/** The items of the schedule, a column for each of their facts. It grows by doubling; slots that were given back are used again. */
export class ItemTable {
  id = new Float64Array(64);
  acceptedAt = new Float64Array(64);
  /** Index of the next hop. */
  hop = new Int32Array(64);
  /** Attempts that ended. */
  attempts = new Uint16Array(64);
  state = new Uint8Array(64);
  /** Of an item under way: how its next hop stood when it was started. */
  standing = new Uint8Array(64);
  /** Neighbours in the line of the next hop; of a free slot, `next` is the next free one. */
  next = new Int32Array(64);
  previous = new Int32Array(64);
  /** The next item of the same message. */
  sibling = new Int32Array(64);
  #used = 0;
  #free: Slot = -1;
  readonly #byId = new IdTable((slot) => this.id[slot] ?? 0);

  /** Messages that have an item. */
  get messages(): number {
    return this.#byId.size;
  }

  has(id: QueueId): boolean {
    return this.#byId.get(id) >= 0;
  }

  /** The first item of the message, -1 where there is none; `sibling` leads to the others. */
  firstOf(id: QueueId): Slot {
    return this.#byId.get(id);
  }

  /** A slot for one more item of the message. */
  take(id: QueueId): Slot {
    const slot = this.#takeSlot();
    this.id[slot] = id;
    this.sibling[slot] = this.#byId.get(id);
    this.#byId.set(id, slot);
    return slot;
  }

  /** The item is gone, and its slot may be another's. */
  give(slot: Slot): void {
    const id = this.id[slot] ?? 0;
    const first = this.#byId.get(id);
    const sibling = this.sibling[slot] ?? -1;
    if (first !== slot) {
      let before = first;
      while (this.sibling[before] !== slot) before = this.sibling[before] ?? -1;
      this.sibling[before] = sibling;
    } else if (sibling >= 0) this.#byId.set(id, sibling);
    else this.#byId.delete(id);
    this.next[slot] = this.#free;
    this.#free = slot;
  }

  #takeSlot(): Slot {
    const slot = this.#free;
    if (slot >= 0) {
      this.#free = this.next[slot] ?? -1;
      return slot;
    }
    if (this.#used === this.id.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const length = this.id.length * 2;
    const grown = <T extends Float64Array | Int32Array | Uint16Array | Uint8Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    this.id = grown(new Float64Array(length), this.id);
    this.acceptedAt = grown(new Float64Array(length), this.acceptedAt);
    this.hop = grown(new Int32Array(length), this.hop);
    this.attempts = grown(new Uint16Array(length), this.attempts);
    this.state = grown(new Uint8Array(length), this.state);
    this.standing = grown(new Uint8Array(length), this.standing);
    this.next = grown(new Int32Array(length), this.next);
    this.previous = grown(new Int32Array(length), this.previous);
    this.sibling = grown(new Int32Array(length), this.sibling);
  }
}
