import { isCorrupt } from "./faults.ts";

/**
 * Reads up to `limit` rows with ids from `from` on, one by one, and goes on behind pages that are damaged. `load` gives the first
 * row whose id, which comes first in it, is at least the number.
 */
export function readAround<Row extends readonly [id: number, ...rest: unknown[]]>(
  load: (from: number) => Row | undefined,
  from: number,
  limit: number,
  report: (text: string) => void,
): Row[] {
  const rows: Row[] = [];
  for (let at = from; rows.length < limit;) {
    try {
      const row = load(at);
      if (!row) break;
      rows.push(row);
      at = row[0] + 1;
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      const next = readableFrom(load, at);
      report(`a damaged page hides the messages with ids from ${at} to ${next - 1}`);
      at = next;
    }
  }
  return rows;
}

/** The smallest id above `damaged`, at which reading fails, from which on it works; found by doubling, then by halving. */
function readableFrom(load: (from: number) => unknown, damaged: number): number {
  let low = damaged;
  let high = damaged + 1;
  for (let step = 1; isDamaged(load, high); step *= 2) {
    if (high === Number.MAX_SAFE_INTEGER) return high;
    low = high;
    high = Math.min(high + step, Number.MAX_SAFE_INTEGER);
  }
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (isDamaged(load, middle)) low = middle;
    else high = middle;
  }
  return high;
}

function isDamaged(load: (from: number) => unknown, id: number): boolean {
  try {
    load(id);
    return false;
  } catch (error) {
    if (isCorrupt(error)) return true;
    throw error;
  }
}
