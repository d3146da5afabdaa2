import { skipping } from "../../core/mail/content.ts";
import { DotStuffing, endOfData } from "../../core/mail/dot-stuffing.ts";
import type { OutgoingMessage } from "../../flows/ports.ts";

/** Octets that go out of a message, dots not stuffed: the front, and the content behind what the front stands for. */
export function sizeOf({ front, skipOctets, content }: OutgoingMessage): number {
  return front.length + content.sizeOctets - skipOctets;
}

/** What goes out of a message whose content is in memory, the content's own chunks where that can be. */
export function chunksOf({ front, skipOctets, content }: OutgoingMessage): readonly Uint8Array[] {
  if (content.kind === "file") return [];
  if (front.length === 0 && skipOctets === 0) return content.chunks;
  return [front, ...content.chunks.flatMap(skipping(skipOctets))];
}

/** The same of one in a file, whose blocks are given. */
export async function* blocksOf(
  { front, skipOctets }: OutgoingMessage,
  blocks: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  if (front.length > 0) yield front;
  const skip = skipping(skipOctets);
  for await (const block of blocks) yield* skip(block);
}

/** The chunks with the transparency of DATA, where any line of them begins with a dot. */
export function stuffed(chunks: readonly Uint8Array[], dotLines: boolean): readonly Uint8Array[] {
  if (!dotLines) return chunks;
  const stuffing = new DotStuffing();
  const out: Uint8Array[] = [];
  for (const chunk of chunks) stuffing.push(chunk, out);
  return out;
}

/** The dot line behind these last chunks. */
export function endOf(chunks: readonly Uint8Array[]): string {
  let last: number | null = null;
  for (let i = chunks.length - 1; i >= 0; i--) {
    const chunk = chunks[i] ?? new Uint8Array();
    for (let at = chunk.length - 1; at >= 0; at--) {
      const octet = chunk[at] ?? 0;
      if (last !== null) return endOfData(octet, last);
      last = octet;
    }
  }
  return endOfData(null, last);
}
