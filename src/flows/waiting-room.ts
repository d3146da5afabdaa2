import type { Limits } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { reply, type Reply } from "../core/mail/reply.ts";
import type { ReportedOutcome } from "../core/queue/dsn.ts";
import type { QueueId } from "../core/queue/message.ts";
import type { Outcome } from "../core/queue/outcome.ts";
import type { Schedule } from "../core/queue/schedule.ts";
import { isFirstDelay, recipientsOf, type Attempt } from "./attempt.ts";
import type { LiveMessages } from "./live-messages.ts";
import type { Clock } from "./ports.ts";
import type { Settlement } from "./settle.ts";

export interface WaitingRoomOptions {
  readonly schedule: Schedule;
  readonly lives: LiveMessages;
  readonly settlement: Settlement;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** Messages that one failed probe gives up or warns of: a long line is worked off over several probes, not in one storm. */
const PER_PROBE_MAX = 1_000;

/**
 * Messages wait behind a next hop in trouble without being tried: the probe is tried for all of them. Here they get what an
 * attempt of their own would have brought: the warning after `delayReportMs`, and the end when their time is over.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  /** When the last probe of a next hop failed, as the clock said then. */
  readonly #probedAt = new Map<string, Instant>();
  readonly #working = new Set<string>();

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /** The trouble of the next hop is over. */
  ended(key: string): void {
    if (this.#probedAt.size > 0) this.#probedAt.delete(key);
  }

  /**
   * A probe failed. A message is given up only where its time was over at the probe before this one already: two tries
   * failed since, also when the clock was set forward by days between them.
   */
  async probed(key: string, tried: Attempt): Promise<void> {
    const { schedule, clock, limits } = this.#options;
    const wallNow = clock.now();
    // What the clock said while it was ahead counts no more.
    const wallBefore = Math.min(this.#probedAt.get(key) ?? Infinity, wallNow);
    const isFirst = !this.#probedAt.has(key);
    this.#probedAt.set(key, wallNow);
    if (isFirst || this.#working.has(key)) return;
    const expired: QueueId[] = [];
    const delayed: QueueId[] = [];
    schedule.eachWaiting(key, (id, acceptedAt) => {
      if (acceptedAt + limits.queueAgeMs <= wallBefore) {
        if (expired.length < PER_PROBE_MAX) expired.push(id);
      } else {
        const dueAt = acceptedAt + limits.delayReportMs;
        if (dueAt > wallBefore && dueAt <= wallNow && delayed.length < PER_PROBE_MAX) delayed.push(id);
      }
    });
    this.#working.add(key);
    try {
      for (const id of expired) await this.#tell(id, key, tried, "expired");
      for (const id of delayed) await this.#tell(id, key, tried, "deferred");
    } finally {
      this.#working.delete(key);
    }
  }

  async #tell(id: QueueId, key: string, tried: Attempt, kind: "expired" | "deferred"): Promise<void> {
    const { schedule, lives, settlement, clock, limits } = this.#options;
    const live = lives.get(id) ?? (await lives.load(id));
    if (live === null) return;
    lives.begin(live);
    try {
      const indices = recipientsOf(live, key);
      // Another way leads there since: the item goes it when its turn comes.
      if (indices.length === 0) return;
      const outcomes = indices.map((recipient): Outcome => {
        const { nextHop, server, tls } = tried;
        return { kind, recipient, at: clock.now(), nextHop, server, tls, reply: tried.replies[0] ?? NO_REPLY };
      });
      if (kind === "expired") {
        // It may have been started, held or removed while the message was read.
        if (!schedule.removeItem(id, key)) return;
        await settlement.settle(live, { passed: [], failed: outcomes, tell: [] });
      } else {
        const warns = isFirstDelay(live, clock.now(), limits.delayReportMs);
        const tell = (warns ? outcomes : []).map((outcome): ReportedOutcome => ({ outcome, action: "delayed" }));
        await settlement.settle(live, { passed: outcomes, failed: [], tell });
      }
    } finally {
      live.active--;
      if (live.active === 0 && live.unreported.length === 0 && (!schedule.has(id) || schedule.isQuiet(id))) {
        lives.drop(live);
      }
    }
  }
}

const NO_REPLY: Reply = reply(451, "4.4.1", "The next hop cannot be reached");
