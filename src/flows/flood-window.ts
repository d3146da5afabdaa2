import { MINUTE_MS, type Instant } from "../core/base/time.ts";
import type { IpAddress } from "../core/mail/ip.ts";
import { networkOf, type Network } from "../core/mail/network.ts";
import type { JournalEvent } from "./ports.ts";
import type { DecisionEvent } from "./record.ts";

/** Rows of a window kept back for aggregates: of one client and domain, and of one network. */
const KEY_ROWS = 500;
const NETWORK_ROWS = 500;
/** Of those, for what fits nowhere else: one row for each rule, entry and policy version, the last one for all others. */
const OVERALL_ROWS = 16;

type DecisionRow = Extract<JournalEvent, { kind: "decision" }>;

/** One row that counts: all decisions it stands for had its verdict, rule, entry, policy version and user. */
interface Aggregate {
  readonly event: DecisionRow;
  count: number;
  isDirty: boolean;
}

/** What one client did for one domain in this window, or a network, or everybody else. */
interface Group {
  /** Rows of their own that it has had. */
  own: number;
  /** The number that its aggregates share; negative while there are none. */
  id: number;
  readonly aggregates: Aggregate[];
}

export interface FloodWindowOptions {
  /** Decisions of one client about one domain that get a row of their own in each minute. */
  readonly ownRowsPerKey: number;
  /** Rows of all kinds in each minute: no flood of whatever shape makes more. */
  readonly rows: number;
  readonly write: (event: DecisionRow) => void;
}

/**
 * Decides for each decision of one minute whether it has its own row or is counted in one that stands for many. While rows
 * are left, by client and domain; then by network of the client (IPv4 /24, IPv6 /64); then all in one. Memory is bounded by
 * the number of rows: nothing is remembered of what made no row.
 */
export class FloodWindow {
  readonly #options: FloodWindowOptions;
  #minute = -1;
  #rows = 0;
  #groups = new Map<number | string, Map<string, Group>>();
  #networks = new Map<number | string, Group>();
  #overall = newGroup();
  #dirty: Aggregate[] = [];

  constructor(options: FloodWindowOptions) {
    this.#options = options;
  }

  /** The number of the aggregate that the next decision of this client about this domain would be counted in; -1 for none. */
  countedId(client: IpAddress, domain: string, now: Instant): number {
    this.#turn(now);
    if (this.#rows === 0) return -1;
    const group = this.#groups.get(clientKey(client))?.get(domain);
    if (group !== undefined && group.id >= 0) return group.id;
    // Whatever comes first, a row of its own or the first of a new aggregate: it has a new number.
    if (this.#hasRow(NETWORK_ROWS)) return -1;
    const network = this.#networks.get(networkKey(client));
    if (network !== undefined) return network.id;
    return this.#hasRow(OVERALL_ROWS) ? -1 : this.#overall.id;
  }

  /** Takes the decision: a row of its own with the number `id`, or one more in an aggregate. */
  take(event: DecisionEvent, id: number, domain: string): void {
    this.#turn(event.at);
    const hasKeyRow = this.#hasRow(KEY_ROWS + NETWORK_ROWS);
    if (hasKeyRow && this.#options.ownRowsPerKey === Infinity) return this.#writeOwn(event, id);
    const key = clientKey(event.client);
    let domains = this.#groups.get(key);
    let group = domains?.get(domain);
    if (group === undefined && this.#hasRow(NETWORK_ROWS)) {
      if (domains === undefined) this.#groups.set(key, (domains = new Map<string, Group>()));
      domains.set(domain, (group = newGroup()));
    }
    if (group === undefined || (group.id < 0 && !this.#hasRow(NETWORK_ROWS))) return this.#takeWide(event, id);
    if (group.id !== id && hasKeyRow && group.own < this.#options.ownRowsPerKey) {
      group.own++;
      return this.#writeOwn(event, id);
    }
    if (group.id < 0) group.id = id;
    this.#count(group, event, undefined, NETWORK_ROWS);
  }

  #writeOwn(event: DecisionEvent, id: number): void {
    this.#rows++;
    this.#options.write(rowOf(event, id, undefined));
  }

  #takeWide(event: DecisionEvent, id: number): void {
    const key = networkKey(event.client);
    let network = this.#networks.get(key);
    if (network === undefined && this.#hasRow(OVERALL_ROWS)) {
      network = newGroup();
      network.id = id;
      this.#networks.set(key, network);
    }
    if (network !== undefined) return this.#count(network, event, "network", OVERALL_ROWS);
    if (this.#overall.id < 0) this.#overall.id = id;
    this.#count(this.#overall, event, "everybody", 0);
  }

  /** Writes the rows whose count grew since they were last written. */
  writeCounts(): void {
    if (this.#dirty.length === 0) return;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const aggregate of dirty) {
      aggregate.isDirty = false;
      this.#options.write({ ...aggregate.event, count: aggregate.count });
    }
  }

  #count(group: Group, event: DecisionEvent, over: DecisionRow["over"], rowsKept: number): void {
    const { verdict, rule, entry, policyVersion } = event.decision;
    let aggregate = group.aggregates.find(
      ({ event: { decision, user } }) =>
        decision.rule === rule &&
        decision.verdict === verdict &&
        decision.policyVersion === policyVersion &&
        decision.entry?.id === entry?.id &&
        user === event.user,
    );
    // Where no row is left for another rule, the last row of the group counts it: the sum stays exact, the rule is that of most.
    if (aggregate === undefined && !this.#hasRow(rowsKept)) aggregate = group.aggregates.at(-1);
    if (aggregate === undefined) {
      aggregate = { event: rowOf(event, group.id, over), count: 1, isDirty: false };
      group.aggregates.push(aggregate);
      this.#rows++;
      return this.#options.write(aggregate.event);
    }
    aggregate.count++;
    if (aggregate.isDirty) return;
    aggregate.isDirty = true;
    this.#dirty.push(aggregate);
  }

  #hasRow(rowsKept: number): boolean {
    return this.#rows < this.#options.rows - rowsKept;
  }

  /** A new minute (or a clock that was set back) begins with nothing remembered; stragglers of the last one belong to this. */
  #turn(now: Instant): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute || minute === this.#minute - 1) return;
    this.writeCounts();
    this.#minute = minute;
    this.#rows = 0;
    this.#groups = new Map();
    this.#networks = new Map();
    this.#overall = newGroup();
  }
}

function newGroup(): Group {
  return { own: 0, id: -1, aggregates: [] };
}

function rowOf(event: DecisionEvent, id: number, over: DecisionRow["over"]): DecisionRow {
  const { at, decision, client, helo, user, reversePath, recipient, listener } = event;
  const row = { kind: "decision", at, id, decision, client, helo, user, reversePath, recipient, listener } as const;
  return over === undefined ? { ...row, count: 1 } : { ...row, count: 1, over };
}

function clientKey(client: IpAddress): number | string {
  return client.family === 4 ? client.bits : client.words.join(":");
}

/** The clients that are counted together where each by itself would be too many: IPv4 /24, IPv6 /64. */
export function networkOfFlood(client: IpAddress): Network {
  return networkOf(client, client.family === 4 ? 24 : 64);
}

function networkKey(client: IpAddress): number | string {
  return client.family === 4 ? client.bits >>> 8 : `${client.words[0]}:${client.words[1]}`;
}
