interface Live {
  readonly messages: number;
  readonly octets: number;
}

/** How much of the content in each segment of the log messages still need. */
export class LiveSegments {
  readonly #live = new Map<number, Live>();

  constructor(rows: Iterable<readonly [segment: number, messages: number, octets: number]> = []) {
    for (const [segment, messages, octets] of rows) this.#live.set(segment, { messages, octets });
  }

  copy(): LiveSegments {
    const copy = new LiveSegments();
    for (const [segment, live] of this.#live) copy.#live.set(segment, live);
    return copy;
  }

  has(segment: number): boolean {
    return this.#live.has(segment);
  }

  add(segment: number, octets: number): void {
    const live = this.#live.get(segment);
    this.#live.set(segment, { messages: (live?.messages ?? 0) + 1, octets: (live?.octets ?? 0) + octets });
  }

  remove(segment: number, octets: number): void {
    const live = this.#live.get(segment);
    if (!live || live.messages === 1) this.#live.delete(segment);
    else this.#live.set(segment, { messages: live.messages - 1, octets: live.octets - octets });
  }

  octetsOf(segment: number): number {
    return this.#live.get(segment)?.octets ?? 0;
  }

  /** Octets of all segments together. */
  get octets(): number {
    let octets = 0;
    for (const live of this.#live.values()) octets += live.octets;
    return octets;
  }

  /** The segment below `before` that is needed least; null where none is needed. */
  least(before: number): number | null {
    let least: number | null = null;
    let octets = Infinity;
    for (const [segment, live] of this.#live) {
      if (segment >= before || live.octets >= octets) continue;
      least = segment;
      octets = live.octets;
    }
    return least;
  }
}
