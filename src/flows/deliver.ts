// HOT PATH: 10 µs a message from acceptance to its outcome, without sockets and disk.
import type { Limits } from "../core/base/limits.ts";
import { MINUTE_MS, type Instant, type Random } from "../core/base/time.ts";
import type { Entry, ListName } from "../core/policy/policy.ts";
import { RETRY_MS_MIN, type Retry } from "../core/queue/backoff.ts";
import { formatQueueId, type AcceptedMessage, type QueueId } from "../core/queue/message.ts";
import { isSettled } from "../core/queue/outcome.ts";
import { ReportBudget } from "../core/queue/report-budget.ts";
import type { HopView } from "../core/queue/hop-line.ts";
import type { Slot } from "../core/queue/item-table.ts";
import { CAPTURE_KEY, parseRouteKey } from "../core/queue/route.ts";
import { Schedule } from "../core/queue/schedule.ts";
import { attempt, isAnyDeferred, outcomesOf, recipientsOf, retryOf, type Attempt, type Ways } from "./attempt.ts";
import { FAULTS_MAX, Faults } from "./faults.ts";
import type { RouteCheckerOptions } from "./check-route.ts";
import { NextHopFinder, type Accounts } from "./find-next-hop.ts";
import type { OwnHost } from "./find-servers.ts";
import type { TlsFinderOptions } from "./find-tls.ts";
import { HoldingRoom, type RouteUse, isHeldByRoute } from "./holding-room.ts";
import { learn } from "./learn.ts";
import { LiveMessages, type LiveMessage } from "./live-messages.ts";
import type { QueueEntry, QueueFilter, QueueOperations, QueueSummary } from "./operations.ts";
import type { Clock, Cryptography, ReportComposer, Resolver, Spool, Timer, Transport } from "./ports.ts";
import type { StartQueue } from "./receive-etrn.ts";
import { Recovery } from "./recover.ts";
import { Rewriter } from "./rewrite.ts";
import { Routing, type DeliveryConfiguration, type DeliveryPolicy } from "./routing.ts";
import { Settlement, type DeliveryRecorder } from "./settle.ts";
import type { Signer } from "./sign.ts";
import { SteadyTime } from "./steady-time.ts";
import { WaitingRoom } from "./waiting-room.ts";
import { QueueDesk } from "./work-queue.ts";

export interface DelivererOptions extends TlsFinderOptions {
  readonly hostname: string;
  readonly delivery: DeliveryConfiguration;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly spool: Spool;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly resolver: Pick<Resolver, "mx" | "addresses" | "tlsa">;
  readonly cryptography: Pick<Cryptography, "unseal" | "sha256">;
  readonly recorder: DeliveryRecorder;
  /** Of entries of *ROUTE. */
  readonly use: RouteUse;
  readonly composer: ReportComposer;
  readonly own: OwnHost;
  readonly accounts: Accounts;
  /** The policy of this moment, and its entries for *HOSTAUTH and *CLTBIND. */
  readonly policy: { compiled(): DeliveryPolicy | null; entries(list: ListName): readonly Entry[] };
  readonly nextQueueId: () => QueueId;
}

/** The schedule is looked at this often at least: for clocks that were set and policies that changed. */
const HEARTBEAT_MS = MINUTE_MS;

/** Delivers what is queued: attempts as the schedule says, outcomes into the spool, reports to senders. */
export class Deliverer implements QueueOperations {
  readonly #options: DelivererOptions;
  readonly #time: SteadyTime;
  readonly #schedule: Schedule;
  readonly #routing: Routing;
  readonly #nextHops: NextHopFinder;
  readonly #ways: Ways;
  readonly #lives: LiveMessages;
  readonly #settlement: Settlement;
  readonly #waitingRoom: WaitingRoom;
  readonly #holdingRoom: HoldingRoom;
  readonly #desk: QueueDesk;
  readonly #faults = new Faults();
  readonly #reports: ReportBudget;
  readonly #recovery: Recovery;
  #timer: Timer | null = null;
  #timerAt: Instant = Infinity;
  #running = 0;
  #started = false;
  #stopping = false;
  #idle: (() => void) | null = null;

