// HOT PATH: 4 µs an event on the main thread.
import { Worker } from "node:worker_threads";
import { formatInstant, type Instant } from "../../core/base/time.ts";
import { lastAddress } from "../../core/mail/network.ts";
import type { Clock, Journal, JournalEvent, JournalFilter, JournalRow, Timer } from "../../flows/ports.ts";
import type { Question, Request, Response, Search, WorkerOptions } from "./calls.ts";
import { DECISION_ID_BLOCK } from "./engine.ts";
import { clientKey, formatLine, readRow } from "./line.ts";
import type { FoundRow } from "./table.ts";

/** From the first event of a batch to its commit: with the commit itself less than `JOURNAL_FLUSH_MS`, 1 s. */
const COMMIT_MS = 500;
/** Lines go over to the thread when there is so much of them. */
const POST_OCTETS = 65_536;
/** How long after a failed commit, or the end of the thread, it is tried again. */
const RETRY_MS = 1_000;
/** How often the age of the oldest rows is looked at when nothing else happens. */
const TIDY_MS = 60_000;
/** Rows that come back at once: reading them takes some milliseconds. */
const PAGE_ROWS = 500;

export interface JournalOptions {
  /** `journal.db` of the data directory. */
  readonly file: string;
  readonly limits: { readonly journalRows: number; readonly journalAgeMs: number; readonly journalBatchOctets: number };
  readonly clock: Clock;
  /** A sentence for the log: the journal cannot be written, was damaged, works again and what it lost. Mail goes on meanwhile. */
  readonly onFault: (text: string) => void;
}

export type ClosableJournal = Journal & { close(): Promise<void> };

/** What the journal answers when it cannot do what it was asked. */
export class JournalFault extends Error {
  override readonly name = "JournalFault";
}

/** Opens the journal, made new where there is none. A damaged one is put aside. Throws a `JournalFault` where the file cannot be used. */
export async function openJournal(options: JournalOptions): Promise<ClosableJournal> {
  const journal = new SqliteJournal(options);
  const fault = await journal.startThread();
  if (fault !== null) throw new JournalFault(`${options.file}: ${fault}`);
  return journal;
}

interface Batch {
  readonly octets: number;
  readonly events: number;
}

interface Asker {
  readonly resolve: (rows: readonly FoundRow[]) => void;
  readonly reject: (fault: Error) => void;
}

interface Waiter {
  /** How many batches must be committed, counted from the first one of all. */
  readonly batches: number;
  readonly resolve: () => void;
  readonly reject: (fault: Error) => void;
}

