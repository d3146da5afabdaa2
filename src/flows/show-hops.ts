import type { Json } from "../core/base/json.ts";
import { counted, formatCount } from "../core/base/count.ts";
import { formatInstant } from "../core/base/time.ts";
import { table, type Column } from "../core/cl/layout.ts";
import { describeReply } from "../core/mail/reply.ts";
import type { HopView } from "../core/queue/hop-line.ts";
import type { CommandResult } from "./command-result.ts";
import type { Operations } from "./operations.ts";

/** Next hops that are shown at once. */
const HOPS_MAX = 1_000;

const COLUMNS: readonly Column[] = [
  { heading: "Next hop", max: 60 },
  { heading: "Breaker" },
  { heading: "Messages", align: "right" },
  { heading: "Under way", align: "right" },
  { heading: "At once", align: "right" },
  { heading: "Goes on" },
  { heading: "Waits for", max: 60 },
  { heading: "Said last", max: 300, wrapped: true },
];

/** queue hops: where the mail waits, how each next hop is, and what it waits for. */
export function showHops({ queue }: Operations): CommandResult {
  const hops = queue.hops(HOPS_MAX);
  const output = hops.length === 0 ? "Nothing waits for a next hop." : table(COLUMNS, hops.map(rowOf));
  return { ok: true, messages: [], output, value: hops.map(jsonOf) };
}

function rowOf(hop: HopView): readonly string[] {
  return [
    hop.key,
    hop.failures === 0 ? hop.breaker : `${hop.breaker}, ${counted(hop.failures, "failure")}`,
    formatCount(hop.items),
    formatCount(hop.active),
    formatCount(hop.attemptsAtOnce),
    hop.stoppedUntil === null ? "" : formatInstant(hop.stoppedUntil),
    hop.waitsFor ?? (hop.perMinute === null ? "" : `slowed down to ${formatCount(Math.round(hop.perMinute))} a minute`),
    hop.lastRefusal === null ? "" : describeReply(hop.lastRefusal),
  ];
}

function jsonOf(hop: HopView): Json {
  return {
    nextHop: hop.key,
    breaker: hop.breaker,
    failures: hop.failures,
    messages: hop.items,
    waiting: hop.waiting,
    active: hop.active,
    attemptsAtOnce: hop.attemptsAtOnce,
    perMinute: hop.perMinute,
    waitsFor: hop.waitsFor,
    stoppedUntil: hop.stoppedUntil === null ? null : formatInstant(hop.stoppedUntil),
    lastRefusal: hop.lastRefusal === null ? null : describeReply(hop.lastRefusal),
  };
}
