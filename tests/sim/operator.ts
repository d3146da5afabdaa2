import type { Domain } from "../../src/core/mail/domain.ts";
import { parseCidr, type Network } from "../../src/core/mail/network.ts";
import type { Attributes, EntryValue, ListName, NewEntry, PolicyChange } from "../../src/core/policy/policy.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { Chance } from "./chance.ts";
import type { House } from "./house.ts";
import type { Ledger } from "./ledger.ts";
import type { Mutation } from "./mutations.ts";
import { addRoute } from "./routes.ts";

const NETWORKS: readonly [Network, ...Network[]] = [
  network("10.0.0.0/8"),
  network("10.1.0.0/16"),
  network("192.0.2.0/24"),
  network("192.0.2.128/25"),
  network("203.0.113.0/24"),
  network("127.0.0.0/8"),
  network("0.0.0.0/0"),
];

const NAMES: readonly [EntryValue, ...EntryValue[]] = [
  name("one.example", false),
  name("near.example", true),
  name("dead.example", false),
];

export interface OperatorOptions {
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly mutation: Mutation | null;
  /** Ids that the operator may have read somewhere. */
  readonly ids: () => readonly QueueId[];
  readonly now: () => number;
}

/** Operators at work, also several at once. Nothing here waits for anything: what goes wrong is told to them alone. */
export class SimOperator {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  act(house: House): void {
    const { chance, mutation } = this.#options;
    if (mutation === "everything is relayed") {
      // Behind the back of the log.
      const compiled = house.keeper.compiled();
      Object.assign(compiled, { attributes: { ...compiled.attributes, ALWRLY: "*ALL" } });
    }
    if (chance.odds(0.45)) this.#changePolicy(house);
    else this.#workQueue(house);
  }

  /** Holds what the tests shall release in the end. */
  releaseAll(house: House): Promise<unknown> {
    for (const id of this.#options.ids()) this.#options.ledger.released(id);
    return house.deliverer.release({}, "QSECOFR");
  }

  /** Mail goes other ways from now on. */
  changeRoutes(house: House): void {
    const { chance } = this.#options;
    const routes = house.keeper.entries("*ROUTE");
    const route = routes[chance.below(Math.max(1, routes.length))];
    const change = route && chance.odds(0.4) ? ({ kind: "remove-entry", id: route.id } as const) : addRoute(chance);
    quietly(house.keeper.change({ change, command: change.kind, by: "QSECOFR", confirmed: true }));
  }

  /** No mail is held back by a route any more. */
  async endRoutes(house: House): Promise<void> {
    for (const { id } of house.keeper.entries("*ROUTE")) {
      await house.keeper.change({ change: { kind: "remove-entry", id }, command: "", by: "QSECOFR", confirmed: true });
    }
  }

  #workQueue(house: House): void {
    const { chance, ledger, mutation } = this.#options;
    const ids = this.#options.ids();
    const id = ids[chance.below(Math.max(1, ids.length))];
    if (id === undefined) return;
    const filter = chance.odds(0.7) ? { ids: [id] } : chance.odds(0.5) ? { recipient: "@one.example" } : {};
    const { deliverer } = house;
    switch (chance.pick(["hold", "hold", "hold", "release", "release", "retry", "remove", "summary"])) {
      case "hold": {
        const held = mutation === "hold is ignored" ? Promise.resolve(1) : deliverer.hold({ ids: [id] }, "QSECOFR");
        const ordered = ledger.orderHold(id);
        return quietly(held.then((count) => count > 0 && house.life.alive && ordered()));
      }
      case "release":
        for (const one of "ids" in filter ? [id] : ids) ledger.released(one);
        return quietly(deliverer.release(filter, "QSECOFR"));
      case "retry":
        ledger.isTimePlain = false;
        return quietly(deliverer.retry(filter, "QSECOFR"));
      case "remove":
        ledger.removalAsked(id);
        return quietly(deliverer.remove({ ids: [id] }, "QSECOFR"));
      case "summary":
        return quietly(deliverer.summary());
    }
  }

  #changePolicy(house: House): void {
    const { chance } = this.#options;
    if (chance.odds(0.1)) return quietly(house.keeper.undo("QSECOFR", chance.odds(0.8)));
    const change = this.#change(house);
    if (change === null) return;
    quietly(house.keeper.change({ change, command: change.kind, by: "QSECOFR", confirmed: chance.odds(0.8) }));
  }

  #change(house: House): PolicyChange | null {
    const { chance, now } = this.#options;
    if (chance.odds(0.3)) return { kind: "set-attributes", attributes: this.#attributes() };
    if (chance.odds(0.3)) {
      const entries = house.keeper.entries();
      const entry = entries[chance.below(Math.max(1, entries.length))];
      if (!entry || chance.odds(0.6)) return entry ? { kind: "remove-entry", id: entry.id } : null;
      const ends = chance.odds(0.5) ? null : now() + chance.between(-1_000, 3_600_000);
      return { kind: "change-entry", id: entry.id, expiresAt: ends };
    }
    const list: ListName = chance.pick(["*ACCEPT", "*ACCEPT", "*REJECT", "*NEAR"]);
    const isName = list === "*NEAR" && chance.odds(0.6);
    const value = isName ? chance.pick(NAMES) : ({ kind: "network", network: chance.pick(NETWORKS) } as const);
    const expiresAt = chance.odds(0.2) ? now() + chance.between(1_000, 3_600_000) : null;
    return { kind: "add-entry", entry: { list, value, text: "", expiresAt } };
  }

  #attributes(): Partial<Attributes> {
    const { chance } = this.#options;
    switch (chance.below(5)) {
      case 0:
        return { MAILROUTER: chance.pick([null, "router.example", "other.example:2525"]) };
      case 1:
        return { MAXOUTEMM: chance.pick([1, 2, 100]) };
      case 2:
        return { JOURNAL: chance.pick(["*YES", "*NO"]) };
      case 3:
        return { FIREWALL: chance.pick(["*YES", "*NO"]) };
      default:
        return { ALWRLY: chance.pick(["*NONE", "*ALL", "*LIST", "*LIST", "*NEAR", "*BOTH"]) };
    }
  }
}

/** The policy of the first hour. */
export function firstChanges(): PolicyChange[] {
  const add = (list: ListName, value: EntryValue): PolicyChange => {
    const entry: NewEntry = { list, value, text: "", expiresAt: null };
    return { kind: "add-entry", entry };
  };
  const attributes: Partial<Attributes> = {
    ALWRLY: "*BOTH",
    RTYMIN: { attempts: 3, interval: 5 },
    RTYHOUR: { attempts: 9, interval: 1 },
    RTYDAY: { attempts: 0, interval: 1 },
  };
  return [
    { kind: "set-attributes", attributes },
    add("*ACCEPT", { kind: "network", network: NETWORKS[1] ?? NETWORKS[0] }),
    add("*ACCEPT", { kind: "network", network: network("127.0.0.0/8") }),
    add("*NEAR", name("near.example", true)),
  ];
}

/** A fault is the operator's to read. */
export function quietly(answer: Promise<unknown>): void {
  answer.catch(() => undefined);
}

function network(text: string): Network {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

function name(domain: string, subdomains: boolean): EntryValue {
  return { kind: "domain", domain: domain as Domain, subdomains };
}