class SqliteJournal implements ClosableJournal {
  readonly #options: JournalOptions;
  #worker: Worker | null = null;
  /** Lines not yet handed over. */
  #text = "";
  #events = 0;
  /** Batches handed over and not yet committed; `#octets` is what they and `#text` hold. */
  #inFlight: Batch[] = [];
  #octets = 0;
  #posted = 0;
  #committed = 0;
  #lost = 0;
  #lostSince: Instant = 0;
  #failure: string | null = null;
  #nextDecisionId = 0;
  #reserveAt = 0;
  #commitTimer: Timer | null = null;
  #tidyTimer: Timer | null = null;
  #waiters: Waiter[] = [];
  readonly #askers = new Map<number, Asker>();
  #asked = 0;
  #searching: Promise<unknown> = Promise.resolve();
  #isClosing = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Resolves with null when the thread is ready, or with what is in its way. */
  startThread(): Promise<string | null> {
    const { file, limits, clock } = this.#options;
    const retention = { rowsMax: limits.journalRows, ageMsMax: limits.journalAgeMs };
    const workerData: WorkerOptions = { file, retention, now: clock.now() };
    // What it makes is soon garbage: a small nursery costs no time and saves memory.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData, name: "journal", resourceLimits });
    return new Promise((resolve) => {
      let failure: string | null = null;
      worker.on("message", (response: Response) => {
        if (response.kind === "ready") {
          this.#begin(worker, response.nextDecisionId);
          resolve(null);
        } else if (response.kind === "unusable") failure = response.reason;
        else this.#hear(response);
      });
      worker.on("error", (error: Error) => (failure = error.message));
      worker.on("exit", () => {
        const reason = failure ?? "its thread ended";
        if (this.#worker === worker) this.#end(reason);
        else resolve(reason);
      });
    });
  }

  record(event: JournalEvent): void {
    if (this.#worker === null || this.#octets > this.#options.limits.journalBatchOctets) return this.#lose(1);
    const line = formatLine(event);
    this.#text += line;
    this.#octets += line.length;
    this.#events++;
    if (this.#text.length >= POST_OCTETS) this.#postLines();
    this.#commitSoon(COMMIT_MS);
  }

  flush(): Promise<void> {
    this.#postLines();
    if (this.#inFlight.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ batches: this.#posted, resolve, reject });
      this.#commit();
    });
  }

  async query(filter: JournalFilter): Promise<readonly JournalRow[]> {
    // One search at a time: many of them must not keep the thread from writing.
    const found = this.#searching.then(() => this.#search(filter));
    this.#searching = found.catch(() => undefined);
    return found;
  }

  async findDecision(id: number): Promise<JournalRow | null> {
    const [row] = await this.#ask({ kind: "find", id });
    return row === undefined ? null : readRow(row.row, row);
  }

  nextDecisionId(): number {
    const id = this.#nextDecisionId++;
    if (id >= this.#reserveAt) this.#reserveMore();
    return id;
  }

  close(): Promise<void> {
    const worker = this.#worker;
    this.#isClosing = true;
    this.#commitTimer?.cancel();
    this.#tidyTimer?.cancel();
    if (worker === null) return Promise.resolve();
    return new Promise((resolve) => {
      worker.once("exit", () => resolve());
      this.#postLines();
      this.#post({ kind: "close", nextDecisionId: this.#nextDecisionId, now: this.#options.clock.now() });
    });
  }

  #begin(worker: Worker, nextDecisionId: number): void {
    this.#worker = worker;
    if (this.#isClosing) return void this.close();
    this.#nextDecisionId = Math.max(this.#nextDecisionId, nextDecisionId);
    if (this.#nextDecisionId === nextDecisionId) this.#reserveAt = nextDecisionId + DECISION_ID_BLOCK / 2;
    else this.#reserveMore();
    this.#tidyLater(TIDY_MS);
  }

  /** Half of the numbers set aside are left when more are asked for: the answer need not be waited for. */
  #reserveMore(): void {
    this.#reserveAt = this.#nextDecisionId + DECISION_ID_BLOCK / 2;
    this.#post({ kind: "reserve", through: this.#nextDecisionId + DECISION_ID_BLOCK });
    this.#commitSoon(COMMIT_MS);
  }

  async #search(filter: JournalFilter): Promise<readonly JournalRow[]> {
    const { clientIn, limit, ...rest } = filter;
    const clients = clientIn && { first: clientKey(clientIn.base), last: clientKey(lastAddress(clientIn)) };
    const search: Search = clients ? { ...rest, clients } : rest;
    const rows: JournalRow[] = [];
    while (rows.length < limit) {
      const wanted = Math.min(PAGE_ROWS, limit - rows.length);
      const after = rows.at(-1)?.row ?? filter.after;
      const page = await this.#ask({
        kind: "search",
        search: after === undefined ? search : { ...search, after },
        limit: wanted,
      });
      for (const found of page) rows.push(readRow(found.row, found));
      if (page.length < wanted) break;
    }
    return rows;
  }

  #ask(question: Question): Promise<readonly FoundRow[]> {
    this.#postLines();
    return new Promise((resolve, reject) => {
      if (this.#worker === null || this.#isClosing) return reject(new JournalFault(this.#failure ?? "it is closed"));
      const number = this.#asked++;
      this.#askers.set(number, { resolve, reject });
      this.#post({ kind: "ask", number, question });
    });
  }

