import { counted } from "../core/base/count.ts";
import type { Instant } from "../core/base/time.ts";
import type { Domain } from "../core/mail/domain.ts";
import { formatMailbox } from "../core/mail/mailbox.ts";
import { idAt } from "../core/queue/due-page.ts";
import { joined } from "../core/queue/dsn.ts";
import { formatQueueId, type QueuedMessage, type QueueId } from "../core/queue/message.ts";
import type { HopView } from "../core/queue/hop-line.ts";
import { isSettled } from "../core/queue/outcome.ts";
import { isExchangeKey } from "../core/queue/route.ts";
import type { Schedule } from "../core/queue/schedule.ts";
import { InTurn } from "./in-turn.ts";
import type { LiveMessages } from "./live-messages.ts";
import type { QueueEntry, QueueFilter, QueueSummary } from "./operations.ts";
import type { Clock, Spool, Transport } from "./ports.ts";
import type { DeliveryRecorder } from "./settle.ts";
import type { SteadyTime } from "./steady-time.ts";

export interface QueueDeskOptions {
  readonly spool: Spool;
  readonly transport: Transport;
  readonly recorder: DeliveryRecorder;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly time: SteadyTime;
  readonly lives: Pick<LiveMessages, "get" | "withdraw" | "forget" | "release">;
  /** Tells recovery, which may have read these messages before and not taken them in yet; null: they are as it read them. */
  readonly note: (ids: readonly QueueId[], become: "held" | "free" | "gone" | null) => void;
  readonly keysOf: (message: QueuedMessage) => readonly string[];
  /** The schedule was changed: something may be due. */
  readonly wake: () => void;
  readonly keyOfHost: (host: string) => string | null;
  readonly reportsWithheld: () => number;
}

/** Messages a page, so that looking through a million holds up nobody. */
const PAGE = 500;
/** Places a page of the columns for the schedule. */
const DUE_PAGE = 4_000;

/** What operators do with the queue: the spool has the messages, the schedule knows what they wait for. */
export class QueueDesk {
  readonly #options: QueueDeskOptions;
  /** Settles when the act before the next one has ended. */
  readonly #turn = new InTurn();

  constructor(options: QueueDeskOptions) {
    this.#options = options;
  }

  async list(filter: QueueFilter, limit: number): Promise<readonly QueueEntry[]> {
    const entries: QueueEntry[] = [];
    for await (const entry of this.#select(filter, filter.states === undefined)) {
      if (entries.length >= limit) break;
      entries.push(entry);
    }
    return entries;
  }

  async find(id: QueueId): Promise<QueueEntry | null> {
    const message = await this.#options.spool.find(id);
    return message ? this.#entryOf(message) : null;
  }

  async content(id: QueueId, octetsMax: number): Promise<Uint8Array | null> {
    const { spool } = this.#options;
    const content = await spool.content(id);
    if (content === null) return null;
    if (content.kind === "memory") return joined(content.chunks, octetsMax);
    const chunks: Uint8Array[] = [];
    let octets = 0;
    for await (const chunk of spool.readFile(content)) {
      chunks.push(chunk);
      octets += chunk.length;
      if (octets >= octetsMax) break;
    }
    return joined(chunks, octetsMax);
  }

