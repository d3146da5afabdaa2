import type { Instant } from "../core/base/time.ts";
import type { Content } from "../core/mail/content.ts";
import type { Envelope } from "../core/mail/envelope.ts";
import type { ReportedOutcome } from "../core/queue/dsn.ts";
import type { AcceptedMessage, Origin, QueuedMessage, QueueId } from "../core/queue/message.ts";
import type { Outcome } from "../core/queue/outcome.ts";
import type { Spool } from "./ports.ts";

/** What a message costs in memory besides its content, roughly. */
const OVERHEAD_OCTETS = 1_024;

/** A message while something is done with it: what the spool has, and what is not written there yet. */
export class LiveMessage implements QueuedMessage {
  readonly id: QueueId;
  readonly acceptedAt: Instant;
  readonly origin: Origin;
  readonly envelope: Envelope;
  readonly sizeOctets: number;
  readonly attempts: number;
  readonly held: boolean;
  released: boolean;
  /** The latest outcome of each recipient, written or not. */
  readonly outcomes: (Outcome | null)[];
  /** The route key of each recipient, as the policy said when it was last looked at. */
  keys: readonly string[];
  /** How often the routes had changed when the keys were made. */
  routes: number;
  /** How often they had changed when its items in the schedule were last compared with its keys; -1 never. */
  routesOfItems = -1;
  /** In memory since it was received; null where it must be read from the spool. */
  readonly content: Content | null;
  /** Attempts under way. */
  active = 0;
  /** Failures that no report told of yet. They are written once it did: a crash before that repeats them. */
  unreported: ReportedOutcome[] = [];
  /** Some of it went to the capture box: it stays there at the end. */
  captured = false;
  /** An operator takes it out: nothing more is told of it. */
  withdrawn = false;
  /** Writes of outcomes, one after the other. */
  writing: Promise<void> | null = null;

  constructor(message: QueuedMessage, content: Content | null, keys: readonly string[], routes: number) {
    this.id = message.id;
    this.acceptedAt = message.acceptedAt;
    this.origin = message.origin;
    this.envelope = message.envelope;
    this.sizeOctets = message.sizeOctets;
    this.attempts = message.attempts;
    this.held = message.held;
    this.released = message.released === true;
    this.outcomes = [...message.outcomes];
    this.keys = keys;
    this.routes = routes;
    this.content = content;
  }
}

/** The messages that are live, fresh ones with their content as far as the budget goes. */
export class LiveMessages {
  readonly #spool: Spool;
  readonly #octetsMax: number;
  readonly #routeKeys: (message: QueuedMessage) => readonly string[];
  readonly #live = new Map<QueueId, LiveMessage>();
  readonly #loading = new Map<QueueId, Promise<LiveMessage | null>>();
  #octets = 0;
  #routes = 0;

  constructor(spool: Spool, octetsMax: number, routeKeys: (message: QueuedMessage) => readonly string[]) {
    this.#spool = spool;
    this.#octetsMax = octetsMax;
    this.#routeKeys = routeKeys;
  }

  get octets(): number {
    return this.#octets;
  }

  /** Keeps a fresh message, at the cost of the oldest that wait; where all are under way and the budget is used, it is not kept. */
  keep(message: AcceptedMessage): readonly string[] {
    const { id, acceptedAt, origin, envelope, content } = message;
    const outcomes = new Array<Outcome | null>(envelope.recipients.length).fill(null);
    const queued = {
      id,
      acceptedAt,
      origin,
      envelope,
      sizeOctets: content.sizeOctets,
      outcomes,
      attempts: 0,
      held: false,
    };
    const keys = this.#routeKeys(queued);
    const live = new LiveMessage(queued, content.kind === "memory" ? content : null, keys, this.#routes);
    // Its items are made of these keys.
    live.routesOfItems = this.#routes;
    this.#live.set(id, live);
    this.#octets += costOf(live);
    if (this.#octets > this.#octetsMax) this.#evict();
    return keys;
  }

  get(id: QueueId): LiveMessage | undefined {
    return this.#live.get(id);
  }

  /** The policy is another: the keys of messages that are live already may be too. */
  routesChanged(): void {
    this.#routes++;
  }

  /** Makes the keys anew where the routes changed since. While something of the message is under way they stay. */
  refreshKeys(live: LiveMessage): void {
    if (live.routes === this.#routes || live.active > 0) return;
    live.keys = this.#routeKeys(live);
    live.routes = this.#routes;
  }

  /** Reads the message from the spool; null where it is not there any more. Two callers get the same one. */
  load(id: QueueId): Promise<LiveMessage | null> {
    const loading = this.#loading.get(id);
    if (loading) return loading;
    const promise = this.#load(id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, promise);
    return promise;
  }

  /** Something is begun with the message. It may have been let go since it was read; there is never another of it. */
  begin(live: LiveMessage): void {
    live.active++;
    if (this.#live.has(live.id)) return;
    this.#live.set(live.id, live);
    this.#octets += costOf(live);
  }

  /** Lets go of a message that nobody works on. */
  drop(live: LiveMessage): void {
    if (this.#live.get(live.id) !== live) return;
    this.#live.delete(live.id);
    this.#octets -= costOf(live);
  }

  /** An operator takes the message out: nothing more is told of it, unless the spool cannot let it go. */
  withdraw(id: QueueId, withdrawn: boolean): void {
    const live = this.#live.get(id);
    if (live) live.withdrawn = withdrawn;
  }

  /** An operator lets it go on: it may go another way now than the one that held it. */
  release(id: QueueId): void {
    const live = this.#live.get(id);
    if (!live) return;
    live.released = true;
    live.routes = -1;
  }

  /** The message is gone from the spool. */
  forget(id: QueueId): void {
    const live = this.#live.get(id);
    if (!live) return;
    live.unreported = [];
    if (live.active === 0) this.drop(live);
  }

  /** Messages with failures that no report told of. */
  unreported(): LiveMessage[] {
    return [...this.#live.values()].filter((live) => live.unreported.length > 0 && live.active === 0);
  }

  async #load(id: QueueId): Promise<LiveMessage | null> {
    const queued = await this.#spool.find(id);
    if (!queued) return null;
    const known = this.#live.get(id);
    if (known) return known;
    const keys = this.#routeKeys(queued);
    const live = new LiveMessage(queued, null, keys, this.#routes);
    this.#live.set(id, live);
    this.#octets += costOf(live);
    return live;
  }

  #evict(): void {
    for (const live of this.#live.values()) {
      if (this.#octets <= this.#octetsMax) return;
      if (live.active === 0 && live.writing === null && live.unreported.length === 0) this.drop(live);
    }
  }
}

function costOf(live: LiveMessage): number {
  return OVERHEAD_OCTETS + (live.content ? live.sizeOctets : 0);
}
