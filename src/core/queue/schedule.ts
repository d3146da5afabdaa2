// HOT PATH: add, start and settle of one item together at most 2 µs, O(log n), with a million items deferred.
import { assert } from "../base/assert.ts";
import type { Instant, Random } from "../base/time.ts";
import type { Reply } from "../mail/reply.ts";
import type { Hop, HopView, Standing } from "./hop-line.ts";
import { AttemptShares } from "./attempt-shares.ts";
import { HopRing } from "./hop-ring.ts";
import type { ItemState, ItemView } from "./item-view.ts";
import { ItemTable, type Slot } from "./item-table.ts";
import type { QueueId } from "./message.ts";
import type { Pace } from "../mail/next-hop-terms.ts";
import { SlotHeap } from "./slot-heap.ts";

export interface ScheduleOptions {
  /** How many attempts may run at once to the next hop of this key. */
  readonly windowOf: (key: string) => number;
  /** How fast attempts may begin to it; null where nothing bounds that. */
  readonly paceOf: (key: string) => Pace | null;
  readonly random: Random;
}

/** Of what a next hop said last. */
const REFUSAL_CHARACTERS_MAX = 300;

const FREE = 0;
const READY = 1;
const ACTIVE = 2;
const DEFERRED = 3;
const HELD = 4;
/** Wanted while an attempt was under way; done when it ends. */
const HOLD_WANTED = 5;
const REMOVE_WANTED = 6;

/**
 * What is due, and how many at once per next hop. Next hops take turns, so that a long queue for one never holds up another. A
 * next hop in trouble gets one probe at a time, further and further apart, while its other items wait behind it untouched.
 * Pure: it is told the time, and says when it wants to be asked again. Numbers in typed arrays, about 60 octets an item.
 */
export class Schedule {
  readonly #random: Random;
  readonly #shares: AttemptShares;
  readonly #items = new ItemTable();
  readonly #deferred = new SlotHeap();
  readonly #hops: HopRing;
  readonly #count = [0, 0, 0, 0, 0, 0, 0];

  /** `attemptsMax`: attempts at once over all next hops (MAXOUTEMM). */
  constructor(attemptsMax: number, options: ScheduleOptions) {
    this.#shares = new AttemptShares(attemptsMax);
    this.#hops = new HopRing(options.windowOf, options.paceOf);
    this.#random = options.random;
  }

  set attemptsMax(attemptsMax: number) {
    this.#shares.attemptsMax = attemptsMax;
  }

  get messages(): number {
    return this.#items.messages;
  }

  get active(): number {
    return this.#shares.underWay;
  }

  /** Items of one state. What waits behind a next hop that is given nothing now is deferred: it waits for the next probe, or its turn. */
  count(state: ItemState): number {
    const behindTrouble = this.#hops.waitingBehindTrouble;
    switch (state) {
      case "active":
        return this.active;
      case "ready":
        return this.#counted(READY) - behindTrouble;
      case "deferred":
        return this.#counted(DEFERRED) + behindTrouble;
      case "held":
        return this.#counted(HELD);
    }
  }

  has(id: QueueId): boolean {
    return this.#items.has(id);
  }

  /** Takes an item in; due at once where `dueAt` is not after `now`. A message has at most one item for a key. */
  add(id: QueueId, key: string, acceptedAt: Instant, attempts: number, dueAt: Instant, now: Instant): void {
    const slot = this.#items.take(id);
    const hop = this.#hops.join(key);
    this.#items.acceptedAt[slot] = acceptedAt;
    this.#items.hop[slot] = hop.index;
    this.#items.attempts[slot] = attempts;
    if (dueAt <= now) this.#makeReady(slot);
    else this.#makeDeferred(slot, dueAt);
  }

