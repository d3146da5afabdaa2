import { err, ok, type Result } from "../../core/base/result.ts";
import type { Instant } from "../../core/base/time.ts";
import type { Arguments } from "../../core/cl/arguments.ts";
import type { Diagnostic } from "../../core/cl/messages.ts";
import { parseMoment } from "../../core/cl/time-value.ts";

/** FROMTIME or TOTIME; null where it is open. */
export function readMoment(
  args: Arguments,
  keyword: string,
  now: Instant,
): Result<Instant | null, readonly Diagnostic[]> {
  const value = args.value(keyword);
  if (!value || value.special) return ok(null);
  const moment = parseMoment(value.text, now);
  return moment === null ? err([{ id: "SMR0603", with: [value.text, keyword], at: value.at }]) : ok(moment);
}