  hold(filter: QueueFilter, by: string): Promise<number> {
    return this.#each(ofQueue(filter), by, "Held", async (ids) => {
      await this.#whileHeld(ids, (held) => this.#options.spool.hold(held, true));
      // A message whose storing was just being answered came into the schedule in the meantime.
      for (const id of ids) this.#options.schedule.hold(id);
    });
  }

  release(filter: QueueFilter, by: string): Promise<number> {
    const { lives, note, schedule, spool, wake } = this.#options;
    return this.#each(ofQueue(filter), by, "Released", async (ids) => {
      await spool.hold(ids, false);
      note(ids, "free");
      for (const id of ids) {
        lives.release(id);
        schedule.release(id);
      }
      wake();
    });
  }

  retry(filter: QueueFilter, by: string): Promise<number> {
    const { schedule, time, wake } = this.#options;
    return this.#each(ofQueue(filter), by, "Made due", async (ids) => {
      for (const id of ids) schedule.retry(id, time.now());
      wake();
    });
  }

  /**
   * Makes mail for the domain due, and with `subdomains` that for the names below it: whatever goes the same way as mail for the domain.
   * How many messages wait there.
   */
  startQueue(domain: Domain, subdomains: boolean, by: string): number {
    const { clock, keyOfHost, recorder, schedule, time, wake } = this.#options;
    const key = keyOfHost(domain);
    const isBelow = (other: string): boolean => isExchangeKey(other) && other.endsWith(`.${domain}`);
    const waiting = schedule.retryHops((other) => other === key || (subdomains && isBelow(other)), time.now());
    if (waiting === 0) return 0;
    const text = `ETRN of ${by}: ${counted(waiting, "message")} on the way of ${domain} ${waiting === 1 ? "is" : "are"} tried now`;
    recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
    wake();
    return waiting;
  }

  remove(filter: QueueFilter, by: string): Promise<number> {
    const { lives, note, schedule, spool } = this.#options;
    return this.#each(filter, by, "Removed", async (ids) => {
      for (const id of ids) lives.withdraw(id, true);
      try {
        await this.#whileHeld(ids, (held) => spool.remove(held));
      } catch (fault) {
        for (const id of ids) lives.withdraw(id, false);
        throw fault;
      }
      note(ids, "gone");
      for (const id of ids) {
        schedule.remove(id);
        lives.forget(id);
      }
    });
  }

  /** Nothing new is begun with these messages while the spool writes; where it cannot, all is as before. */
  async #whileHeld(ids: readonly QueueId[], write: (ids: readonly QueueId[]) => Promise<unknown>): Promise<void> {
    const { note, schedule, wake } = this.#options;
    const free = ids.filter((id) => !schedule.isHeld(id));
    for (const id of free) schedule.hold(id);
    note(free, "held");
    try {
      await write(ids);
    } catch (fault) {
      note(free, null);
      for (const id of free) schedule.release(id);
      wake();
      throw fault;
    }
  }

  async summary(): Promise<QueueSummary> {
    const { reportsWithheld, schedule, spool, transport } = this.#options;
    const [counts, oldest] = await Promise.all([spool.counts(), spool.load(0, 1)]);
    return {
      queued: counts.queued,
      ready: schedule.count("ready"),
      active: schedule.count("active"),
      deferred: schedule.count("deferred"),
      held: schedule.count("held"),
      captured: counts.captured,
      oldestAt: oldest[0]?.acceptedAt ?? null,
      connectionsOut: transport.connections(),
      reportsWithheld: reportsWithheld(),
      hops: schedule.hopsInTrouble(),
    };
  }

  hops(limit: number): readonly HopView[] {
    const { schedule, time } = this.#options;
    return schedule.hops(time.now(), limit).map((hop) => {
      return { ...hop, stoppedUntil: hop.stoppedUntil === null ? null : time.toWall(hop.stoppedUntil) };
    });
  }

  /**
   * Does something to every message that the filter picks, a page at a time, and tells the journal. One act ends before the next
   * begins: what was asked for last is what holds.
   */
  #each(
    filter: QueueFilter,
    by: string,
    did: string,
    act: (ids: readonly QueueId[]) => Promise<void>,
  ): Promise<number> {
    return this.#turn.run(() => this.#actOn(filter, by, did, act));
  }

  async #actOn(
    filter: QueueFilter,
    by: string,
    did: string,
    act: (ids: readonly QueueId[]) => Promise<void>,
  ): Promise<number> {
    let count = 0;
    let batch: QueueId[] = [];
    let first: QueueId | null = null;
    // Without a word about states an act is about the queue, not about the capture box.
    for await (const id of this.#selectIds(filter)) {
      first ??= id;
      batch.push(id);
      count++;
      if (batch.length < PAGE) continue;
      await act(batch);
      batch = [];
    }
    if (batch.length > 0) await act(batch);
    if (count > 0 && first !== null) {
      const what = count === 1 ? formatQueueId(first) : `${count} messages, first ${formatQueueId(first)}`;
      this.#options.recorder.operation({ at: this.#options.clock.now(), by, text: `${did}: ${what}` });
    }
    return count;
  }

  async *#selectIds(filter: QueueFilter): AsyncIterable<QueueId> {
    if (isOfSchedule(filter)) {
      for await (const ids of this.#scheduled(filter)) yield* ids;
    } else for await (const entry of this.#select(filter, false)) yield entry.message.id;
  }

  /** What the schedule and the columns for it can answer: no message is read. */
  async *#scheduled(filter: QueueFilter): AsyncIterable<QueueId[]> {
    const { spool } = this.#options;
    for (let after = 0; ;) {
      const page = await spool.due(after, DUE_PAGE);
      const ids: QueueId[] = [];
      for (const [place, acceptedAt] of page.acceptedAt.entries()) {
        const id = idAt(page, place);
        const host = page.host[place] ?? -1;
        // Of several ways, not in the schedule yet, or just gone from it: the message tells.
        const fits = host < 0 ? null : this.#fits(filter, id, acceptedAt);
        if (fits ?? (await this.#messageFits(filter, id))) ids.push(id);
      }
      yield ids;
      const last = page.ids.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  /** Whether the filter picks a message, as far as its only item tells; null where it has none, or several. */
  #fits(filter: QueueFilter, id: QueueId, acceptedAt: Instant): boolean | null {
    const [item, another] = this.#options.schedule.itemsOf(id, this.#options.time.now());
    if (item === undefined || another !== undefined) return null;
    const { state, nextHop } = item;
    if (filter.states && !filter.states.includes(state)) return false;
    if (filter.from !== undefined && acceptedAt < filter.from) return false;
    if (filter.to !== undefined && acceptedAt >= filter.to) return false;
    return filter.nextHop === undefined || isNextHop(nextHop, filter.nextHop);
  }

  async #messageFits(filter: QueueFilter, id: QueueId): Promise<boolean> {
    const message = await this.#options.spool.find(id);
    return message !== null && matches(filter, this.#entryOf(message));
  }

  async *#select(filter: QueueFilter, boxToo: boolean): AsyncIterable<QueueEntry> {
    if (isOfSchedule(filter) && filter.states !== undefined) {
      for await (const ids of this.#scheduled(filter)) {
        for (const id of ids) {
          const message = await this.#options.spool.find(id);
          if (message !== null) yield this.#entryOf(message);
        }
      }
      return;
    }
    for await (const message of this.#messages(filter, boxToo)) {
      const entry = this.#entryOf(message.message, message.captured);
      if (matches(filter, entry)) yield entry;
    }
  }

  async *#messages(filter: QueueFilter, boxToo: boolean): AsyncIterable<{ message: QueuedMessage; captured: boolean }> {
    const { spool } = this.#options;
    if (filter.ids) {
      for (const id of filter.ids) {
        const message = await spool.find(id);
        if (message) yield { message, captured: isCaptured(message) };
      }
      return;
    }
    const wanted = filter.states;
    if (!wanted || wanted.some((state) => state !== "captured")) {
      for (let after = 0; ;) {
        const page = await spool.load(after, PAGE);
        for (const message of page) yield { message, captured: false };
        const last = page.at(-1);
        if (!last) break;
        after = last.id;
      }
    }
    if (!boxToo && !wanted?.includes("captured")) return;
    for (let before = Number.MAX_SAFE_INTEGER; ;) {
      const page = await spool.captured(before, PAGE);
      for (const message of page) yield { message, captured: true };
      const last = page.at(-1);
      if (!last) break;
      before = last.id;
    }
  }

  #entryOf(message: QueuedMessage, captured = isCaptured(message)): QueueEntry {
    if (captured) return { message, state: "captured", nextHops: ["capture"], dueAt: null, waitsFor: null };
    const { schedule, time, lives, keysOf } = this.#options;
    const items = schedule.itemsOf(message.id, time.now());
    const states = new Set(items.map(({ state }) => state));
    const dueAt = items.reduce<Instant>((earliest, item) => Math.min(earliest, item.dueAt ?? Infinity), Infinity);
    let state: QueueEntry["state"];
    if (states.has("active") || (items.length === 0 && lives.get(message.id))) state = "active";
    else if (message.held || states.has("held")) state = "held";
    else state = states.has("ready") ? "ready" : "deferred";
    const keys = items.length > 0 ? items.map(({ nextHop }) => nextHop) : unsettledKeys(message, keysOf(message));
    const nextHops = [...new Set(keys)];
    if (state !== "deferred") return { message, state, nextHops, dueAt: null, waitsFor: null };
    const waitsFor = items.find((item) => item.waitsFor !== null)?.waitsFor ?? null;
    return { message, state, nextHops, dueAt: dueAt < Infinity ? time.toWall(dueAt) : null, waitsFor };
  }
}

