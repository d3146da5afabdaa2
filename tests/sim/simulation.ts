import { MemoryJournal } from "../../src/adapters/memory/journal.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/core/base/time.ts";
import { ipv4, IPV4_LOOPBACK, type IpAddress } from "../../src/core/mail/ip.ts";
import type { QueueId } from "../../src/core/queue/message.ts";
import type { QueueEntry } from "../../src/flows/operations.ts";
import type { Journal } from "../../src/flows/ports.ts";
import type { DeliveryConfiguration } from "../../src/flows/routing.ts";
import { Chance } from "./chance.ts";
import { SimClient } from "./client.ts";
import { limitsOf, LOCAL_DOMAIN, openHouse, type House, type Surroundings } from "./house.ts";
import { Ledger } from "./ledger.ts";
import type { Mutation } from "./mutations.ts";
import { DOMAINS, MOODS, SimNetwork } from "./network.ts";
import { firstChanges, quietly, SimOperator } from "./operator.ts";
import { SimStore } from "./store.ts";
import { Life, SimTime } from "./time.ts";
import { Writer } from "./writer.ts";

export interface Verdict {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const QUEUE_AGE_MS = 6 * HOUR_MS;
/** After the trouble is over everything has left the queue within this time. */
const DRAIN_MS = QUEUE_AGE_MS + 4 * HOUR_MS;
/** How far the clock is set ahead at most. */
const AHEAD_MS_MAX = 2 * HOUR_MS;
/** Events of one run: more are a loop that time does not move. */
const EVENTS_MAX = 300_000;
/** How often somebody looks whether what is due is tried. */
const WATCH_MS = 7 * MINUTE_MS;
/** What is due may wait so long for nothing: the schedule looks at itself once a minute. */
const LATE_MS = 3 * MINUTE_MS;

const CLIENTS: readonly [IpAddress, ...IpAddress[]] = [
  ipv4(0x0a010005),
  ipv4(0x0a020005),
  ipv4(0xc0000205),
  ipv4(0xc0000285),
  ipv4(0xcb007105),
];

/** One world from one seed: hours of traffic, trouble and operators, then peace, then the books are closed. */
export class Simulation {
  readonly seed: number;
  isDone = false;
  readonly #chance: Chance;
  readonly #time: SimTime;
  readonly #ledger: Ledger;
  readonly #store: SimStore;
  readonly #network: SimNetwork;
  readonly #writer: Writer;
  readonly #operator: SimOperator;
  readonly #clients = new Set<SimClient>();
  readonly #troubleEndsAt: number;
  readonly #surroundings: Omit<Surroundings, "delivery">;
  #journal = new MemoryJournal();
  #isJournalDown = false;
  #life = new Life();
  #house: House | null = null;
  #isHealed = false;
  #isClosing = false;
  #events = 0;
  #crashes = 0;
  /** What was late when somebody last looked, by queue id. */
  #late = new Map<QueueId, number>();

