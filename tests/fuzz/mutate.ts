import type { Chance } from "../sim/chance.ts";

/** Longer than any line that is taken as a whole, short enough for thousands of cases a second. */
const OCTETS_MAX = 6_000;

/** A new case: one of the corpus, changed one to six times by what the grammar of nearly everything here is made of. */
export function mutate(chance: Chance, corpus: readonly Uint8Array[], words: readonly string[]): Uint8Array {
  let octets = anyOf(chance, corpus);
  for (let left = 1 + chance.below(chance.odds(0.5) ? 2 : 6); left > 0; left--) {
    const change = CHANGES[chance.below(CHANGES.length)] as Change;
    octets = change(octets, chance, corpus, words).subarray(0, OCTETS_MAX);
  }
  return octets;
}

type Change = (
  octets: Uint8Array,
  chance: Chance,
  corpus: readonly Uint8Array[],
  words: readonly string[],
) => Uint8Array;

const CHANGES: readonly Change[] = [
  // An octet becomes another one, or one that matters somewhere.
  (octets, chance) => {
    const changed = Uint8Array.from(octets);
    if (changed.length > 0) changed[chance.below(changed.length)] = chance.pick(OCTETS);
    return changed;
  },
  (octets, chance) => {
    const changed = Uint8Array.from(octets);
    if (changed.length > 0) changed[chance.below(changed.length)]! ^= 1 << chance.below(8);
    return changed;
  },
  (octets, chance) => spliced(octets, place(octets, chance), 0, Uint8Array.of(chance.pick(OCTETS))),
  // A range is dropped, moved, repeated.
  (octets, chance) => {
    const { from, length } = range(octets, chance);
    return spliced(octets, from, length, NOTHING);
  },
  (octets, chance) => {
    const { from, length } = range(octets, chance);
    return spliced(octets, place(octets, chance), 0, octets.subarray(from, from + length));
  },
  (octets, chance) => {
    const { from, length } = range(octets, chance);
    return spliced(octets, from, 0, repeated(octets.subarray(from, from + length), chance.pick([2, 3, 10, 64, 300])));
  },
  // A word of the grammar comes in, or takes the place of another one.
  (octets, chance, _corpus, words) => spliced(octets, place(octets, chance), 0, word(chance, words)),
  (octets, chance, _corpus, words) => {
    const { from, length } = token(octets, chance);
    return spliced(octets, from, length, word(chance, words));
  },
  (octets, chance, corpus) => {
    const other = anyOf(chance, corpus);
    const ours = token(octets, chance);
    const theirs = token(other, chance);
    return spliced(octets, ours.from, ours.length, other.subarray(theirs.from, theirs.from + theirs.length));
  },
  (octets, chance, corpus) => {
    const other = anyOf(chance, corpus);
    const at = place(octets, chance);
    return spliced(octets, at, octets.length - at, other.subarray(place(other, chance)));
  },
  // A number becomes another one; letters change their case.
  (octets, chance) => {
    const { from, length } = token(octets, chance, isDigit);
    return spliced(octets, from, length, Buffer.from(chance.pick(NUMBERS)));
  },
  (octets, chance) => {
    const { from, length } = token(octets, chance);
    const changed = Uint8Array.from(octets);
    for (let i = from; i < from + length; i++) if (isLetter(changed[i] as number)) changed[i]! ^= 0x20;
    return changed;
  },
];

const NOTHING = new Uint8Array(0);
const OCTETS: [number, ...number[]] = [
  ...([0, 9, 10, 13, 32, 34, 37, 39, 40, 41, 42, 43, 44, 45, 46, 47] as [number, ...number[]]),
  ...[48, 58, 59, 60, 61, 62, 63, 64, 65, 91, 92, 93, 97, 120, 123, 125, 127, 128, 173, 192, 226, 237, 240, 255],
];
const NUMBERS: [string, ...string[]] = [
  ...(["0", "1", "9", "32", "33", "127", "128", "255", "256", "65535", "65536"] as [string, ...string[]]),
  ...["2147483648", "4294967296", "9007199254740992", "99999999999999999999", "00", "1e9", "-1", "0x10", "\u0661"],
];

function word(chance: Chance, words: readonly string[]): Uint8Array {
  return Buffer.from(words[chance.below(words.length)] ?? "", "utf8");
}

function anyOf(chance: Chance, corpus: readonly Uint8Array[]): Uint8Array {
  return corpus[chance.below(corpus.length)] ?? NOTHING;
}

function place(octets: Uint8Array, chance: Chance): number {
  return chance.below(octets.length + 1);
}

function range(octets: Uint8Array, chance: Chance): { readonly from: number; readonly length: number } {
  const from = place(octets, chance);
  const longest = chance.pick([1, 4, 16, octets.length]);
  return { from, length: Math.min(octets.length - from, 1 + chance.below(longest)) };
}

/** What belongs together around a place: letters and digits, or one octet of anything else. */
function token(octets: Uint8Array, chance: Chance, belongs = isWordOctet): { from: number; length: number } {
  let from = chance.below(Math.max(1, octets.length));
  let to = from + 1;
  if (octets.length === 0) return { from: 0, length: 0 };
  if (belongs(octets[from] as number)) {
    while (from > 0 && belongs(octets[from - 1] as number)) from--;
    while (to < octets.length && belongs(octets[to] as number)) to++;
  }
  return { from, length: to - from };
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

function isLetter(octet: number): boolean {
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isWordOctet(octet: number): boolean {
  return isDigit(octet) || isLetter(octet) || octet > 0x7f;
}

/** `octets` with `length` of them from `from` on replaced. */
export function spliced(octets: Uint8Array, from: number, length: number, put: Uint8Array): Uint8Array {
  return Buffer.concat([octets.subarray(0, from), put, octets.subarray(from + length)]);
}

function repeated(octets: Uint8Array, times: number): Uint8Array {
  return Buffer.concat(
    Array.from({ length: Math.min(times, Math.ceil(OCTETS_MAX / (octets.length || 1))) }, () => octets),
  );
}
