const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** Text whose every line ends in CRLF. */
export interface CrlfText {
  readonly octets: Uint8Array;
  /** A line begins with a dot. */
  readonly dotLines: boolean;
}

/**
 * Text of a local program, which ends its lines in LF, with CRLF (RFC 5321 §2.3.8): LF and CR alone become CRLF, and the last
 * line gets its end. Local text only: what comes over SMTP is refused instead, since there the difference may be an attack.
 */
export function withCrlf(text: Uint8Array): CrlfText {
  const octets = new Uint8Array(text.length + lonelyLineEnds(text) + 2);
  let length = 0;
  let dotLines = text[0] === DOT;
  for (let i = 0; i < text.length; i++) {
    const octet = text[i] ?? 0;
    if (octet !== CR && octet !== LF) {
      octets[length++] = octet;
      continue;
    }
    if (octet === CR && text[i + 1] === LF) i++;
    octets[length++] = CR;
    octets[length++] = LF;
    if (text[i + 1] === DOT) dotLines = true;
  }
  if (length > 0 && octets[length - 1] !== LF) {
    octets[length++] = CR;
    octets[length++] = LF;
  }
  return { octets: octets.subarray(0, length), dotLines };
}

function lonelyLineEnds(text: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === LF && text[i - 1] !== CR) count++;
    else if (text[i] === CR && text[i + 1] !== LF) count++;
  }
  return count;
}

/** Whether a line begins with a dot. */
export function hasDotLines(octets: Uint8Array): boolean {
  for (let at = octets.indexOf(DOT); at >= 0; at = octets.indexOf(DOT, at + 1)) {
    if (at === 0 || octets[at - 1] === LF) return true;
  }
  return false;
}
