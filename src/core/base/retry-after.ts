import { HOUR_MS, SECOND_MS, type Instant } from "./time.ts";

/** However long a server asks for, nobody is left alone for longer. */
const RETRY_AFTER_MS_MAX = HOUR_MS;

/** Retry-After as seconds or a date (RFC 9110 §10.2.3), in milliseconds from `now`, which is the server's where it said so; null where it is neither. */
export function parseRetryAfter(text: string | undefined, now: Instant): number | null {
  if (text === undefined) return null;
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * SECOND_MS : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : null;
}
