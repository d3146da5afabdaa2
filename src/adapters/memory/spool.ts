import { assert } from "../../core/base/assert.ts";
import { DEFAULT_LIMITS } from "../../core/base/limits.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Content, FileContent } from "../../core/mail/content.ts";
import { DuePageWriter, type DuePage } from "../../core/queue/due-page.ts";
import type { AcceptedMessage, QueuedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { ContentWriter, Disposition, Spool, SpoolFault } from "../../flows/ports.ts";

interface Row {
  readonly message: AcceptedMessage;
  readonly outcomes: (Outcome | null)[];
  attempts: number;
  held: boolean;
  released: boolean;
  captured: boolean;
  /** Attempts that were begun and have no end. */
  begun: number;
}

/**
 * The spool in memory. `history` has every outcome ever settled, in order, for tests to look at; `fault`, where set, is what
 * every put and openContent answers.
 */
export class MemorySpool implements Spool {
  readonly history: { readonly id: QueueId; readonly outcome: Outcome; readonly disposition: Disposition }[] = [];
  fault: SpoolFault | null = null;
  readonly #rows = new Map<QueueId, Row>();
  readonly #files = new Map<string, readonly Uint8Array[]>();
  readonly #capturedMax: number;
  #fileNumber = 0;

  constructor(capturedMax = DEFAULT_LIMITS.capturedMessages) {
    this.#capturedMax = capturedMax;
  }

  async put(message: AcceptedMessage): Promise<Result<void, SpoolFault>> {
    if (this.fault) {
      if (message.content.kind === "file") this.#files.delete(message.content.name);
      return err(this.fault);
    }
    assert(!this.#rows.has(message.id), "a queue id is used once");
    const outcomes = message.envelope.recipients.map(() => null);
    this.#rows.set(message.id, {
      message,
      outcomes,
      attempts: 0,
      held: false,
      released: false,
      captured: false,
      begun: 0,
    });
    return ok(undefined);
  }

  async openContent(): Promise<Result<ContentWriter, SpoolFault>> {
    if (this.fault) return err(this.fault);
    const name = `m${++this.#fileNumber}`;
    const chunks: Uint8Array[] = [];
    this.#files.set(name, chunks);
    return ok({
      write: async (chunk) => void chunks.push(Uint8Array.from(chunk)),
      finish: async (dotLines) => {
        if (this.fault) return err(this.fault);
        return ok({ kind: "file", name, sizeOctets: chunks.reduce((sum, chunk) => sum + chunk.length, 0), dotLines });
      },
      abort: async () => void this.#files.delete(name),
    });
  }

  async settle(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Promise<void> {
    const row = this.#rows.get(id);
    if (!row) return;
    for (const outcome of outcomes) {
      row.outcomes[outcome.recipient] = outcome;
      this.history.push({ id, outcome, disposition });
    }
    if (outcomes.length > 0) row.attempts++;
    row.begun = 0;
    if (disposition === "remove") this.#drop(row);
    if (disposition === "capture") this.#capture(row);
  }

  async hold(ids: readonly QueueId[], held: boolean): Promise<void> {
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (!row) continue;
      row.held = held;
      row.released = !held;
      if (!held) row.begun = 0;
    }
  }

  async remove(ids: readonly QueueId[]): Promise<number> {
    const rows = ids.map((id) => this.#rows.get(id)).filter((row) => row !== undefined);
    for (const row of rows) this.#drop(row);
    return rows.length;
  }

  async begin(id: QueueId, faults: number): Promise<void> {
    const row = this.#rows.get(id);
    if (row) row.begun = faults + 1;
  }

  async due(after: number, limit: number): Promise<DuePage> {
    const rows = this.#sorted(false).filter((row) => row.message.id > after);
    const page = new DuePageWriter(limit);
    for (const row of rows.slice(0, limit)) page.addMessage(queued(row), row.begun);
    return page.page();
  }

  async load(after: number, limit: number): Promise<readonly QueuedMessage[]> {
    return this.#sorted(false)
      .filter((row) => row.message.id > after)
      .slice(0, limit)
      .map(queued);
  }

  async find(id: QueueId): Promise<QueuedMessage | null> {
    const row = this.#rows.get(id);
    return row ? queued(row) : null;
  }

  async content(id: QueueId): Promise<Content | null> {
    return this.#rows.get(id)?.message.content ?? null;
  }

  async *readFile(content: FileContent): AsyncIterable<Uint8Array> {
    const chunks = this.#files.get(content.name);
    if (!chunks) throw new Error(`the file of content ${content.name} is gone`);
    yield* chunks;
  }

  async captured(before: number, limit: number): Promise<readonly QueuedMessage[]> {
    return this.#sorted(true)
      .reverse()
      .filter((row) => row.message.id < before)
      .slice(0, limit)
      .map(queued);
  }

  async counts(): Promise<{ readonly queued: number; readonly captured: number; readonly octets: number }> {
    const rows = [...this.#rows.values()];
    const captured = rows.filter((row) => row.captured).length;
    const octets = rows.reduce((sum, row) => sum + row.message.content.sizeOctets, 0);
    return { queued: rows.length - captured, captured, octets };
  }

  async check(): Promise<readonly string[]> {
    const named = [...this.#rows.values()]
      .map((row) => row.message.content)
      .filter((content) => content.kind === "file");
    return named.filter((file) => !this.#files.has(file.name)).map((file) => `file ${file.name} is missing`);
  }

  /** Files of content that are there, for tests to look at. */
  get fileCount(): number {
    return this.#files.size;
  }

  #sorted(captured: boolean): Row[] {
    const rows = [...this.#rows.values()].filter((row) => row.captured === captured);
    return rows.sort((a, b) => a.message.id - b.message.id);
  }

  #capture(row: Row): void {
    row.captured = true;
    const captured = this.#sorted(true);
    for (const oldest of captured.slice(0, Math.max(0, captured.length - this.#capturedMax))) this.#drop(oldest);
  }

  #drop(row: Row): void {
    this.#rows.delete(row.message.id);
    if (row.message.content.kind === "file") this.#files.delete(row.message.content.name);
  }
}

function queued(row: Row): QueuedMessage {
  const { id, acceptedAt, origin, envelope, content } = row.message;
  const { attempts, held, released } = row;
  return {
    id,
    acceptedAt,
    origin,
    envelope,
    sizeOctets: content.sizeOctets,
    outcomes: [...row.outcomes],
    attempts,
    held,
    ...(released ? { released } : {}),
  };
}
