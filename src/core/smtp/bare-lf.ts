const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

const TEXT = 0;
const SEEN_CR = 1;
/** A line begins, after CRLF or after an LF alone. */
const AFTER_CRLF = 2;
const AFTER_LF = 3;
/** A dot began such a line; it is written once it is known what it means. */
const DOT_AFTER_CRLF = 4;
const DOT_AFTER_LF = 5;
const END_CR = 6;

/**
 * ALWBARELF(*YES): makes every LF alone a CRLF before anything else looks. A line of one dot that has an LF alone at either side gets a
 * second dot, so that what is made here never ends the data: only CRLF, dot, CRLF as received does.
 */
export class BareLfRepair {
  /** What the last call made of its octets. */
  octets: Uint8Array = new Uint8Array(0);
  #state = AFTER_CRLF;
  #out = new Uint8Array(0);
  #length = 0;

  reset(): void {
    this.#state = AFTER_CRLF;
  }

  /**
   * Repairs data from `from` on and stops behind its end; returns the index behind what it took. `octets` is a new buffer at each call.
   */
  repairData(octets: Uint8Array, from: number): number {
    this.#begin(octets.length - from);
    let at = from;
    while (at < octets.length) {
      const c = octets[at++] as number;
      if (this.#state === END_CR && c === LF) {
        this.#put(LF);
        this.#state = AFTER_CRLF;
        break;
      }
      this.#dataOctet(c);
    }
    this.octets = this.#out.subarray(0, this.#length);
    return at;
  }

  /** Repairs a piece of a BDAT chunk, where a dot means nothing. */
  repairChunk(octets: Uint8Array, from: number, to: number): void {
    this.#begin(to - from);
    for (let at = from; at < to; at++) {
      const c = octets[at] as number;
      if (c === LF && this.#state !== SEEN_CR) this.#put(CR);
      this.#put(c);
      this.#state = c === CR ? SEEN_CR : TEXT;
    }
    this.octets = this.#out.subarray(0, this.#length);
  }

  #dataOctet(c: number): void {
    switch (this.#state) {
      case DOT_AFTER_CRLF:
        this.#put(DOT);
        if (c === CR) return this.#putAnd(CR, END_CR);
        if (c === LF) this.#put(DOT);
        break;
      case DOT_AFTER_LF:
        this.#put(DOT);
        if (c === CR || c === LF) this.#put(DOT);
        break;
      case AFTER_CRLF:
      case AFTER_LF:
        if (c !== DOT) break;
        this.#state = this.#state === AFTER_CRLF ? DOT_AFTER_CRLF : DOT_AFTER_LF;
        return;
    }
    if (c === CR) return this.#putAnd(CR, SEEN_CR);
    if (c !== LF) return this.#putAnd(c, TEXT);
    const wasCr = this.#state === SEEN_CR;
    if (!wasCr) this.#put(CR);
    this.#putAnd(LF, wasCr ? AFTER_CRLF : AFTER_LF);
  }

  #putAnd(c: number, state: number): void {
    this.#put(c);
    this.#state = state;
  }

  #put(c: number): void {
    this.#out[this.#length++] = c;
  }

  /** An octet becomes at most two, and a dot held back from before comes with a second one. */
  #begin(octets: number): void {
    this.#out = new Uint8Array(octets * 2 + 4);
    this.#length = 0;
  }
}
