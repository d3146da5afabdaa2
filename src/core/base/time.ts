/** A point in time: milliseconds since 1970-01-01T00:00:00Z. Handed in, never asked for. */
export type Instant = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** A source of chance that is handed in: 32 random bits a call. */
export interface Random {
  uint32(): number;
}

/** `2026-11-24T04:20:35Z`: UTC, to the second. */
export function formatInstant(instant: Instant): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}
