import { formatBase32, parseBase32 } from "../base/base32.ts";

/** `D-7F3K2`: what a refused client hears, and what `explain` takes. */
export function formatDecisionId(id: number): string {
  return `D-${formatBase32(id)}`;
}

/** The number again, in any case and without the dash too; null where the text is no decision id. */
export function parseDecisionId(text: string): number | null {
  const digits = /^\[?d-?([0-9a-z]{1,11})\]?$/i.exec(text)?.[1];
  const id = digits === undefined ? NaN : parseBase32(digits);
  return Number.isSafeInteger(id) ? id : null;
}
