import { formatBase32, parseBase32 } from "../../core/queue/message.ts";

export function formatDecisionId(id: number): string {
  return `D-${formatBase32(id)}`;
}

export function parseDecisionId(text: string): number | null {
  const value = /^d-?[0-9a-z]{1,11}$/i.test(text) ? parseBase32(text.replace(/^d-?/i, "")) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}
