/**
 * Finds the slot of a queue id: open addressing over an Int32Array, for a million ids without a million objects. The ids
 * themselves stay with the caller, who gives the id of a slot by `idOf`.
 */
export class IdTable {
  readonly #idOf: (slot: number) => number;
  #slots = new Int32Array(64).fill(-1);
  #size = 0;

  constructor(idOf: (slot: number) => number) {
    this.#idOf = idOf;
  }

  get size(): number {
    return this.#size;
  }

  /** -1 where the id is not known. */
  get(id: number): number {
    return this.#slots[this.#find(id)] ?? -1;
  }

  /** Sets or replaces the slot of an id. */
  set(id: number, slot: number): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    const place = this.#find(id);
    if ((this.#slots[place] ?? -1) < 0) this.#size++;
    this.#slots[place] = slot;
  }

  delete(id: number): void {
    let hole = this.#find(id);
    if ((this.#slots[hole] ?? -1) < 0) return;
    this.#size--;
    // What follows without a gap moves back where its home is not behind the hole, so that no mark of the dead is needed.
    const mask = this.#slots.length - 1;
    for (let place = (hole + 1) & mask; (this.#slots[place] ?? -1) >= 0; place = (place + 1) & mask) {
      const slot = this.#slots[place] ?? -1;
      const home = this.#home(this.#idOf(slot));
      if (((place - home) & mask) >= ((place - hole) & mask)) {
        this.#slots[hole] = slot;
        hole = place;
      }
    }
    this.#slots[hole] = -1;
  }

  /** Where the id stands, or the free place where it would. */
  #find(id: number): number {
    const mask = this.#slots.length - 1;
    let place = this.#home(id);
    for (;;) {
      const slot = this.#slots[place] ?? -1;
      if (slot < 0 || this.#idOf(slot) === id) return place;
      place = (place + 1) & mask;
    }
  }

  #home(id: number): number {
    const low = id | 0;
    const high = (id / 0x1_0000_0000) | 0;
    const mixed = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & (this.#slots.length - 1);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2).fill(-1);
    for (const slot of old) if (slot >= 0) this.#slots[this.#find(this.#idOf(slot))] = slot;
  }
}
