import type { Instant } from "../core/base/time.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import type { EntryId } from "../core/policy/policy.ts";
import type { QueueId } from "../core/queue/message.ts";
import { isSettled, type Outcome } from "../core/queue/outcome.ts";
import { HELD_BY_ROUTE, isHoldKey, ruleOfKey } from "../core/queue/route.ts";
import type { Schedule } from "../core/queue/schedule.ts";
import type { LiveMessage, LiveMessages } from "./live-messages.ts";
import type { Clock, Spool } from "./ports.ts";
import type { Routing } from "./routing.ts";
import type { Settlement } from "./settle.ts";

/** Counts the use of entries. */
export interface RouteUse {
  count(entry: EntryId, client: IpAddress, at: Instant): void;
}

export interface HoldingRoomOptions {
  readonly schedule: Schedule;
  readonly lives: LiveMessages;
  readonly settlement: Settlement;
  readonly routing: Routing;
  readonly spool: Pick<Spool, "hold">;
  readonly clock: Clock;
  readonly use: RouteUse;
}

/** Messages that a route of the policy holds: each as a whole, until an operator releases it. */
export class HoldingRoom {
  readonly #options: HoldingRoomOptions;

  constructor(options: HoldingRoomOptions) {
    this.#options = options;
  }

  /** A fresh message: counts the use of its routes, and holds it where one of them does; null where none does. */
  admit(id: QueueId): Promise<void> | null {
    const { clock, lives, routing, use } = this.#options;
    const live = routing.hasRoutes ? lives.get(id) : undefined;
    if (live === undefined) return null;
    const entries = new Set(routing.chosenFor(live).map(({ entry }) => entry.id));
    for (const entry of entries) use.count(entry, live.origin.client, clock.now());
    return isHeldByRoute(live) ? this.hold(live) : null;
  }

  /** Nothing more is begun with the message from here on; resolves when the spool knows it, and why. */
  async hold(live: LiveMessage): Promise<void> {
    const { clock, lives, schedule, settlement, spool } = this.#options;
    schedule.hold(live.id);
    lives.begin(live);
    try {
      await spool.hold([live.id], true);
      await settlement.settle(live, { passed: outcomesOf(live, clock.now()), failed: [], tell: [] });
    } finally {
      live.active--;
      if (live.active === 0 && (!schedule.has(live.id) || schedule.isQuiet(live.id))) lives.drop(live);
    }
  }
}

/** Whether a route keeps the message in the queue: as a whole, where one of its recipients goes that way. */
export function isHeldByRoute(live: LiveMessage): boolean {
  for (let i = 0; i < live.keys.length; i++) {
    if (isHoldKey(live.keys[i] ?? "") && !isSettled(live.outcomes[i] ?? null)) return true;
  }
  return false;
}

/** What is told of the recipients that are held: which route does it. */
function outcomesOf(live: LiveMessage, now: Instant): readonly Outcome[] {
  return live.keys.flatMap((key, recipient): Outcome[] => {
    const route = ruleOfKey(key);
    if (route === null || !isHoldKey(key) || isSettled(live.outcomes[recipient] ?? null)) return [];
    return [
      { kind: "deferred", recipient, at: now, nextHop: "", server: "", reply: HELD_BY_ROUTE(route), tls: "", route },
    ];
  });
}