  constructor(seed: number, mutation: Mutation | null = null) {
    this.seed = seed;
    const chance = new Chance(seed);
    const time = new SimTime(chance);
    const ledger = new Ledger(time, LOCAL_DOMAIN, QUEUE_AGE_MS);
    this.#chance = chance;
    this.#time = time;
    this.#ledger = ledger;
    this.#store = new SimStore(time, chance, ledger, mutation);
    ledger.store = this.#store;
    this.#network = new SimNetwork(time, chance, ledger);
    this.#writer = new Writer(chance, ledger);
    this.#operator = new SimOperator({
      chance,
      ledger,
      mutation,
      ids: () => [...this.#store.rows.keys()],
      now: () => time.wall(),
    });
    this.#surroundings = {
      time,
      chance,
      ledger,
      mutation,
      store: this.#store,
      network: this.#network,
      journal: this.#journalPort(),
      limits: limitsOf(chance, QUEUE_AGE_MS),
      crash: () => this.#crash(),
    };
    this.#troubleEndsAt = chance.between(5 * MINUTE_MS, chance.pick([20 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS]));
    this.#plan();
  }

  /** Lets one event happen. What it sets free must have settled before the next: let a turn of the loop pass. */
  step(): void {
    if (this.isDone) return;
    try {
      if (!this.#time.step()) this.#fail("nothing happens any more");
      else if (++this.#events > EVENTS_MAX) this.#fail("events without end");
    } catch (fault) {
      this.#fail(`a bug: ${fault instanceof Error ? fault.stack : String(fault)}`);
    }
  }

  verdict(): Verdict {
    const figures = {
      ...this.#ledger.summary(),
      attempts: this.#network.sendings,
      crashes: this.#crashes,
      events: this.#events,
      minutes: Math.round(this.#time.elapsed / MINUTE_MS),
      versions: this.#store.policyVersion,
    };
    return { seed: this.seed, violations: this.#ledger.violations, figures };
  }

  #fail(why: string): void {
    this.#ledger.blame(why);
    this.isDone = true;
  }

  // --- the plan ---------------------------------------------------------------------------------------------------------

  #plan(): void {
    const chance = this.#chance;
    this.#time.after(0, () => this.#boot());
    const sometime = (atMost: number, task: () => void): void => {
      for (let left = chance.below(atMost + 1); left > 0; left--) {
        this.#time.after(chance.between(SECOND_MS, this.#troubleEndsAt), task);
      }
    };
    sometime(12, () => this.#connect());
    this.#time.after(2 * SECOND_MS, () => this.#connect());
    sometime(4, () => this.#submit());
    if (chance.odds(0.8)) sometime(20, () => this.#house && this.#operator.act(this.#house));
    if (chance.odds(0.8)) sometime(8, () => this.#network.setMood(chance.pick(DOMAINS), chance.pick(MOODS)));
    // Every other world has routes; the others are as they were.
    if (this.seed % 2 === 0) sometime(12, () => this.#house && this.#operator.changeRoutes(this.#house));
    if (this.seed % 2 === 0) sometime(3, () => this.#network.setMood("one.example", "throttling"));
    if (chance.odds(0.5)) sometime(3, () => this.#network.setMood("router.example", chance.pick(MOODS)));
    if (chance.odds(0.6)) sometime(4, () => this.#crash());
    if (chance.odds(0.3)) sometime(2, () => this.#restart());
    if (chance.odds(0.3)) sometime(2, () => this.#setClock());
    if (chance.odds(0.4)) sometime(3, () => this.#troubleStore());
    if (chance.odds(0.3)) sometime(2, () => (this.#isJournalDown = !this.#isJournalDown));
    this.#time.after(this.#troubleEndsAt + MINUTE_MS, () => this.#heal());
    this.#time.after(this.#troubleEndsAt + MINUTE_MS + DRAIN_MS, () => this.#giveUp());
    this.#time.after(WATCH_MS, () => this.#watch());
    this.#sweep();
  }

  #setClock(): void {
    const chance = this.#chance;
    const isBack = chance.odds(0.5);
    // What is accepted while the clock is ahead stays longer: set far ahead it would only cost time here.
    const errorMs = chance.between(1, chance.pick([SECOND_MS, HOUR_MS, isBack ? 100 * HOUR_MS : AHEAD_MS_MAX]));
    this.#ledger.isTimePlain = false;
    this.#network.paceWatch.isTimePlain = false;
    this.#time.setWallOff(isBack ? -errorMs : errorMs);
  }

  #troubleStore(): void {
    const chance = this.#chance;
    if (this.#store.trouble === "broken") return;
    this.#store.trouble = chance.pick(["full", "full", "broken", "unreadable"]);
    this.#time.after(chance.between(SECOND_MS, 10 * MINUTE_MS), () => {
      // What broke is mended by a new start only.
      if (this.#store.trouble === "broken") this.#crash();
      this.#store.trouble = "none";
    });
  }

  // --- lives of the program ---------------------------------------------------------------------------------------------

  #boot(): void {
    const life = new Life();
    this.#life = life;
    const modes: readonly [DeliveryConfiguration["mode"], ...DeliveryConfiguration["mode"][]] =
      this.seed % 8 === 0 ? ["mx", "smarthost", "capture"] : ["mx"];
    const delivery: DeliveryConfiguration = {
      mode: this.#chance.pick(modes),
      smarthost: { host: "router.example", port: 25 },
      local: this.#chance.odds(0.5) ? { host: "local.example", port: 2525 } : null,
      tls: "may",
      credentials: null,
    };
    openHouse(life, { ...this.#surroundings, delivery }).then(
      (house) => void this.#begin(house),
      () => {
        if (life.alive) this.#crash();
      },
    );
  }

  async #begin(house: House): Promise<void> {
    if (!house.life.alive) return;
    if (house.keeper.version() > this.#store.policyVersion) this.#ledger.blame("a version that is not in the log");
    this.#house = house;
    // What a route allowed counts anew with every life, and where the route was gone in between.
    this.#network.paceWatch.forget();
    house.keeper.onChange(({ routes }) => {
      if (routes.find("PACED") === null) this.#network.paceWatch.forget();
    });
    for (const change of house.keeper.version() === 0 ? firstChanges() : []) {
      quietly(house.keeper.change({ change, command: change.kind, by: "initial", confirmed: true }));
    }
    // After peace has come nothing is held any more.
    if (this.#isHealed) quietly(this.#operator.endRoutes(house).then(() => this.#operator.releaseAll(house)));
  }

  /** Everything in memory is gone; after a power cut also what was not synced. */
  #crash(): void {
    if (!this.#life.alive) return;
    this.#crashes++;
    this.#bury();
    this.#store.crash(this.#chance.odds(0.5));
    this.#ledger.forgetModels();
    this.#time.after(this.#chance.delayMs(5_000, 10 * MINUTE_MS), () => this.#boot());
  }

  #bury(): void {
    this.#life.alive = false;
    this.#house = null;
    for (const client of this.#clients) client.lose();
    this.#clients.clear();
  }

  /** Ends as `House.stop` does, and begins again. */
  #restart(): void {
    const house = this.#house;
    if (!house) return;
    house.receiver.drain();
    this.#time.afterIn(house.life, 10 * SECOND_MS, () => {
      house.receiver.cut();
      house.deliverer
        .stop(10 * SECOND_MS)
        .then(() => house.recovery)
        .then(() => {
          if (!house.life.alive) return;
          this.#bury();
          this.#store.crash(false);
          this.#time.after(this.#chance.delayMs(2_000, MINUTE_MS), () => this.#boot());
        }, this.#unexpected);
    });
    this.#time.afterIn(house.life, 5 * MINUTE_MS, () => {
      // Storage that never answers may hold it up; its owner ends it then.
      this.#ledger.blame("the program does not stop");
      this.#crash();
    });
  }

  readonly #unexpected = (fault: unknown): void => this.#fail(`a bug: ${String(fault)}`);

  // --- traffic ----------------------------------------------------------------------------------------------------------

  #connect(): void {
    const house = this.#house;
    if (!house) return;
    const chance = this.#chance;
    const address = chance.pick(CLIENTS);
    const mails = Array.from({ length: chance.between(1, 3) }, () => this.#writer.write(address));
    const client = new SimClient({
      time: this.#time,
      chance,
      ledger: this.#ledger,
      receiver: house.receiver,
      address,
      policyVersion: () => house.keeper.version(),
      mails,
      unrest: chance.pick([0, 0, 0.02, 0.1]),
      closed: (gone) => this.#clients.delete(gone),
    });
    this.#clients.add(client);
    client.open();
  }

  #submit(): void {
    const house = this.#house;
    if (!house) return;
    const mail = this.#writer.write(IPV4_LOOPBACK);
    const version = house.keeper.version();
    const { submission, judge } = this.#writer.submission(mail, version, this.#time.wall());
    house.submitter.submit(submission).then(
      (answer) => {
        if (!house.life.alive) return;
        judge(answer);
      },
      () => undefined,
    );
  }

  #sweep(): void {
    this.#time.after(30 * SECOND_MS, () => {
      for (const client of [...this.#clients]) client.sweep(this.#time.wall());
      if (!this.#isHealed || this.#clients.size > 0) this.#sweep();
    });
  }

  #journalPort(): Journal {
    return {
      record: (event) => {
        if (!this.#isJournalDown) this.#journal.record(event);
      },
      flush: () => (this.#isJournalDown ? new Promise(() => {}) : this.#journal.flush()),
      query: (filter) => this.#journal.query(filter),
      findDecision: (id) => this.#journal.findDecision(id),
      nextDecisionId: () => this.#journal.nextDecisionId(),
    };
  }

  // --- the end ----------------------------------------------------------------------------------------------------------

  #heal(): void {
    this.#isHealed = true;
    this.#network.heal();
    this.#time.setWallOff(0);
    if (this.#store.trouble === "broken") this.#crash();
    this.#store.trouble = "none";
    const house = this.#house;
    if (house) quietly(this.#operator.endRoutes(house).then(() => this.#operator.releaseAll(house)));
    this.#awaitEnd();
  }

  #awaitEnd(): void {
    this.#time.after(5 * MINUTE_MS, () => {
      const queued = [...this.#store.rows.values()].filter(({ captured }) => !captured).length;
      const isBusy = queued > 0 || this.#clients.size > 0 || this.#network.underWay > 0;
      if (isBusy || this.#house === null) this.#awaitEnd();
      else this.#close(this.#house).then(() => (this.isDone = true), this.#unexpected);
    });
  }

  /** Peace has lasted for long, and something is still there. */
  #giveUp(): void {
    if (this.isDone || this.#isClosing) return;
    const house = this.#house;
    if (!house) return this.#fail("the program does not come up");
    const sessions = house.receiver.sessions().length;
    house.deliverer.list({}, 10).then((entries) => {
      const left = entries.map(({ message, state, nextHops, dueAt }) => {
        const waitMs = dueAt === null ? "" : ` for ${(dueAt - this.#time.wall()) / 1_000} s`;
        const kinds = message.outcomes.map((outcome) => outcome?.kind ?? "untried").join(" ");
        return `${message.id} ${state}${waitMs} to ${nextHops.join(" ")} (${kinds})`;
      });
      this.#fail(`not drained: ${sessions} sessions; ${left.join("; ")}`);
    }, this.#unexpected);
  }

  async #close(house: House): Promise<void> {
    this.#isClosing = true;
    const { deliverer, receiver } = house;
    await house.recovery;
    // What was settled last is synced by then.
    await new Promise<void>((resolve) => this.#time.after(10 * SECOND_MS, resolve));
    const summary = await deliverer.summary();
    const { queued, ready, active, deferred, held, connectionsOut } = summary;
    const counts = [queued, ready, active, deferred, held, connectionsOut, deliverer.queued];
    if (counts.some((count) => count !== 0)) this.#ledger.blame(`the queue is not empty: ${counts.join(" ")}`);
    if (receiver.sessions().length > 0) this.#ledger.blame("sessions without clients");
    if (receiver.budget.usedOctets !== 0) this.#ledger.blame(`${receiver.budget.usedOctets} octets of memory are lost`);
    if (this.#store.strayFiles > 0) this.#ledger.blame(`${this.#store.strayFiles} files of content are left behind`);
    this.#ledger.close();
  }

  // --- wake-ups ---------------------------------------------------------------------------------------------------------

  /** Somebody looks at the queue every few minutes: what is due is tried, or has to wait for others. */
  #watch(): void {
    const house = this.#house;
    if (house && this.#store.trouble === "none") {
      Promise.all([house.deliverer.list({}, 1_000), house.deliverer.summary()]).then(
        ([entries, { active }]) => {
          if (house.life.alive) this.#lookAt(entries, active > 0);
        },
        () => undefined,
      );
    } else this.#late.clear();
    if (!this.isDone && !this.#isClosing) this.#time.after(WATCH_MS, () => this.#watch());
  }

  #lookAt(entries: readonly QueueEntry[], isAnythingActive: boolean): void {
    const late = new Map<QueueId, number>();
    for (const { message, state, dueAt } of entries) {
      const isDue =
        state === "ready" || (state === "deferred" && dueAt !== null && dueAt < this.#time.wall() - LATE_MS);
      if (!isDue || isAnythingActive) continue;
      // Seen twice in a row, and nothing was tried in between.
      const sendings = this.#late.get(message.id);
      if (sendings === this.#network.sendings) this.#ledger.blame(`${message.id} is due and is not tried`);
      late.set(message.id, this.#network.sendings);
    }
    this.#late = late;
  }
}
