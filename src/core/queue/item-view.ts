import type { Instant } from "../base/time.ts";

export type ItemState = "ready" | "active" | "deferred" | "held";

export interface ItemView {
  readonly state: ItemState;
  readonly nextHop: string;
  /** When it is tried again, at the earliest; null where it is ready, active or held. */
  readonly dueAt: Instant | null;
  /** What its turn waits for beside that: `30 a minute`. */
  readonly waitsFor: string | null;
}