  #post(request: Request): void {
    this.#worker?.postMessage(request);
  }

  #postLines(): void {
    if (this.#events === 0) return;
    this.#inFlight.push({ octets: this.#text.length, events: this.#events });
    this.#posted++;
    this.#post({ kind: "lines", text: this.#text });
    this.#text = "";
    this.#events = 0;
  }

  #commitSoon(delayMs: number): void {
    if (this.#commitTimer !== null || this.#isClosing) return;
    this.#commitTimer = this.#options.clock.after(delayMs, () => {
      this.#commitTimer = null;
      this.#commit();
    });
  }

  #commit(): void {
    this.#postLines();
    this.#post({ kind: "commit", now: this.#options.clock.now() });
  }

  #tidyLater(delayMs: number): void {
    this.#tidyTimer?.cancel();
    if (this.#isClosing) return;
    this.#tidyTimer = this.#options.clock.after(delayMs, () => this.#commit());
  }

  #hear(response: Response): void {
    switch (response.kind) {
      case "committed":
        this.#settle(response.batches);
        this.#tidyLater(response.more ? RETRY_MS : TIDY_MS);
        break;
      case "failed":
        this.#fail(response.reason);
        this.#commitSoon(RETRY_MS);
        break;
      case "damaged":
        this.#options.onFault(
          `the journal was damaged (${response.reason}) and begun anew; it is kept as ${response.keptAs}`,
        );
        break;
      case "answer":
      case "no-answer": {
        const asker = this.#askers.get(response.number);
        this.#askers.delete(response.number);
        if (response.kind === "answer") asker?.resolve(response.rows);
        else asker?.reject(new JournalFault(response.reason));
        break;
      }
      case "ready":
      case "unusable":
        break;
    }
  }

  /** The first `batches` of those in flight are on disk. */
  #settle(batches: number): void {
    for (const { octets } of this.#inFlight.splice(0, batches)) this.#octets -= octets;
    this.#committed += batches;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.batches > this.#committed);
    for (const waiter of waiters) if (waiter.batches <= this.#committed) waiter.resolve();
    if (this.#failure === null && this.#lost === 0) return;
    const reason = this.#failure ?? "it could not keep up";
    this.#failure = null;
    this.#tellLoss(reason);
  }

  #tellLoss(reason: string): void {
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) {
      const text = `the journal lost ${lost} entries since ${formatInstant(this.#lostSince)}: ${reason}`;
      this.record({ kind: "operation", at: this.#options.clock.now(), by: "*SYSTEM", text });
      this.#options.onFault(text);
    } else this.#options.onFault(`the journal is written again; nothing was lost (it was: ${reason})`);
  }

  #fail(reason: string): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(new JournalFault(reason));
    if (this.#failure === null)
      this.#options.onFault(`the journal cannot be written: ${reason}; mail goes on without it`);
    this.#failure = reason;
  }

  #lose(events: number): void {
    if (this.#lost === 0) this.#lostSince = this.#options.clock.now();
    this.#lost += events;
  }

  /** The thread is gone. Unless that was asked for, a new one is started; what the old one held is lost. */
  #end(reason: string): void {
    this.#worker = null;
    for (const asker of this.#askers.values()) asker.reject(new JournalFault(reason));
    this.#askers.clear();
    for (const { events } of this.#inFlight) this.#lose(events);
    this.#lose(this.#events);
    this.#committed = this.#posted;
    this.#inFlight = [];
    this.#octets = 0;
    this.#text = "";
    this.#events = 0;
    if (!this.#isClosing) {
      this.#fail(reason);
      this.#restart();
    }
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new JournalFault(reason));
  }

  #restart(): void {
    this.#options.clock.after(RETRY_MS, () => {
      if (this.#isClosing) return;
      void this.startThread().then((fault) => {
        if (fault !== null) this.#restart();
        else this.#commitSoon(0);
      });
    });
  }
}
