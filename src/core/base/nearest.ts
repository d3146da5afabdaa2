/**
 * The candidate that `word` was probably meant to be, or null where none is near: at most one mistake in three characters, by
 * Damerau and Levenshtein (a wrong, a missing, an extra character, two neighbours exchanged), letters in any case. Of equals, the
 * first. A word that is the beginning of exactly one candidate means that one.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const wanted = word.slice(0, WORD_MAX).toUpperCase();
  if (wanted === "") return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const length = Math.abs(candidate.length - wanted.length);
    if (length >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toUpperCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best !== null || wanted.length < 3) return best;
  const begun = candidates.filter((candidate) => candidate.toUpperCase().startsWith(wanted));
  return begun.length === 1 ? (begun[0] ?? null) : null;
}

/** Longer words are nobody's slip of the finger; the cut keeps the comparison cheap. */
const WORD_MAX = 64;

/** Optimal string alignment: edits needed to make `b` of `a`, where no part is edited twice. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length] ?? 0;
}
