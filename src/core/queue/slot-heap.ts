import type { Instant } from "../base/time.ts";

/**
 * A heap of slot numbers, the earliest instant first. Each slot is in it at most once and knows its place, so that any one can
 * be taken out again.
 */
export class SlotHeap {
  #due = new Float64Array(64);
  /** Place of a slot in `#slots`, -1 where it is not in the heap. */
  #place = new Int32Array(64).fill(-1);
  #slots = new Int32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(slot: number): boolean {
    return slot < this.#place.length && (this.#place[slot] ?? -1) >= 0;
  }

  /** When the first one is due; Infinity where none waits. */
  get firstDueAt(): Instant {
    return this.#size === 0 ? Infinity : (this.#due[this.#slots[0] ?? 0] ?? Infinity);
  }

  dueAt(slot: number): Instant {
    return this.#due[slot] ?? Infinity;
  }

  /** Remembers an instant for a slot that is not in the heap: `dueAt` gives it back. */
  note(slot: number, dueAt: Instant): void {
    this.#grow(slot);
    this.#due[slot] = dueAt;
  }

  add(slot: number, dueAt: Instant): void {
    this.#grow(slot);
    this.#due[slot] = dueAt;
    this.#slots[this.#size] = slot;
    this.#place[slot] = this.#size;
    this.#size++;
    this.#rise(this.#size - 1);
  }

  /** Takes the first one out; -1 where none waits. */
  pop(): number {
    if (this.#size === 0) return -1;
    const slot = this.#slots[0] ?? -1;
    this.remove(slot);
    return slot;
  }

  remove(slot: number): void {
    if (!this.has(slot)) return;
    const place = this.#place[slot] ?? 0;
    this.#place[slot] = -1;
    this.#size--;
    if (place === this.#size) return;
    const last = this.#slots[this.#size] ?? 0;
    this.#slots[place] = last;
    this.#place[last] = place;
    this.#rise(place);
    this.#sink(this.#place[last] ?? 0);
  }

  #rise(from: number): void {
    const slot = this.#slots[from] ?? 0;
    const due = this.#due[slot] ?? 0;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#slots[parent] ?? 0;
      if ((this.#due[above] ?? 0) <= due) break;
      this.#slots[place] = above;
      this.#place[above] = place;
      place = parent;
    }
    this.#slots[place] = slot;
    this.#place[slot] = place;
  }

  #sink(from: number): void {
    const slot = this.#slots[from] ?? 0;
    const due = this.#due[slot] ?? 0;
    let place = from;
    for (let child = 2 * place + 1; child < this.#size; child = 2 * place + 1) {
      const right = child + 1;
      if (right < this.#size && this.#dueAtPlace(right) < this.#dueAtPlace(child)) child = right;
      if (this.#dueAtPlace(child) >= due) break;
      const below = this.#slots[child] ?? 0;
      this.#slots[place] = below;
      this.#place[below] = place;
      place = child;
    }
    this.#slots[place] = slot;
    this.#place[slot] = place;
  }

  #dueAtPlace(place: number): number {
    return this.#due[this.#slots[place] ?? 0] ?? 0;
  }

  #grow(slot: number): void {
    if (slot >= this.#due.length) {
      const length = Math.max(slot + 1, this.#due.length * 2);
      const due = new Float64Array(length);
      due.set(this.#due);
      const place = new Int32Array(length).fill(-1);
      place.set(this.#place);
      [this.#due, this.#place] = [due, place];
    }
    if (this.#size === this.#slots.length) {
      const slots = new Int32Array(this.#size * 2);
      slots.set(this.#slots);
      this.#slots = slots;
    }
  }
}
