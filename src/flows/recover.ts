import { longestRetryMs, attemptsUntil } from "../core/queue/backoff.ts";
import { idAt, type DuePage } from "../core/queue/due-page.ts";
import { formatQueueId, type QueuedMessage, type QueueId } from "../core/queue/message.ts";
import { isSettled, type Outcome } from "../core/queue/outcome.ts";
import { isHoldKey } from "../core/queue/route.ts";
import type { Schedule } from "../core/queue/schedule.ts";
import { FAULTS_MAX, type Faults } from "./faults.ts";
import type { Clock, Spool } from "./ports.ts";
import type { Routing } from "./routing.ts";
import type { DeliveryRecorder } from "./settle.ts";
import type { SteadyTime } from "./steady-time.ts";

export interface RecoveryOptions {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly recorder: DeliveryRecorder;
  readonly schedule: Schedule;
  readonly time: SteadyTime;
  readonly routing: Routing;
  readonly faults: Faults;
}

/** Messages a page: a few milliseconds of the main thread. */
const PAGE = 4_000;
/** Messages read at once, of those that must be read. */
const READ_AT_ONCE = 100;

/**
 * Takes what the spool has into the schedule, page by page, while delivery goes on. Messages are not read for it, save those for
 * several hosts: the columns of `DuePage` are enough.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** What operators did to messages while recovery reads the spool: it may have read them before. null afterwards. */
  #became: Map<QueueId, "held" | "free" | "gone"> | null = new Map();

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Takes in all messages with ids below `end`. `wake` is called when something may be due. */
  async run(end: QueueId, isStopping: () => boolean, wake: () => void): Promise<void> {
    for (let after = 0; !isStopping();) {
      const page = await this.#options.spool.due(after, PAGE);
      const count = page.ids.length;
      const unread = this.#takePage(page, end);
      wake();
      for (let at = 0; at < unread.length; at += READ_AT_ONCE) {
        const part = unread.slice(at, at + READ_AT_ONCE);
        const read = await Promise.all(part.map(async ({ id }) => await this.#options.spool.find(id)));
        for (const [i, message] of read.entries()) if (message) await this.#take(message, part[i]?.faults ?? 0);
        wake();
      }
      after = page.ids[count - 1] ?? Infinity;
      if (after >= end) break;
    }
    this.#became = null;
  }

  /** An operator did something to messages that recovery may have read before; null: they are as it read them. */
  note(ids: readonly QueueId[], become: "held" | "free" | "gone" | null): void {
    if (this.#became === null) return;
    for (const id of ids) {
      if (become === null) this.#became.delete(id);
      else this.#became.set(id, become);
    }
  }

  /** Gives those that must be read. */
  #takePage(page: DuePage, end: QueueId): { readonly id: QueueId; readonly faults: number }[] {
    const { routing, time } = this.#options;
    const { plan } = routing;
    const now = time.now();
    const keys = page.hosts.map((host) => routing.keyOfHost(host));
    // The clock may have been set since: no due time is believed beyond the longest interval.
    const latest = now + longestRetryMs(plan);
    const unread: { id: QueueId; faults: number }[] = [];
    for (let i = 0; i < page.ids.length; i++) {
      const id = idAt(page, i);
      if (id >= end) break;
      const faults = page.faults[i] ?? 0;
      const key = keys[page.host[i] ?? -1] ?? null;
      if (key === null) {
        unread.push({ id, faults });
        continue;
      }
      const acceptedAt = page.acceptedAt[i] ?? 0;
      const triedAt = page.triedAt[i] ?? 0;
      const attempts = triedAt === 0 ? 0 : attemptsUntil(plan, triedAt - acceptedAt);
      const dueAt = Math.min(time.fromWall(page.dueAt[i] ?? 0), latest);
      if (this.#became?.get(id) === "gone") continue;
      this.#options.schedule.add(id, key, acceptedAt, attempts, dueAt, now);
      if (faults > 0 || page.held[i] === 1 || this.#became?.has(id)) this.#stop(id, page.held[i] === 1, faults);
    }
    return unread;
  }

  /** One that was read. */
  async #take(message: QueuedMessage, faults: number): Promise<void> {
    const { routing, schedule, spool, time } = this.#options;
    const unsettled = new Map<string, Outcome | null>();
    for (const [i, key] of routing.keysOf(message).entries()) {
      const outcome = message.outcomes[i] ?? null;
      if (!isSettled(outcome)) unsettled.set(key, outcome);
    }
    if (unsettled.size === 0) await spool.settle(message.id, [], "remove");
    if (this.#became?.get(message.id) === "gone") return;
    const now = time.now();
    const { plan } = routing;
    for (const [key, outcome] of unsettled) {
      const attempts = outcome === null ? 0 : attemptsUntil(plan, outcome.at - message.acceptedAt);
      const dueAt = Math.min(time.fromWall(outcome?.retryAt ?? 0), now + longestRetryMs(plan));
      schedule.add(message.id, key, message.acceptedAt, attempts, dueAt, now);
    }
    const isHeld = message.held || [...unsettled.keys()].some(isHoldKey);
    if (unsettled.size > 0) this.#stop(message.id, isHeld, faults);
  }

  /** Holds what an operator holds, and what the relay did not survive. */
  #stop(id: QueueId, held: boolean, faults: number): void {
    const { clock, faults: known, recorder, schedule, spool } = this.#options;
    const became = this.#became?.get(id);
    if (became === "free") return;
    if (faults > 0) known.set(id, faults);
    if (held || became === "held") schedule.hold(id);
    else if (faults >= FAULTS_MAX) {
      schedule.hold(id);
      void spool.hold([id], true).catch(() => {});
      const text = `${formatQueueId(id)} is held: the relay ended ${faults} times in a row while it was delivered`;
      recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
    }
  }
}
