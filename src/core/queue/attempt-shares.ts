import type { Standing } from "./hop-line.ts";

const STANDINGS: readonly Standing[] = ["proven", "unknown", "doubtful"];
/** Of the attempts at once, what next hops may use that did not serve us yet, and of that those of whom little good is known. */
const UNPROVEN_SHARE = 3 / 4;
const DOUBTFUL_SHARE = 1 / 2;
/** Fewer attempts at once are not shared out. */
const SHARED_FROM = 4;

/**
 * Shares out the attempts at once: next hops that do not answer keep attempts busy for minutes, and however many of them there
 * are, a part is left to those of whom better is known.
 */
export class AttemptShares {
  /** Attempts at once over all next hops. */
  attemptsMax: number;
  readonly #underWay = { proven: 0, unknown: 0, doubtful: 0 };

  constructor(attemptsMax: number) {
    this.attemptsMax = attemptsMax;
  }

  get underWay(): number {
    return this.#underWay.proven + this.#underWay.unknown + this.#underWay.doubtful;
  }

  hasRoom(standing: Standing): boolean {
    if (this.underWay >= this.attemptsMax) return false;
    if (standing === "proven" || this.attemptsMax < SHARED_FROM) return true;
    const { unknown, doubtful } = this.#underWay;
    if (unknown + doubtful >= UNPROVEN_SHARE * this.attemptsMax) return false;
    return standing === "unknown" || doubtful < DOUBTFUL_SHARE * this.attemptsMax;
  }

  /** An attempt begins; what it gives is to be handed to `end`. */
  begin(standing: Standing): number {
    this.#underWay[standing]++;
    return STANDINGS.indexOf(standing);
  }

  end(begun: number): void {
    this.#underWay[STANDINGS[begun] ?? "proven"]--;
  }
}
