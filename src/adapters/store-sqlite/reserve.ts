import { closeSync, constants, openSync, rmSync, statSync, unlinkSync, writeSync } from "node:fs";
import { faultOf } from "./faults.ts";

/** Enough for the tables to take in what was settled while there was no room for it. */
const RESERVE_OCTETS = 4 * 1_048_576;
const BLOCK = Buffer.alloc(65_536, 0xff);

/**
 * Room on the disk that is kept for the moment when there is none: to write down that mail has left takes a little, and gives much
 * back. A file that is removed then.
 */
export class Reserve {
  readonly #path: string;
  #isThere: boolean;
  #isSpent = false;

  constructor(path: string) {
    this.#path = path;
    this.#isThere = statSync(path, { throwIfNoEntry: false })?.size === RESERVE_OCTETS;
    // What a crash left may be half of one.
    if (!this.#isThere) rmSync(path, { force: true });
  }

  /** It was given back and could not be kept again since. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Takes the room where there is some; otherwise it is tried another time. */
  keep(): void {
    if (this.#isThere) return;
    const fd = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      for (let at = 0; at < RESERVE_OCTETS;) at += writeSync(fd, BLOCK, 0, BLOCK.length, at);
      this.#isThere = true;
      this.#isSpent = false;
    } catch (error) {
      unlinkSync(this.#path);
      if (faultOf(error) === "broken") throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the room back for good: nothing is kept any more. */
  end(): void {
    if (this.#isThere) unlinkSync(this.#path);
    this.#isThere = false;
  }

  /** Gives the room back; false where there was none. */
  spend(): boolean {
    if (!this.#isThere) return false;
    this.end();
    this.#isSpent = true;
    return true;
  }
}
