const LF = 0x0a;
const CR = 0x0d;
const LINES = 512;
const LINE_ENDS = new Uint8Array(2 * LINES).map((_, i) => (i % 2 === 0 ? CR : LF));

/**
 * The simple canonicalisation of a body (RFC 6376 §3.4.3), in pieces cut anywhere: as it is, but the empty lines at its end are one line
 * end. What it holds does not grow with the body.
 */
export class SimpleBody {
  readonly #give: (octets: Uint8Array) => void;
  #lineEnds = 0;
  #cr = false;

  /** `give` gets the canonical octets, which are the caller's again when it returns. */
  constructor(give: (octets: Uint8Array) => void) {
    this.#give = give;
  }

  push(chunk: Uint8Array, from = 0): void {
    for (let at = from; at < chunk.length;) {
      const c = chunk[at] as number;
      if (this.#cr) {
        this.#cr = false;
        if (c === LF) {
          this.#lineEnds++;
          at++;
          continue;
        }
        this.#giveHeld();
        this.#give(LINE_ENDS.subarray(0, 1));
      }
      if (c === CR) {
        this.#cr = true;
        at++;
        continue;
      }
      this.#giveHeld();
      const cr = chunk.indexOf(CR, at);
      const to = cr < 0 ? chunk.length : cr;
      this.#give(chunk.subarray(at, to));
      at = to;
    }
  }

  /** The body is over: it ends in one line end, whatever it had. */
  end(): void {
    if (this.#cr) {
      this.#giveHeld();
      this.#give(LINE_ENDS.subarray(0, 1));
    }
    this.#give(LINE_ENDS.subarray(0, 2));
  }

  #giveHeld(): void {
    for (; this.#lineEnds > LINES; this.#lineEnds -= LINES) this.#give(LINE_ENDS);
    if (this.#lineEnds > 0) this.#give(LINE_ENDS.subarray(0, 2 * this.#lineEnds));
    this.#lineEnds = 0;
  }
}
