import type { Instant } from "../core/base/time.ts";
import { asksForLess } from "../core/queue/asks-for-less.ts";
import type { Slot } from "../core/queue/item-table.ts";
import type { Schedule } from "../core/queue/schedule.ts";
import type { Attempt } from "./attempt.ts";
import type { SteadyTime } from "./steady-time.ts";

/** A message that was put off so often, as the next hop asked for less, waits as its own plan says, and slows down nobody any more. */
const SLOWED_MAX = 3;

/** `paused`: the next hop is left alone until then. `crowded`: it has too many connections of ours. `slowed`: it asks for less. */
export interface Lesson {
  readonly paused: Instant | null;
  readonly crowded: boolean;
  readonly slowed: boolean;
  /** The next hop can be used. */
  readonly worked: boolean;
}

const WORKED: Lesson = { paused: null, crowded: false, slowed: false, worked: true };
const SLOWED: Lesson = { paused: null, crowded: false, slowed: true, worked: false };

/** What an attempt says of its next hop, told to the schedule. */
export function learn(schedule: Schedule, slot: Slot, tried: Attempt, time: SteadyTime): Lesson {
  const now = time.now();
  const slowed = schedule.attemptsOf(slot) < SLOWED_MAX && asksForLess(tried.replies);
  if (slowed || tried.routeTrouble) schedule.said(slot, tried.replies[0] ?? null);
  if (slowed) schedule.asksForLess(slot, now, tried.retryAfterMs);
  if (tried.routeTrouble) {
    const crowded = schedule.troubled(slot, now) === "crowded";
    return { paused: crowded ? null : time.toWall(schedule.pausedUntil(slot)), crowded, slowed, worked: false };
  }
  if (slowed) return SLOWED;
  schedule.worked(slot, now);
  return WORKED;
}
