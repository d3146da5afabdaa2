import { AssertionFault } from "../../src/core/base/assert.ts";
import { err, ok, type Result } from "../../src/core/base/result.ts";
import type { Content, FileContent } from "../../src/core/mail/content.ts";
import type { PolicyRecord } from "../../src/core/policy/policy.ts";
import { joined } from "../../src/core/queue/dsn.ts";
import { DuePageWriter } from "../../src/core/queue/due-page.ts";
import type { AcceptedMessage, QueuedMessage, QueueId } from "../../src/core/queue/message.ts";
import type { Outcome } from "../../src/core/queue/outcome.ts";
import type { ContentWriter, Disposition, PolicyLog, Spool, SpoolFault } from "../../src/flows/ports.ts";
import type { Chance } from "./chance.ts";
import type { Mutation } from "./mutations.ts";
import type { Life, SimTime } from "./time.ts";

interface Row {
  readonly message: AcceptedMessage;
  readonly outcomes: (Outcome | null)[];
  attempts: number;
  held: boolean;
  released?: boolean;
  captured: boolean;
  begun: number;
}

/** What became certain: it will be there after any crash. */
export interface StoreWatcher {
  kept(message: AcceptedMessage): void;
  settled(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): void;
  removed(id: QueueId): void;
}

/** `full`: no room. `broken`: nothing is written until the program was started again. `unreadable`: reading fails now and then. */
export type StoreTrouble = "none" | "full" | "broken" | "unreadable";

type Kind = "put" | "settle" | "write" | "read";

/** Something asked of the store thread and not answered yet. */
interface Call {
  readonly kind: Kind;
  readonly life: Life;
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: Error) => void;
  /** Called where there is no room for it. */
  readonly refused: (() => void) | undefined;
  early: boolean;
}

interface Committed {
  readonly undo: () => void;
  readonly certain: () => void;
}

/** Room comes back after a while, and what was settled is written then. */
const RETRY_MS = 1_000;
/** What was settled is synced after this time at the latest. */
const UNSYNCED_MS_MAX = 1_000;

const STORE_FAULT = (why: string): Error => new Error(`the store is ${why}`);

/**
 * Policy log and spool as the store thread keeps them: calls are carried out in order, in batches that commit together; answers
 * come some time later, in order. What was only settled may be lost in a power cut, all that is answered besides may not.
 */
export class SimStore {
  trouble: StoreTrouble = "none";
  readonly #time: SimTime;
  readonly #chance: Chance;
  readonly #watcher: StoreWatcher;
  readonly #mutation: Mutation | null;
  readonly rows = new Map<QueueId, Row>();
  readonly #records: PolicyRecord[] = [];
  readonly #files = new Map<string, Uint8Array[]>();
  #pending: Call[] = [];
  #busy = false;
  /** Of what is committed and not synced: how to take it back, and what becomes certain. */
  #unsynced: Committed[] = [];
  #batch: Committed[] = [];
  #highestId = 0;
  #fileNumber = 0;
  #generation = 0;

  constructor(time: SimTime, chance: Chance, watcher: StoreWatcher, mutation: Mutation | null) {
    this.#time = time;
    this.#chance = chance;
    this.#watcher = watcher;
    this.#mutation = mutation;
  }

  get highestQueueId(): number {
    return this.#highestId;
  }

  get policyVersion(): number {
    return this.#records.length;
  }

  get records(): readonly PolicyRecord[] {
    return this.#records;
  }

  /** The octets of a file of content so far. */
  file(name: string): readonly Uint8Array[] | null {
    return this.#files.get(name) ?? null;
  }

