import { DAY_MS, HOUR_MS, MINUTE_MS, type Instant, type Random } from "../base/time.ts";

/** One level of retries: so many attempts, so far apart. */
export interface RetryStep {
  readonly attempts: number;
  readonly intervalMs: number;
}

/** RTYMIN, then RTYHOUR, then RTYDAY. */
export type RetryPlan = readonly RetryStep[];

/** A level as CHGSMTPA has it, in the unit of the level. */
interface Level {
  readonly attempts: number;
  readonly interval: number;
}

/** No two attempts of a message are nearer than this, whatever the plan says. */
export const RETRY_MS_MIN = MINUTE_MS;
/** Between probes of a next hop in trouble: first and longest. */
export const PROBE_MS_MIN = MINUTE_MS;
export const PROBE_MS_MAX = HOUR_MS;

export function retryPlan(minutes: Level, hours: Level, days: Level): RetryPlan {
  const step = (level: Level, unitMs: number): RetryStep => ({
    attempts: level.attempts,
    intervalMs: Math.max(RETRY_MS_MIN, level.interval * unitMs),
  });
  return [step(minutes, MINUTE_MS), step(hours, HOUR_MS), step(days, DAY_MS)];
}

export type Retry = { readonly kind: "retry"; readonly at: Instant } | { readonly kind: "expired" };

/**
 * When a message is tried again after its attempt number `attempts` (1 is the first) was deferred at `now`. The plan says how
 * long to wait, chance spreads it by a tenth either way, and the end of its time in the queue is met by one last attempt. It is
 * expired where the plan or the time has run out: so never without an attempt that failed just now.
 */
export function nextRetry(
  plan: RetryPlan,
  attempts: number,
  now: Instant,
  acceptedAt: Instant,
  queueAgeMs: number,
  random: Random,
): Retry {
  const step = stepOf(plan, attempts);
  const end = acceptedAt + queueAgeMs;
  if (step === undefined || now >= end) return { kind: "expired" };
  const at = now + jittered(step.intervalMs, random);
  // A clock set back may put the end far away: what counts then is the interval.
  return { kind: "retry", at: Math.min(at, Math.max(end, now + RETRY_MS_MIN)) };
}

/** How many attempts the plan makes in `elapsedMs` after the first: where a message stands after a restart. */
export function attemptsUntil(plan: RetryPlan, elapsedMs: number): number {
  let attempts = 1;
  let rest = elapsedMs;
  for (const step of plan) {
    // Half an interval more, so that jitter does not count one attempt too few.
    const made = Math.min(step.attempts, Math.floor(Math.max(0, rest) / step.intervalMs + 0.5));
    attempts += made;
    if (made < step.attempts) break;
    rest -= made * step.intervalMs;
  }
  return attempts;
}

/** The longest time that may lie between two attempts: no due time read from storage is believed beyond it (the clock may have jumped). */
export function longestRetryMs(plan: RetryPlan): number {
  return plan.reduce((longest, step) => Math.max(longest, step.attempts > 0 ? step.intervalMs * 1.1 : 0), RETRY_MS_MIN);
}

/** How long a next hop in trouble is left alone after `failures` failed attempts in a row: doubling, spread by a tenth. */
export function probeDelayMs(failures: number, random: Random): number {
  const doubled = PROBE_MS_MIN * 2 ** Math.min(Math.max(0, failures - 1), 20);
  return jittered(Math.min(doubled, PROBE_MS_MAX), random);
}

/** Within a tenth of `ms` either way. */
export function jittered(ms: number, random: Random): number {
  return Math.round(ms * (0.9 + (0.2 * random.uint32()) / 0xffffffff));
}

function stepOf(plan: RetryPlan, attempts: number): RetryStep | undefined {
  let upTo = 0;
  return plan.find((step) => attempts <= (upTo += step.attempts));
}
