import { SECOND_MS } from "../../src/core/base/time.ts";
import type { Entry, PolicyChange } from "../../src/core/policy/policy.ts";
import { parseRoute, type RouteTexts } from "../../src/core/policy/route-fields.ts";
import type { RouteRule } from "../../src/core/policy/route-rule.ts";
import { RouteTable } from "../../src/core/policy/route-table.ts";
import type { Chance } from "./chance.ts";

/** Messages a minute that the route PACED allows. */
const RATE_A_MINUTE = 1;
const PACED = "PACED";

/** What operators make of the routes: at most one a recipient's domain, so that no route hides another. */
const ROUTES: readonly [RouteRule, ...RouteRule[]] = [
  route(PACED, { RCPDMN: ["one.example"], RATEMIN: [String(RATE_A_MINUTE)] }),
  route(PACED, { RCPDMN: ["one.example"], RATEMIN: [String(RATE_A_MINUTE)] }),
  route("HELD", { RCPDMN: ["three.example"], ACTION: ["*HOLD"] }),
  route("ELSEWHERE", { RCPDMN: ["three.example"], ACTION: ["*RELAY"], RLYHOST: ["router.example"] }),
  route("REFUSED", { RCPDMN: ["two.example"], ACTION: ["*REFUSE"] }),
  route("CAPTURED", { RCPDMN: ["sub.near.example"], ACTION: ["*CAPTURE"] }),
];

export function addRoute(chance: Chance): PolicyChange {
  const value = { kind: "route", route: chance.pick(ROUTES) } as const;
  return { kind: "add-entry", entry: { list: "*ROUTE", value, text: "", expiresAt: null } };
}

/** The routes as they would be with a window that is off by one. */
export function offByOne(entries: readonly Entry[]): RouteTable {
  return new RouteTable(
    entries.map((entry) => {
      if (entry.value.kind !== "route" || entry.value.route.name !== PACED) return entry;
      const { route } = entry.value;
      return {
        ...entry,
        value: { kind: "route", route: { ...route, pace: { ...route.pace, perMinute: RATE_A_MINUTE + 1 } } },
      };
    }),
  );
}

function route(name: string, texts: RouteTexts): RouteRule {
  const parsed = parseRoute(name, texts);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed));
  return parsed.value;
}

/**
 * From its turn to the sending of a message names are looked up and the store is read, which takes at most the rest of a minute: within this
 * span no more go out than may begin within a minute.
 */
const SPAN_MS = 30 * SECOND_MS;

/** Looks whether a next hop gets more than its pace allows. */
export class PaceWatch {
  /** The clock was never set: a small step ahead is time that passed, to the program. */
  isTimePlain = true;
  readonly #begun = new Map<string, number[]>();

  /** The route is gone, or the program is: what comes is counted anew. */
  forget(): void {
    this.#begun.clear();
  }

  /** A message for the key goes out. Whether that is more than its route allows. */
  isTooMuch(key: string, now: number): boolean {
    if (!this.isTimePlain || !key.startsWith(`${PACED}/`)) return false;
    const begun = (this.#begun.get(key) ?? []).filter((at) => now - at < SPAN_MS);
    begun.push(now);
    this.#begun.set(key, begun);
    return begun.length > RATE_A_MINUTE;
  }
}