  /** Files of content that no message has. */
  get strayFiles(): number {
    const named = new Set([...this.rows.values()].map(({ message: { content } }) => nameOf(content)));
    return [...this.#files.keys()].filter((name) => !named.has(name)).length;
  }

  /** The program is gone: what was not committed is not there, and after a power cut nor is what was not synced. */
  crash(powerCut: boolean): void {
    this.#pending = [];
    this.#busy = false;
    this.#generation++;
    if (powerCut) for (const { undo } of this.#unsynced.reverse()) undo();
    else for (const { certain } of this.#unsynced) certain();
    this.#unsynced = [];
    if (this.trouble === "broken") this.trouble = "none";
    const named = new Set([...this.rows.values()].map(({ message: { content } }) => nameOf(content)));
    for (const name of this.#files.keys()) if (!named.has(name)) this.#files.delete(name);
  }

  // --- the ports of one life --------------------------------------------------------------------------------------------

  policyLog(life: Life): PolicyLog {
    return {
      read: (fromVersion, limit = Infinity) => {
        const from = Math.max(0, fromVersion - 1);
        return this.#call(life, "read", () => this.#records.slice(from, from + limit));
      },
      heads: (fromVersion) => {
        const records = (): readonly PolicyRecord[] => this.#records.slice(Math.max(0, fromVersion - 1));
        return this.#call(life, "read", () => records().map(({ change, ...rest }) => ({ ...rest, kind: change.kind })));
      },
      append: (record) => this.#call(life, "write", () => this.#append(record)),
    };
  }

  spool(life: Life): Spool {
    const call = <T>(kind: Kind, work: () => T): Promise<T> => this.#call(life, kind, work);
    return {
      put: (message) => {
        const copy = copyOf(message);
        const drop = (): void => this.#dropFile(copy.content);
        return this.#call(life, "put", () => this.#put(copy), drop);
      },
      openContent: () => this.#openContent(life),
      settle: (id, outcomes, disposition) => {
        if (this.#mutation === "outcome is not written" && this.#chance.odds(0.2)) return Promise.resolve();
        const copies = structuredClone(outcomes);
        return call("settle", () => this.#settle(id, copies, disposition));
      },
      hold: (ids, held) => call("write", () => ids.forEach((id) => this.#hold(id, held))),
      remove: (ids) => call("write", () => ids.filter((id) => this.#remove(id)).length),
      begin: (id, faults) => call("settle", () => this.#begin(id, faults)),
      due: (after, limit) =>
        call("read", () => {
          const rows = this.#sorted(false, after).slice(0, limit);
          const page = new DuePageWriter(rows.length);
          for (const row of rows) page.addMessage(queued(row), row.begun);
          return page.page();
        }),
      load: (after, limit) => call("read", () => this.#sorted(false, after).slice(0, limit).map(queued)),
      find: (id) => call("read", () => queuedOrNull(this.rows.get(id))),
      content: (id) => call("read", () => this.#content(id)),
      readFile: (content) => this.#readFile(life, content),
      captured: (before, limit) =>
        call("read", () => {
          const rows = this.#sorted(true, 0).filter(({ message }) => message.id < before);
          return rows.reverse().slice(0, limit).map(queued);
        }),
      counts: () => call("read", () => this.#counts()),
      check: async () => [],
    };
  }

  // --- the thread -------------------------------------------------------------------------------------------------------

  #call<T>(life: Life, kind: Kind, work: () => T, refused?: () => void): Promise<T> {
    if (!life.alive) return new Promise(() => {});
    return new Promise<unknown>((resolve, reject) => {
      const call = { kind, life, work, resolve, reject, refused, early: false };
      const { trouble } = this;
      if (trouble === "broken" && kind !== "read") return this.#refuse(call, "broken");
      this.#pending.push(call);
      this.#answerEarly(call);
      if (!this.#busy) this.#startBatch();
    }) as Promise<T>;
  }

  #answerEarly(call: Call): void {
    const isPut = this.#mutation === "spool answers before the commit" && call.kind === "put";
    const isAppend = this.#mutation === "policy log answers before the commit" && call.kind === "write";
    if (!isPut && !isAppend) return;
    call.early = true;
    this.#time.afterIn(call.life, 0, () => call.resolve(ok(undefined)));
  }

  #startBatch(): void {
    this.#busy = true;
    this.#later(this.#chance.delayMs(8, 3_000), () => this.#commit());
  }

  /** Like `SimTime.after`, until the next crash. */
  #later(delayMs: number, task: () => void): void {
    const generation = this.#generation;
    this.#time.after(delayMs, () => {
      if (generation === this.#generation) task();
    });
  }

  #commit(): void {
    const count = this.#chance.odds(0.8) ? this.#pending.length : this.#chance.between(1, this.#pending.length);
    const batch = this.#pending.splice(0, count);
    const answers: (() => void)[] = [];
    const late: Call[] = [];
    this.#batch = [];
    for (const call of batch) {
      if (this.trouble === "full" && call.kind === "settle") late.push(call);
      else answers.push(this.#carryOut(call));
    }
    this.#unsynced.push(...this.#batch);
    const isDurable = batch.some(({ kind }) => kind === "put" || kind === "write");
    if (isDurable) this.#sync();
    else if (this.#batch.length > 0) this.#later(UNSYNCED_MS_MAX, () => this.#sync());
    if (late.length > 0) {
      this.#later(RETRY_MS, () => {
        this.#pending.push(...late);
        if (!this.#busy) this.#startBatch();
      });
    }
    this.#later(this.#chance.delayMs(4, 1_000), () => {
      for (const answer of answers) answer();
      if (this.#pending.length > 0) this.#startBatch();
      else this.#busy = false;
    });
  }

  #sync(): void {
    const unsynced = this.#unsynced;
    this.#unsynced = [];
    for (const { certain } of unsynced) certain();
  }

  /** Does it, and says how to answer. Some answers pass through more hands than others on their way back. */
  #carryOut(call: Call): () => void {
    const { trouble } = this;
    const hops = this.#chance.below(4);
    if (call.kind !== "read" && (trouble === "broken" || trouble === "full")) {
      if (trouble === "full") call.refused?.();
      return () => this.#refuse(call, trouble);
    }
    if (call.kind === "read" && trouble === "unreadable" && this.#chance.odds(0.5)) {
      return () => call.reject(STORE_FAULT("unreadable"));
    }
    try {
      const value = call.work();
      return call.early ? () => undefined : () => call.resolve(through(hops, value));
    } catch (fault) {
      return () => call.reject(fault as Error);
    }
  }

  #refuse(call: Call, why: "full" | "broken"): void {
    if (call.kind === "put") call.resolve(err(why));
    else call.reject(STORE_FAULT(why));
  }

  /** Takes note of a change: how it is taken back, and who is told when it is certain. */
  #changed(undo: () => void, certain: () => void): void {
    this.#batch.push({ undo, certain });
  }

  // --- what is done -----------------------------------------------------------------------------------------------------

  #append(record: PolicyRecord): Awaited<ReturnType<PolicyLog["append"]>> {
    const version = this.#records.length;
    if (record.version !== version + 1) return err({ kind: "conflict", version });
    this.#records.push(structuredClone(record));
    return ok(undefined);
  }

  #put(message: AcceptedMessage): Result<void, SpoolFault> {
    if (this.rows.has(message.id)) throw new AssertionFault("a queue id is given once");
    if (this.#mutation === "a report is forgotten" && message.origin.protocol === "report") return ok(undefined);
    const outcomes = message.envelope.recipients.map(() => null);
    this.rows.set(message.id, { message, outcomes, attempts: 0, held: false, captured: false, begun: 0 });
    this.#highestId = Math.max(this.#highestId, message.id);
    this.#changed(
      () => undefined,
      () => this.#watcher.kept(message),
    );
    return ok(undefined);
  }

  #settle(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): void {
    const row = this.rows.get(id);
    if (!row) return;
    const before = { ...row, outcomes: [...row.outcomes] };
    for (const outcome of outcomes) row.outcomes[outcome.recipient] = outcome;
    if (outcomes.length > 0) row.attempts++;
    row.begun = 0;
    if (disposition === "capture") row.captured = true;
    if (disposition === "remove") this.rows.delete(id);
    this.#changed(
      () => void this.rows.set(id, before),
      () => {
        if (disposition === "remove") this.#dropFile(row.message.content);
        this.#watcher.settled(id, outcomes, disposition);
      },
    );
  }

  #hold(id: QueueId, held: boolean): void {
    const row = this.rows.get(id);
    if (!row) return;
    row.held = held;
    row.released = !held;
    if (!held) row.begun = 0;
  }

