import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Instant } from "../base/time.ts";

const UNITS: Readonly<Record<string, number>> = { M: MINUTE_MS, H: HOUR_MS, D: DAY_MS, W: 7 * DAY_MS };

/** The last instant that has a date of four digits. */
const INSTANT_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** `*30D`: minutes (M), hours (H), days (D) or weeks (W), as milliseconds; null where the text is something else. */
export function parseDuration(text: string): number | null {
  const match = /^\*?(\d{1,6})([MHDW])$/i.exec(text);
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ""];
  return match && unit !== undefined ? Number(match[1]) * unit : null;
}

/**
 * A date (`2027-01-31`, its beginning) or a time (`2027-01-31T18:00`, with seconds and fraction, `Z` or `+01:00`), UTC where no zone
 * is said. Dates that the calendar does not have are refused.
 */
export function parseTime(text: string): Instant | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)?)?$/i.exec(
    text,
  );
  if (!match) return null;
  const part = (i: number): number => Number(match[i] ?? 0);
  const [hour, minute, second] = [part(4), part(5), part(6)];
  const fraction = Number((match[7] ?? "0").padEnd(3, "0"));
  const local = Date.UTC(part(1), part(2) - 1, part(3), hour, minute, second, fraction);
  const calendar = new Date(local);
  const exists =
    calendar.getUTCMonth() === part(2) - 1 &&
    calendar.getUTCDate() === part(3) &&
    calendar.getUTCFullYear() === part(1);
  const zone = zoneMs(match[8] ?? "Z");
  if (!exists || hour > 23 || minute > 59 || second > 59 || zone === null) return null;
  return local - zone >= 0 ? local - zone : null;
}

function zoneMs(zone: string): number | null {
  if (zone.toUpperCase() === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 14 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * HOUR_MS + minutes * MINUTE_MS);
}

/** EXPDATE: a time, or a duration from now, to the whole second. */
export function parseExpiry(text: string, now: Instant): Instant | null {
  const duration = parseDuration(text);
  if (duration === null) return parseTime(text);
  const end = Math.floor((now + duration) / SECOND_MS) * SECOND_MS;
  return duration > 0 && end <= INSTANT_MAX ? end : null;
}

/** FROMTIME, TOTIME: a time, or so long before now. */
export function parseMoment(text: string, now: Instant): Instant | null {
  const duration = parseDuration(text);
  return duration === null ? parseTime(text) : Math.max(0, now - duration);
}
