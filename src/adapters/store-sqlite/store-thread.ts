import { Worker } from "node:worker_threads";
import { AssertionFault } from "../../core/base/assert.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { AcceptedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { Clock, Disposition, SpoolFault } from "../../flows/ports.ts";
import { beginItem, callItem, putItem, settleItem, writeBatch, type Item } from "./batch.ts";
import { READS, type BatchAnswer, type Call, type CallName, type Calls, type Request, type Response } from "./calls.ts";
import { StoreFault } from "./faults.ts";
import type { SchemaFault } from "./schema.ts";
import type { WorkerOptions } from "./worker.ts";

/** One transaction takes so much at most, and at least one item. */
const BATCH_OCTETS_MAX = 8 * 1_048_576;
/** The first block of octets; one that a batch needed more for is kept for the next. */
const SPARE_OCTETS = 65_536;
/** So long what was settled waits for something to go along with: a transaction of its own costs more than it does. */
const SETTLE_MS = 5;

const PUT_DONE: Result<void, SpoolFault> = ok(undefined);

/** Something handed in and not answered yet. */
interface Pending {
  readonly item: Item;
  readonly call: Call | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The main thread's end of the store thread. What is handed in during one turn of the loop, and while a commit is under way,
 * goes over as one block of octets and is committed as one transaction; one message back answers all of it.
 */
export class StoreThread {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #report: (text: string) => void;
  #pending: Pending[] = [];
  #inFlight: readonly Pending[] | null = null;
  #scheduled = false;
  /** Somebody waits for what is pending: there is more than what was settled. */
  #pressing = false;
  #settling = false;
  #spare: ArrayBuffer | null = new ArrayBuffer(SPARE_OCTETS);
  #broken: string | null = null;
  #closing = false;
  #closeSent = false;
  #ended = false;