  #begin(id: QueueId, faults: number): void {
    const row = this.rows.get(id);
    if (row) row.begun = faults + 1;
  }

  #remove(id: QueueId): boolean {
    const row = this.rows.get(id);
    if (!row) return false;
    this.rows.delete(id);
    this.#changed(
      () => undefined,
      () => {
        this.#dropFile(row.message.content);
        this.#watcher.removed(id);
      },
    );
    return true;
  }

  #dropFile(content: Content): void {
    if (content.kind === "file") this.#files.delete(content.name);
  }

  #content(id: QueueId): Content | null {
    return this.rows.get(id)?.message.content ?? null;
  }

  #sorted(captured: boolean, after: number): Row[] {
    const rows = [...this.rows.values()].filter((row) => row.captured === captured && row.message.id > after);
    return rows.sort((a, b) => a.message.id - b.message.id);
  }

  #counts(): { queued: number; captured: number; octets: number } {
    const rows = [...this.rows.values()];
    const captured = rows.filter((row) => row.captured).length;
    const octets = rows.reduce((sum, { message }) => sum + message.content.sizeOctets, 0);
    return { queued: rows.length - captured, captured, octets };
  }

  // --- files of content, beside the thread ------------------------------------------------------------------------------

  async #openContent(life: Life): Promise<Result<ContentWriter, SpoolFault>> {
    await this.#pause(life);
    const { trouble } = this;
    if (trouble === "full" || trouble === "broken") return err(trouble);
    const name = `f${++this.#fileNumber}`;
    const chunks: Uint8Array[] = [];
    this.#files.set(name, chunks);
    return ok({
      write: async (chunk) => {
        const copy = Uint8Array.from(chunk);
        await this.#pause(life);
        if (this.trouble === "full" || this.trouble === "broken") throw STORE_FAULT(this.trouble);
        chunks.push(copy);
      },
      finish: async (dotLines) => {
        await this.#pause(life);
        if (this.trouble === "full" || this.trouble === "broken") {
          this.#files.delete(name);
          return err(this.trouble);
        }
        return ok({ kind: "file", name, sizeOctets: sizeOf(chunks), dotLines });
      },
      abort: async () => {
        await this.#pause(life);
        this.#files.delete(name);
      },
    });
  }

  async *#readFile(life: Life, content: FileContent): AsyncIterable<Uint8Array> {
    await this.#pause(life);
    const chunks = this.#files.get(content.name);
    if (!chunks) throw STORE_FAULT("without that file");
    for (const chunk of chunks) {
      await this.#pause(life);
      yield chunk;
    }
  }

  #pause(life: Life): Promise<void> {
    if (!life.alive) return new Promise(() => {});
    return new Promise((resolve) => this.#time.afterIn(life, this.#chance.delayMs(3, 1_000), resolve));
  }
}

/** The value, so many promises away. */
function through(hops: number, value: unknown): unknown {
  let answer = value;
  for (let i = 0; i < hops; i++) answer = Promise.resolve(answer).then((same) => same);
  return answer;
}

/** As it was when it was handed in: whoever changes the octets later changes nothing here. */
function copyOf(message: AcceptedMessage): AcceptedMessage {
  const { content } = message;
  if (content.kind === "file") return message;
  const octets = joined(content.chunks, content.sizeOctets);
  return { ...message, content: { ...content, chunks: [octets] } };
}

function nameOf(content: Content): string {
  return content.kind === "file" ? content.name : "";
}

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function queued(row: Row): QueuedMessage {
  const { id, acceptedAt, origin, envelope, content } = row.message;
  const { attempts, held } = row;
  const outcomes = [...row.outcomes];
  return { id, acceptedAt, origin, envelope, sizeOctets: content.sizeOctets, outcomes, attempts, held };
}

function queuedOrNull(row: Row | undefined): QueuedMessage | null {
  return row ? queued(row) : null;
}