  /** Starts the next attempt that is due and has room, -1 where there is none. It ends with `settle`, `defer` or `requeue`. */
  start(now: Instant): Slot {
    this.#wake(now);
    if (this.#shares.underWay >= this.#shares.attemptsMax) return -1;
    for (let hop = this.#hops.leave(this.#shares); hop !== null; hop = this.#hops.leave(this.#shares)) {
      if (!hop.runnable) continue;
      const slot = hop.head;
      const standing = this.#standingOf(hop);
      if (standing !== "proven" && !this.#shares.hasRoom(standing)) {
        this.#hops.park(hop, standing);
        continue;
      }
      this.#unlink(slot, hop);
      this.#setState(slot, ACTIVE);
      hop.active++;
      this.#items.standing[slot] = this.#shares.begin(standing);
      this.#hops.begun(hop, now);
      if (hop.runnable) this.#hops.enter(hop);
      return slot;
    }
    return -1;
  }

  #standingOf(hop: Hop): Standing {
    if (hop.isProven) return "proven";
    return hop.failures > 0 || (this.#items.attempts[hop.head] ?? 0) > 0 ? "doubtful" : "unknown";
  }

  /** When time alone makes something due; Infinity where nothing waits for time. Asked after `start` gave -1. */
  wakeAt(): Instant {
    return Math.min(this.#deferred.firstDueAt, this.#hops.firstStopEndsAt);
  }

  idOf(slot: Slot): QueueId {
    return (this.#items.id[slot] ?? 0) as QueueId;
  }

  keyOf(slot: Slot): string {
    return this.#hopOf(slot).key;
  }

  acceptedAtOf(slot: Slot): Instant {
    return this.#items.acceptedAt[slot] ?? 0;
  }

  /** Attempts that ended before this one. */
  attemptsOf(slot: Slot): number {
    return this.#items.attempts[slot] ?? 0;
  }

  /** Whether the attempt of this item has not ended yet. */
  isActive(slot: Slot, id: QueueId): boolean {
    const state = this.#items.state[slot];
    return this.#items.id[slot] === id && (state === ACTIVE || state === HOLD_WANTED || state === REMOVE_WANTED);
  }

  /** What is to become of the active item: an operator may have held or removed its message since it was started. */
  wantedOf(slot: Slot): "attempt" | "hold" | "removal" {
    const state = this.#items.state[slot];
    if (state === HOLD_WANTED) return "hold";
    return state === REMOVE_WANTED ? "removal" : "attempt";
  }

  /** Until when the next hop of this item is left alone. */
  pausedUntil(slot: Slot): Instant {
    return this.#hopOf(slot).pausedUntil;
  }

  // --- how an attempt ends ----------------------------------------------------------------------------------------------

  /** The next hop of this active item can be used: whatever it said to the message, its trouble is over. */
  worked(slot: Slot, now: Instant): void {
    this.#hops.worked(this.#hopOf(slot), now);
  }

  /**
   * The next hop of this active item could not be used. `crowded`: it serves other attempts of ours just now, so there are
   * merely too many, and fewer are made. `paused`: it is left alone for a while, and everything for it waits.
   */
  troubled(slot: Slot, now: Instant): "crowded" | "paused" {
    return this.#hops.troubled(this.#hopOf(slot), now, this.#random);
  }

  /** The active item has nothing more to do. */
  settle(slot: Slot): void {
    this.#endAttempt(slot);
    this.#drop(slot);
  }

  /** The active item is tried again at `dueAt`. Attempts count that were the message's own affair. */
  defer(slot: Slot, dueAt: Instant, counts = true): void {
    if (counts) this.#items.attempts[slot] = Math.min(0xffff, this.attemptsOf(slot) + 1);
    if (this.#endAttempt(slot)) this.#makeDeferred(slot, dueAt);
    else this.#fulfil(slot, dueAt);
  }

  /** The active item, whose next hop is in trouble, goes to the end of its line. */
  requeue(slot: Slot): void {
    if (this.#endAttempt(slot)) this.#makeReady(slot);
    else this.#fulfil(slot, 0);
  }

  /** The next hop of this active item asked for less; `retryAfterMs` where it said for how long nothing is to come, else 0. */
  asksForLess(slot: Slot, now: Instant, retryAfterMs: number): void {
    this.#hops.asksForLess(this.#hopOf(slot), now, retryAfterMs, this.#random);
  }

  /** What the next hop of this active item said when it was in trouble, or asked for less. */
  said(slot: Slot, refusal: Reply | null): void {
    this.#hopOf(slot).lastRefusal =
      refusal === null ? null : { ...refusal, text: [refusal.text.join(" ").slice(0, REFUSAL_CHARACTERS_MAX)] };
  }

  /** Forgets the trouble of every next hop, and goes by the paces of now. */
  forgive(now: Instant): void {
    this.#hops.forgive(now);
  }

  /** The next hops as operators see them, those in trouble first. */
  hops(now: Instant, limit: number): readonly HopView[] {
    return this.#hops.views(now, limit);
  }

  hopsInTrouble(): { readonly open: number; readonly slowed: number } {
    return this.#hops.troubles();
  }

  // --- what an operator does --------------------------------------------------------------------------------------------

  /** Holds every item of the message; one under way when its attempt ends. Whether there was one. */
  hold(id: QueueId): boolean {
    return this.#eachOf(id, (slot, state) => {
      if (state === ACTIVE) this.#setState(slot, HOLD_WANTED);
      if (state !== READY && state !== DEFERRED) return;
      this.#withdraw(slot, state);
      this.#makeHeld(slot, state === READY ? 0 : this.#deferred.dueAt(slot));
    });
  }

  /** Whether an item of the message is held, or will be when its attempt ends. */
  isHeld(id: QueueId): boolean {
    let held = false;
    this.#eachOf(id, (_slot, state) => {
      if (state === HELD || state === HOLD_WANTED) held = true;
    });
    return held;
  }

  /** Held items go on from where they were: they are tried when they would have been. */
  release(id: QueueId): boolean {
    return this.#eachOf(id, (slot, state) => {
      if (state === HOLD_WANTED) this.#setState(slot, ACTIVE);
      if (state !== HELD) return;
      const dueAt = this.#deferred.dueAt(slot);
      if (dueAt === 0) this.#makeReady(slot);
      else this.#makeDeferred(slot, dueAt);
    });
  }

  /** Deferred items become ready, and a next hop in trouble is probed now. */
  retry(id: QueueId, now: Instant): boolean {
    return this.#eachOf(id, (slot, state) => {
      if (state === DEFERRED) {
        this.#withdraw(slot, state);
        this.#makeReady(slot);
      }
      if (state !== HELD) this.#hops.endRest(this.#hopOf(slot), now);
    });
  }

  /**
   * Deferred items for the next hops whose keys are wanted become ready, and those in trouble are probed now; how many items wait there.
   * Looks at every item.
   */
  retryHops(isWanted: (key: string) => boolean, now: Instant): number {
    const wanted = new Set(this.#hops.matching(isWanted));
    let waiting = 0;
    if (wanted.size === 0) return waiting;
    for (let slot = 0; slot < this.#items.state.length; slot++) {
      const state = this.#items.state[slot] ?? FREE;
      if ((state !== DEFERRED && state !== READY) || !wanted.has(this.#items.hop[slot] ?? -1)) continue;
      waiting++;
      if (state !== DEFERRED) continue;
      this.#withdraw(slot, state);
      this.#makeReady(slot);
    }
    for (const index of wanted) this.#hops.endRest(this.#hops.at(index), now);
    return waiting;
  }

  /** Forgets every item of the message; one under way when its attempt ends. */
  remove(id: QueueId): boolean {
    return this.#eachOf(id, (slot, state) => {
      if (state === ACTIVE || state === HOLD_WANTED) this.#setState(slot, REMOVE_WANTED);
      if (state !== READY && state !== DEFERRED && state !== HELD) return;
      this.#withdraw(slot, state);
      this.#drop(slot);
    });
  }

  /** The items of a message that is in the schedule, removed ones under way excepted. */
  itemsOf(id: QueueId, now: Instant): ItemView[] {
    const views: ItemView[] = [];
    this.#eachOf(id, (slot, state) => {
      if (state !== REMOVE_WANTED) views.push(this.#view(slot, state, now));
    });
    return views;
  }

  /** Whether no item of the message is under way or about to be. */
  isQuiet(id: QueueId): boolean {
    let quiet = true;
    this.#eachOf(id, (slot, state) => {
      if (state === READY ? !this.#hopOf(slot).rests : state !== DEFERRED && state !== HELD) quiet = false;
    });
    return quiet;
  }

  /** Ready items behind a next hop, in order: those of one in trouble wait for its probe. */
  eachWaiting(key: string, visit: (id: QueueId, acceptedAt: Instant) => void): void {
    let slot = this.#hops.get(key)?.head ?? -1;
    while (slot >= 0) {
      const next = this.#items.next[slot] ?? -1;
      visit(this.idOf(slot), this.acceptedAtOf(slot));
      slot = next;
    }
  }

  /** Takes one item of a message that waits for its turn or its time out of the schedule; a held one stays. */
  removeItem(id: QueueId, key: string): boolean {
    let removed = false;
    this.#eachOf(id, (slot, state) => {
      if ((state !== READY && state !== DEFERRED) || this.keyOf(slot) !== key) return;
      this.#withdraw(slot, state);
      this.#drop(slot);
      removed = true;
    });
    return removed;
  }

  #view(slot: Slot, state: number, now: Instant): ItemView {
    const hop = this.#hopOf(slot);
    const view = { nextHop: hop.key, dueAt: null, waitsFor: null };
    if (state === DEFERRED) return { ...view, state: "deferred", dueAt: this.#deferred.dueAt(slot) };
    if (state === READY && hop.stopped) {
      return { ...view, state: "deferred", dueAt: hop.stoppedUntil, waitsFor: hop.gated ? hop.heldUpBy(now) : null };
    }
    return { ...view, state: state === READY ? "ready" : state === HELD ? "held" : "active" };
  }

  // --- moving items -----------------------------------------------------------------------------------------------------

  #wake(now: Instant): void {
    while (this.#deferred.firstDueAt <= now) this.#makeReady(this.#deferred.pop());
    this.#hops.wake(now);
  }

  /** Ends an attempt. False where an operator wanted something in the meantime, which `#fulfil` does. */
  #endAttempt(slot: Slot): boolean {
    const state = this.#items.state[slot];
    assert(state === ACTIVE || state === HOLD_WANTED || state === REMOVE_WANTED, "the attempt was under way");
    const hop = this.#hopOf(slot);
    hop.active--;
    this.#shares.end(this.#items.standing[slot] ?? 0);
    this.#hops.unpark();
    if (hop.runnable) this.#hops.enter(hop);
    return state === ACTIVE;
  }

  #fulfil(slot: Slot, dueAt: Instant): void {
    if (this.#items.state[slot] === REMOVE_WANTED) this.#drop(slot);
    else this.#makeHeld(slot, dueAt);
  }

  /** The heap remembers when the item would have been due; 0 is at once. */
  #makeHeld(slot: Slot, dueAt: Instant): void {
    this.#deferred.note(slot, dueAt);
    this.#setState(slot, HELD);
  }

  #makeReady(slot: Slot): void {
    const hop = this.#hopOf(slot);
    this.#items.next[slot] = -1;
    this.#items.previous[slot] = hop.tail;
    if (hop.tail < 0) hop.head = slot;
    else this.#items.next[hop.tail] = slot;
    hop.tail = slot;
    this.#hops.waits(hop, 1);
    this.#setState(slot, READY);
    if (hop.runnable) this.#hops.enter(hop);
  }

  #makeDeferred(slot: Slot, dueAt: Instant): void {
    this.#deferred.add(slot, dueAt);
    this.#setState(slot, DEFERRED);
  }

  /** Takes a waiting item from where it waits. */
  #withdraw(slot: Slot, state: number): void {
    if (state === DEFERRED) this.#deferred.remove(slot);
    if (state === READY) this.#unlink(slot, this.#hopOf(slot));
  }

  #unlink(slot: Slot, hop: Hop): void {
    const next = this.#items.next[slot] ?? -1;
    const previous = this.#items.previous[slot] ?? -1;
    if (previous < 0) hop.head = next;
    else this.#items.next[previous] = next;
    if (next < 0) hop.tail = previous;
    else this.#items.previous[next] = previous;
    this.#hops.waits(hop, -1);
    if (previous < 0) this.#hops.stepIn(hop);
  }

  /** Frees the slot of an item that waits nowhere any more. */
  #drop(slot: Slot): void {
    this.#hops.part(this.#hopOf(slot));
    this.#setState(slot, FREE);
    this.#items.give(slot);
  }

  #setState(slot: Slot, state: number): void {
    const before = this.#items.state[slot] ?? FREE;
    this.#count[before] = this.#counted(before) - 1;
    this.#count[state] = this.#counted(state) + 1;
    this.#items.state[slot] = state;
  }

  #counted(state: number): number {
    return this.#count[state] ?? 0;
  }

  /** Calls `visit` for each item of the message; it may drop the item. Whether there was one. */
  #eachOf(id: QueueId, visit: (slot: Slot, state: number) => void): boolean {
    const first = this.#items.firstOf(id);
    for (let slot = first; slot >= 0;) {
      const sibling = this.#items.sibling[slot] ?? -1;
      visit(slot, this.#items.state[slot] ?? FREE);
      slot = sibling;
    }
    return first >= 0;
  }

  #hopOf(slot: Slot): Hop {
    return this.#hops.at(this.#items.hop[slot] ?? -1);
  }
}