  private constructor(worker: Worker, clock: Clock, report: (text: string) => void) {
    this.#worker = worker;
    this.#clock = clock;
    this.#report = report;
    worker.on("message", (response: Response) => this.#hear(response));
    worker.on("error", (error: Error) => this.#lose(`the store thread failed: ${error.message}`));
    worker.on("exit", () => this.#lose("the store thread ended"));
  }

  /** Starts the thread; resolves when the database is open and upgraded. */
  static start(
    options: WorkerOptions,
    clock: Clock,
    report: (text: string) => void,
  ): Promise<Result<{ readonly thread: StoreThread; readonly highestQueueId: number }, SchemaFault>> {
    // What it makes is soon garbage: a small nursery costs no time and saves memory.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: options,
      name: "store",
      resourceLimits,
    });
    return new Promise((resolve) => {
      const fail = (error: Error): void => resolve(err({ kind: "unusable", reason: error.message }));
      const hear = (response: Response): void => {
        if (response.kind === "report") report(response.text);
        if (response.kind === "newer" || response.kind === "unusable") resolve(err(response));
        if (response.kind !== "ready") return;
        worker.off("message", hear);
        worker.off("error", fail);
        const thread = new StoreThread(worker, clock, report);
        resolve(ok({ thread, highestQueueId: response.highestQueueId }));
      };
      worker.on("message", hear);
      worker.on("error", fail);
    });
  }

  /** Why nothing more is taken, or null. */
  get broken(): string | null {
    return this.#broken;
  }

  put(message: AcceptedMessage): Promise<Result<void, SpoolFault>> {
    return this.#add(putItem(message), null) as Promise<Result<void, SpoolFault>>;
  }

  settle(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Promise<void> {
    return this.#add(settleItem(id, outcomes, disposition), null) as Promise<void>;
  }

  begin(id: QueueId, faults: number): Promise<void> {
    return this.#add(beginItem(id, faults), null) as Promise<void>;
  }

  call<Name extends CallName>(name: Name, ...args: Parameters<Calls[Name]>): Promise<ReturnType<Calls[Name]>> {
    return this.#add(callItem(), { name, args }) as Promise<ReturnType<Calls[Name]>>;
  }

  /** Storage failed, here or in a file beside the database: from now on nothing is written. Reading goes on. */
  breakDown(reason: string): void {
    if (this.#broken !== null) return;
    this.#broken = reason;
    this.#report(`the store takes nothing more: ${reason}`);
    const waiting = this.#pending;
    this.#pending = [];
    for (const pending of waiting) if (!this.#refuse(pending)) this.#pending.push(pending);
  }

  /** Commits what was handed in, closes the database and ends the thread. */
  close(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#worker.once("exit", () => resolve());
      this.#closing = true;
      this.#flush();
    });
  }

  #add(item: Item, call: Call | null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const pending: Pending = { item, call, resolve, reject };
      if (this.#refuse(pending)) return;
      this.#pending.push(pending);
      if (item.kind !== "settle") this.#pressing = true;
      if (this.#inFlight || this.#scheduled) return;
      if (!this.#pressing) {
        this.#flushLater();
        return;
      }
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  /** Answers what cannot be done any more, and says whether it was that. */
  #refuse(pending: Pending): boolean {
    const reading = pending.call !== null && READS.has(pending.call.name);
    if (!this.#ended && !this.#closing && (this.#broken === null || reading)) return false;
    this.#fail(pending, "broken", this.#broken ?? "it is closed");
    return true;
  }

  #fail(pending: Pending, fault: SpoolFault, reason: string): void {
    if (pending.item.kind === "put") pending.resolve(err(fault));
    else pending.reject(new StoreFault(fault, reason));
  }

  #flushLater(): void {
    if (this.#settling) return;
    this.#settling = true;
    this.#clock.after(SETTLE_MS, () => {
      this.#settling = false;
      this.#pressing = true;
      this.#flush();
    });
  }

  /** Sends what waits, as much as one transaction takes. */
  #flush(): void {
    if (this.#inFlight || this.#ended) return;
    if (this.#pending.length === 0) {
      if (this.#closing && !this.#closeSent) this.#post({ kind: "close" });
      this.#closeSent = this.#closing;
      return;
    }
    if (!this.#pressing && !this.#closing) {
      this.#flushLater();
      return;
    }
    let count = 0;
    let octets = 0;
    for (const { item } of this.#pending) {
      if (count > 0 && octets + item.octets > BATCH_OCTETS_MAX) break;
      octets += item.octets;
      count++;
    }
    const sent = count === this.#pending.length ? this.#pending : this.#pending.slice(0, count);
    this.#pending = count === this.#pending.length ? [] : this.#pending.slice(count);
    this.#pressing = this.#pending.length > 0;
    this.#inFlight = sent;
    const batch = this.#room(octets);
    const items = sent.map((pending) => pending.item);
    const calls = sent.map((pending) => pending.call).filter((call) => call !== null);
    const length = writeBatch(items, batch);
    this.#post({ kind: "batch", batch, length, calls }, [batch]);
  }

  #room(octets: number): ArrayBuffer {
    const spare = this.#spare;
    this.#spare = null;
    if (spare && spare.byteLength >= octets) return spare;
    return new ArrayBuffer(octets <= BATCH_OCTETS_MAX ? 2 ** Math.ceil(Math.log2(octets)) : octets);
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #hear(response: Response): void {
    switch (response.kind) {
      case "answer":
        if (response.batch.byteLength <= BATCH_OCTETS_MAX) this.#spare = response.batch;
        this.#answer(response.answer);
        this.#flush();
        break;
      case "report":
        this.#report(response.text);
        break;
      case "broken":
        this.breakDown(response.reason);
        break;
      case "ready":
      case "newer":
      case "unusable":
        break;
    }
  }

  #answer(answer: BatchAnswer): void {
    const sent = this.#inFlight ?? [];
    this.#inFlight = null;
    if (answer.broken !== null) {
      this.breakDown(answer.broken);
      for (const pending of sent) this.#fail(pending, "broken", answer.broken);
      return;
    }
    const refused = new Map(answer.refused.map((refusal) => [refusal.index, refusal]));
    let calls = 0;
    for (const [index, pending] of sent.entries()) {
      const result = pending.call ? answer.results[calls++] : undefined;
      const refusal = refused.get(index);
      if (!refusal) pending.resolve(pending.item.kind === "put" ? PUT_DONE : result);
      else if (refusal.why === "duplicate") pending.reject(new AssertionFault("a queue id is given once"));
      else this.#fail(pending, refusal.why === "full" ? "full" : "broken", refusal.reason);
    }
  }

  #lose(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#closing) this.breakDown(reason);
    for (const pending of [...(this.#inFlight ?? []), ...this.#pending]) this.#refuse(pending);
    this.#inFlight = null;
    this.#pending = [];
  }
}
