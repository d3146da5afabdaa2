// HOT PATH: one native search a line, 1 GB/s of usual text; content without dot lines never comes here.
/** More dots than this in one chunk are copied into one new chunk, so that hostile content makes no list of a million slices. */
const SLICES_MAX = 16;

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

/**
 * The transparency of RFC 5321 §4.5.2: a line that begins with a dot gets another one in front. Content comes in chunks cut
 * anywhere; a line begins behind CRLF, and behind a bare LF too, so that no reader can see an end that we did not mean.
 */
export class DotStuffing {
  #atLineStart = true;

  /** Appends to `out` what goes on the wire for `chunk`; slices of it where dots are few. */
  push(chunk: Uint8Array, out: Uint8Array[]): void {
    const dots = this.#dotLines(chunk);
    if (dots.length === 0) {
      out.push(chunk);
      return;
    }
    if (dots.length > SLICES_MAX) {
      out.push(copyStuffed(chunk, dots));
      return;
    }
    // Slices overlap by the dot itself: it ends one slice and begins the next.
    let from = 0;
    for (const at of dots) {
      out.push(chunk.subarray(from, at + 1));
      from = at;
    }
    out.push(chunk.subarray(from));
  }

  /** Where lines begin with a dot. Keeps whether the next chunk begins a line. */
  #dotLines(chunk: Uint8Array): number[] {
    const dots: number[] = [];
    if (chunk.length === 0) return dots;
    if (this.#atLineStart && chunk[0] === DOT) dots.push(0);
    for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, lf + 1)) {
      if (chunk[lf + 1] === DOT) dots.push(lf + 1);
    }
    this.#atLineStart = chunk[chunk.length - 1] === LF;
    return dots;
  }
}

function copyStuffed(chunk: Uint8Array, dots: readonly number[]): Uint8Array {
  const stuffed = new Uint8Array(chunk.length + dots.length);
  let to = 0;
  let nextDot = 0;
  // Octet by octet: lines may be as short as two, and a view for each would cost more than the copy.
  for (let from = 0; from < chunk.length; from++) {
    if (from === dots[nextDot]) {
      stuffed[to++] = DOT;
      nextDot++;
    }
    stuffed[to++] = chunk[from] ?? 0;
  }
  return stuffed;
}

/**
 * What ends the data behind content whose last two octets are given (RFC 5321 §4.1.1.4): the dot line, and before it the CRLF
 * that the content lacks. `null` stands for octets that are not there.
 */
export function endOfData(lastButOne: number | null, last: number | null): string {
  if (last === null || (lastButOne === CR && last === LF)) return ".\r\n";
  return "\r\n.\r\n";
}