  constructor(options: DelivererOptions) {
    const { clock, random, spool, limits, own, policy, recorder } = options;
    this.#options = options;
    this.#time = new SteadyTime(clock);
    this.#routing = new Routing(
      options.delivery,
      () => policy.compiled(),
      (address) => own.isOwnAddress(address),
      () => clock.now(),
    );
    this.#schedule = new Schedule(this.#routing.attributes.MAXOUTEMM, {
      windowOf: (key) => this.#routing.attemptsAtOnce(key, limits.connectionsPerNextHop),
      paceOf: (key) => this.#routing.ruleOf(key)?.pace ?? null,
      random,
    });
    this.#nextHops = new NextHopFinder({ ...options, routing: this.#routing });
    this.#ways = { ...options, nextHops: this.#nextHops, rewriter: new Rewriter(options) };
    this.#lives = new LiveMessages(spool, limits.queueMemoryOctets, (message) => this.#routing.keysOf(message));
    this.#reports = new ReportBudget(limits);
    this.#settlement = new Settlement({
      clock,
      spool,
      recorder,
      report: options,
      budget: this.#reports,
      isLocal: (domain) => policy.compiled()?.isLocal(domain, null) ?? false,
      accept: (report) => this.accept(report),
      isQuiet: (id) => this.#schedule.isQuiet(id),
      // It may still wait for a way that it went no more.
      ended: (id) => this.#schedule.remove(id),
    });
    const rooms = {
      ...options,
      schedule: this.#schedule,
      time: this.#time,
      lives: this.#lives,
      settlement: this.#settlement,
      routing: this.#routing,
    };
    this.#waitingRoom = new WaitingRoom(rooms);
    this.#holdingRoom = new HoldingRoom(rooms);
    this.#recovery = new Recovery({ ...rooms, faults: this.#faults });
    this.#desk = new QueueDesk({
      ...rooms,
      note: (ids, become) => this.#noteOperator(ids, become),
      keysOf: (message) => this.#routing.keysOf(message),
      wake: () => this.#pump(),
      keyOfHost: (host) => this.#routing.keyOfHost(host),
      reportsWithheld: () => this.#reports.withheld,
    });
    this.#routing.onChange = () => this.#onPolicyChange();
    this.#onPolicyChange();
  }

  // --- life -------------------------------------------------------------------------------------------------------------

  /** Begins to deliver and takes in what the spool has, page by page; resolves when all of it is in the schedule. */
  async start(): Promise<void> {
    this.#started = true;
    this.#pump();
    // What comes in from now on has a higher id, and comes by `accept`.
    const end = this.#options.nextQueueId();
    await this.#recovery.run(
      end,
      () => this.#stopping,
      () => this.#pump(),
    );
  }

  /** Starts nothing more, lets attempts end until the deadline, and writes their outcomes. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAt = Infinity;
    await this.#options.transport.close(deadlineMs);
    const timer = this.#options.clock.after(STOP_GRACE_MS, () => {
      this.#settlement.giveUp();
      this.#idle?.();
    });
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#settlement.drain();
    timer.cancel();
  }

  /** Takes a message that is safe in the spool; delivers it straight from memory as soon as its turn comes. Never throws or waits. */
  accept(message: AcceptedMessage): void {
    if (this.#stopping || !this.#started) return;
    const keys = this.#lives.keep(message);
    const now = this.#time.now();
    const acceptedAt = message.acceptedAt;
    if (keys.length === 1) this.#schedule.add(message.id, keys[0] ?? "", acceptedAt, 0, now, now);
    else for (const key of new Set(keys)) this.#schedule.add(message.id, key, acceptedAt, 0, now, now);
    const held = this.#holdingRoom.admit(message.id);
    if (held !== null) this.#aside(held);
    this.#pump();
  }

  readonly startQueue: StartQueue = (domain, subdomains, by) => this.#desk.startQueue(domain, subdomains, by);

  /** Messages in the queue now. */
  get queued(): number {
    return this.#schedule.messages;
  }

  // --- QueueOperations --------------------------------------------------------------------------------------------------

  list(filter: QueueFilter, limit: number): Promise<readonly QueueEntry[]> {
    return this.#desk.list(filter, limit);
  }

  find(id: QueueId): Promise<QueueEntry | null> {
    return this.#desk.find(id);
  }

  content(id: QueueId, octetsMax: number): Promise<Uint8Array | null> {
    return this.#desk.content(id, octetsMax);
  }

  hold(filter: QueueFilter, by: string): Promise<number> {
    return this.#desk.hold(filter, by);
  }

  release(filter: QueueFilter, by: string): Promise<number> {
    return this.#desk.release(filter, by);
  }

  retry(filter: QueueFilter, by: string): Promise<number> {
    return this.#desk.retry(filter, by);
  }

  remove(filter: QueueFilter, by: string): Promise<number> {
    return this.#desk.remove(filter, by);
  }

  summary(): Promise<QueueSummary> {
    return this.#desk.summary();
  }

  /** The ways of mail, for who asks where it would go. */
  get ways(): RouteCheckerOptions["ways"] {
    return {
      keysOf: (message) => this.#routing.keysOf(message),
      matchesOf: (message) => this.#routing.matchesFor(message),
      isCapturing: this.#options.delivery.mode === "capture",
      find: (key) => this.#nextHops.find(parseRouteKey(key)),
    };
  }

  hops(limit: number): readonly HopView[] {
    return this.#desk.hops(limit);
  }

  // --- the schedule -----------------------------------------------------------------------------------------------------

  #pump(): void {
    if (this.#stopping || !this.#started) return;
    const now = this.#time.now();
    while (!this.#settlement.isStuck) {
      const slot = this.#schedule.start(now);
      if (slot < 0) break;
      void this.#run(slot);
    }
    this.#setTimer(now);
  }

  /** One timer, for the next thing that time makes due. It is set anew only where that comes earlier than before. */
  #setTimer(now: Instant): void {
    const wakeAt = this.#settlement.isStuck ? Infinity : this.#schedule.wakeAt();
    const at = Math.min(wakeAt, now + HEARTBEAT_MS);
    if (this.#timerAt <= at) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#time.after(Math.max(0, at - now), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = null;
    this.#timerAt = Infinity;
    this.#routing.refresh();
    for (const live of this.#lives.unreported()) {
      if (this.#schedule.isQuiet(live.id)) this.#aside(this.#tellFailures(live));
    }
    this.#pump();
  }

  #onPolicyChange(): void {
    this.#schedule.attemptsMax = this.#routing.attributes.MAXOUTEMM;
    this.#nextHops.forget();
    this.#lives.routesChanged();
    this.#schedule.forgive(this.#time.now());
  }

  /** What operators did to messages: what recovery read of them before counts no more, and who releases one answers for it. */
  #noteOperator(ids: readonly QueueId[], become: "held" | "free" | "gone" | null): void {
    this.#recovery.note(ids, become);
    if (become === "free" || become === "gone") for (const id of ids) this.#faults.forget(id);
  }

  // --- one attempt ------------------------------------------------------------------------------------------------------

  /** Never throws: what goes wrong with one message is its own affair. */
  async #run(slot: Slot): Promise<void> {
    this.#running++;
    const id = this.#schedule.idOf(slot);
    try {
      await this.#faults.attempt(id, () => this.#attempt(slot, id));
    } catch (error) {
      this.#endFaulty(slot, id, error);
    }
    this.#running--;
    if (this.#running === 0) this.#idle?.();
    this.#pump();
  }

  async #attempt(slot: Slot, id: QueueId): Promise<void> {
    let live = this.#lives.get(id) ?? null;
    if (live === null || this.#schedule.attemptsOf(slot) > 0) {
      // Should the relay not survive this attempt, the next start knows. The first attempt of a fresh message does without.
      const begun = this.#options.spool.begin(id, this.#faults.of(id)).catch(() => undefined);
      live ??= await this.#lives.load(id);
      await begun;
    }
    if (live === null) this.#schedule.settle(slot);
    else await this.#deliver(slot, live);
  }

  async #deliver(slot: Slot, live: LiveMessage): Promise<void> {
    const key = this.#schedule.keyOf(slot);
    this.#lives.refreshKeys(live);
    if (isHeldByRoute(live)) {
      await this.#holdingRoom.hold(live);
      this.#schedule.requeue(slot);
      return;
    }
    const indices = recipientsOf(live, key);
    this.#lives.begin(live);
    try {
      if (live.routesOfItems !== live.routes && live.keys.some((other) => other !== key)) this.#addMissing(slot, live);
      if (indices.length === 0) {
        this.#schedule.settle(slot);
        if (live.outcomes.every(isSettled)) await this.#settlement.settle(live, NOTHING);
        return;
      }
      const begunAt = this.#options.clock.now();
      const isWanted = (): boolean => this.#schedule.wantedOf(slot) === "attempt";
      const tried = await attempt(live, key, indices, this.#ways, isWanted);
      if (tried === "gone") this.#schedule.settle(slot);
      else if (tried === "unwanted") this.#schedule.requeue(slot);
      else await this.#conclude(slot, live, key, indices, tried, begunAt);
    } finally {
      live.active--;
      if (live.active === 0 && live.unreported.length === 0 && this.#mayDrop(live.id)) this.#lives.drop(live);
    }
  }

  #mayDrop(id: QueueId): boolean {
    return !this.#schedule.has(id) || this.#schedule.isQuiet(id);
  }

  /** The routes may have changed since the items of the message were made: whoever goes another way gets an item for it. */
  #addMissing(slot: Slot, live: LiveMessage): void {
    const wanted = this.#schedule.wantedOf(slot);
    if (wanted === "removal") return;
    live.routesOfItems = live.routes;
    const now = this.#time.now();
    const known = new Set(this.#schedule.itemsOf(live.id, now).map(({ nextHop }) => nextHop));
    const attempts = this.#schedule.attemptsOf(slot);
    for (const key of new Set(live.keys)) {
      if (known.has(key) || recipientsOf(live, key).length === 0) continue;
      this.#schedule.add(live.id, key, live.acceptedAt, attempts, now, now);
    }
    if (wanted === "hold") this.#schedule.hold(live.id);
  }

  async #conclude(
    slot: Slot,
    live: LiveMessage,
    key: string,
    indices: readonly number[],
    tried: Attempt,
    begunAt: Instant,
  ): Promise<void> {
    const now = this.#options.clock.now();
    this.#faults.forget(live.id);
    const { paused, crowded, slowed, worked } = learn(this.#schedule, slot, tried, this.#time);
    if (worked) this.#waitingRoom.ended(key);
    const context = {
      plan: this.#routing.plan,
      queueAgeMs: this.#options.limits.queueAgeMs,
      random: this.#options.random,
      now,
      attempts: this.#schedule.attemptsOf(slot),
    };
    const deferred = isAnyDeferred(tried);
    const planned = deferred ? retryOf(context, live, paused, crowded || slowed) : NO_RETRY;
    // Held in the meantime, or its time ran out in the meantime, as where the clock was set: once more before it is given up.
    const isInTime = begunAt < live.acceptedAt + context.queueAgeMs && now >= live.acceptedAt + context.queueAgeMs;
    const isKept = deferred && planned.kind === "expired" && (isInTime || this.#schedule.wantedOf(slot) === "hold");
    const retry: Retry = isKept ? { kind: "retry", at: now + RETRY_MS_MIN } : planned;
    const outcomes = outcomesOf(live, indices, tried, retry, now, this.#options.limits.delayReportMs);
    if (!deferred || retry.kind === "expired") {
      // Room at the next hop is free at once; a capture is done when the disk says so.
      if (key === CAPTURE_KEY) live.captured = true;
      else this.#schedule.settle(slot);
    } else if (paused !== null) this.#schedule.requeue(slot);
    else this.#schedule.defer(slot, this.#time.fromWall(retry.at), !crowded);
    if (paused !== null || slowed) this.#aside(this.#waitingRoom.probed(key, tried));
    // The outcomes are noted at once: what starts now knows them.
    const written = this.#settlement.settle(live, outcomes);
    if (key !== CAPTURE_KEY) this.#pump();
    await written;
    if (key === CAPTURE_KEY) this.#schedule.settle(slot);
  }

  async #tellFailures(live: LiveMessage): Promise<void> {
    this.#lives.begin(live);
    try {
      await this.#settlement.settle(live, NOTHING);
    } finally {
      live.active--;
      if (live.active === 0 && this.#mayDrop(live.id)) this.#lives.drop(live);
    }
  }

  /** What goes on beside the attempts: a fault of it is told, and what was left undone comes up again. */
  #aside(task: Promise<void>): void {
    const { clock, recorder } = this.#options;
    task.catch((error: unknown) => {
      const text = `Looking after waiting messages failed inside the relay: ${describe(error)}`;
      recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
    });
  }

  /** An attempt that ended in a fault of our own: tried again later, held after the third in a row. */
  #endFaulty(slot: Slot, id: QueueId, error: unknown): void {
    const { clock, recorder, spool } = this.#options;
    const faults = this.#faults.of(id) + 1;
    const held = faults >= FAULTS_MAX;
    this.#faults.set(id, faults);
    if (held) {
      this.#schedule.hold(id);
      void spool.hold([id], true).catch(() => {});
    }
    if (this.#schedule.isActive(slot, id)) this.#schedule.defer(slot, this.#time.now() + 5 * RETRY_MS_MIN);
    const text = `Delivering ${formatQueueId(id)} failed inside the relay${held ? ", it is held" : ""}: ${describe(error)}`;
    recorder.operation({ at: clock.now(), by: "*SYSTEM", text });
  }
}

function describe(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

const NOTHING = { passed: [], failed: [], tell: [] };
const NO_RETRY: Retry = { kind: "expired" };
/** After the connections are closed, outcomes are written within this time or at the next start. */
const STOP_GRACE_MS = 5_000;