function unsettledKeys(message: QueuedMessage, keys: readonly string[]): string[] {
  return keys.filter((_, i) => !isSettled(message.outcomes[i] ?? null));
}

/** The spool finds messages of the queue and of the capture box alike: those of the box have gone there. */
function isCaptured(message: QueuedMessage): boolean {
  return message.outcomes.every(isSettled) && message.outcomes.some((outcome) => outcome?.nextHop === "capture");
}

/** Whether no message needs to be read to tell which it picks. */
function isOfSchedule({ ids, states, reversePath, recipient }: QueueFilter): boolean {
  return !ids && !states?.includes("captured") && reversePath === undefined && recipient === undefined;
}

const QUEUE_STATES = ["ready", "active", "deferred", "held"] as const;

/** What can be held, released or tried is in the queue; a captured message is not, even where it is named. */
function ofQueue(filter: QueueFilter): QueueFilter {
  return filter.states ? filter : { ...filter, states: QUEUE_STATES };
}

function matches(filter: QueueFilter, entry: QueueEntry): boolean {
  const { message, state, nextHops } = entry;
  const { reversePath, recipients } = message.envelope;
  if (filter.states && !filter.states.includes(state)) return false;
  if (filter.from !== undefined && message.acceptedAt < filter.from) return false;
  if (filter.to !== undefined && message.acceptedAt >= filter.to) return false;
  const hop = filter.nextHop;
  if (hop !== undefined && !nextHops.some((key) => isNextHop(key, hop))) return false;
  const sender = reversePath === null ? "" : formatMailbox(reversePath);
  if (filter.reversePath !== undefined && !isAddress(sender, filter.reversePath)) return false;
  const wanted = filter.recipient;
  return wanted === undefined || recipients.some(({ forwardPath }) => isAddress(formatMailbox(forwardPath), wanted));
}

/** `mx:example.net`, `example.net`, `smtp.example.net:587` and `smtp.example.net` all name a next hop. */
function isNextHop(key: string, text: string): boolean {
  const wanted = text.toLowerCase();
  const target = key.slice(key.indexOf(":") + 1);
  return key === wanted || target === wanted || target.replace(/:\d+$/, "") === wanted;
}

/** An address, `<>` or `""` for the null reverse-path, or `@example.net` for everybody there. */
function isAddress(address: string, text: string): boolean {
  const wanted = text.replace(/^<(.*)>$/, "$1").toLowerCase();
  const lower = address.toLowerCase();
  return wanted.startsWith("@") ? lower.endsWith(wanted) : lower === wanted;
}
