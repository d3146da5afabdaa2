/** Who reads the octets: `read` returns the index behind what it took, or -1 where it took all. */
export interface InputReader {
  read(octets: Uint8Array, from: number): number;
  /** Nothing that comes in is for this reader any more. */
  isDeaf(): boolean;
  /** So much was answered that nothing is read until the client has read it. */
  isFull(): boolean;
}

/** The socket's side of back-pressure. */
export interface InputSource {
  pause(): void;
  resume(): void;
}

/**
 * Hands octets to their reader in order. While the reader is held, because something it said is being asked or stored, or is full, at
 * most what was already under way waits here, and the source is paused.
 */
export class InputQueue {
  readonly #reader: InputReader;
  readonly #source: InputSource;
  #waiting: Uint8Array[] = [];
  #held = false;
  #paused = false;

  constructor(reader: InputReader, source: InputSource) {
    this.#reader = reader;
    this.#source = source;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Nothing is held and nothing waits: all that came in has been answered. */
  get idle(): boolean {
    return !this.#held && this.#waiting.length === 0;
  }

  /** Takes what came in; the buffer is ours from now on. */
  push(octets: Uint8Array): void {
    if (this.idle) this.#read(octets);
    else {
      this.#waiting.push(octets);
      this.#pause();
    }
  }

  /** `pausing`: nothing more is to come in meanwhile, as far as the source can help it. */
  hold(pausing: boolean): void {
    this.#held = true;
    if (pausing) this.#pause();
  }

  /** The hold is over: goes on with what waited. */
  release(): void {
    this.#held = false;
    this.goOn();
  }

  /** Goes on with what waited, unless it is held still. */
  goOn(): void {
    while (!this.#held && !this.#reader.isDeaf() && !this.#reader.isFull()) {
      const octets = this.#waiting.shift();
      if (octets === undefined) break;
      this.#read(octets);
    }
    if (this.#reader.isDeaf()) this.clear();
    if (this.idle && this.#paused) {
      this.#paused = false;
      this.#source.resume();
    }
  }

  clear(): void {
    this.#waiting = [];
  }

  #read(octets: Uint8Array): void {
    let at = 0;
    while (at >= 0 && at < octets.length) {
      if (this.#reader.isDeaf()) return;
      if (this.#held || this.#reader.isFull()) {
        this.#waiting.unshift(octets.subarray(at));
        this.#pause();
        return;
      }
      at = this.#reader.read(octets, at);
    }
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#source.pause();
  }
}
