/**
 * The content of a message: header and body with CRLF line ends, dots not stuffed, our Received field already in front.
 * `dotLines` says whether any line begins with a dot: only then must the DATA transparency of RFC 5321 §4.5.2 touch the octets.
 */
export type Content = MemoryContent | FileContent;

export interface MemoryContent {
  readonly kind: "memory";
  readonly chunks: readonly Uint8Array[];
  readonly sizeOctets: number;
  readonly dotLines: boolean;
}

/** Content above `CONTENT_IN_MEMORY_OCTETS_MAX`: streamed to a file of the spool, `name` within it, synced before its row commits. */
export interface FileContent {
  readonly kind: "file";
  readonly name: string;
  readonly sizeOctets: number;
  readonly dotLines: boolean;
}

/** Takes so many octets off what comes in pieces; pieces of which nothing is left go. */
export function skipping(octets: number): (piece: Uint8Array) => readonly Uint8Array[] {
  let left = octets;
  return (piece) => {
    if (left === 0) return [piece];
    const skipped = Math.min(left, piece.length);
    left -= skipped;
    return skipped === piece.length ? [] : [piece.subarray(skipped)];
  };
}
