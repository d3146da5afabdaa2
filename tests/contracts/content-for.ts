import { SeededRandom } from "../../src/adapters/memory/random.ts";

/** Octets that follow from the id: whoever reads them back can tell whether they are those that were put. */
export function contentFor(id: number): Buffer {
  const random = new SeededRandom(id % 4_294_967_296);
  const octets = Buffer.alloc(random.uint32() % 20_000);
  for (let at = 0; at + 4 <= octets.length; at += 4) octets.writeUInt32LE(random.uint32(), at);
  return octets;
}
