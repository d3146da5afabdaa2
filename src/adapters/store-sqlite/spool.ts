// HOT PATH: at most 40 µs of the main thread for put and settle of one message of 4 KB.
import { err, type Result } from "../../core/base/result.ts";
import type { Content, FileContent } from "../../core/mail/content.ts";
import type { DuePage } from "../../core/queue/due-page.ts";
import type { AcceptedMessage, QueuedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { ContentWriter, Disposition, Spool, SpoolFault } from "../../flows/ports.ts";
import type { Counts, StoredMessage, StoredPage } from "./calls.ts";
import type { ContentFiles } from "./content-files.ts";
import type { StoreThread } from "./store-thread.ts";

/** So many ids go into one transaction: others wait no longer than it takes. */
const IDS_PER_CALL = 1_000;

export class SqliteSpool implements Spool {
  readonly #thread: StoreThread;
  readonly #files: ContentFiles;
  readonly #check: () => Promise<readonly string[]>;

  constructor(thread: StoreThread, files: ContentFiles, check: () => Promise<readonly string[]>) {
    this.#thread = thread;
    this.#files = files;
    this.#check = check;
  }

  put(message: AcceptedMessage): Promise<Result<void, SpoolFault>> {
    const { content } = message;
    return content.kind === "file" ? this.#putFile(message, content) : this.#thread.put(message);
  }

  /** A file that no row came to name goes again. What became of a commit that broke the store, only the next start can tell. */
  async #putFile(message: AcceptedMessage, content: FileContent): Promise<Result<void, SpoolFault>> {
    const wasBroken = this.#thread.broken !== null;
    const put = await this.#thread.put(message);
    if (!put.ok && (wasBroken || put.error === "full")) await this.#files.remove(content.name);
    return put;
  }

  async openContent(): Promise<Result<ContentWriter, SpoolFault>> {
    return this.#thread.broken === null ? this.#files.open() : err("broken");
  }

  settle(id: QueueId, outcomes: readonly Outcome[], disposition: Disposition): Promise<void> {
    return this.#thread.settle(id, outcomes, disposition);
  }

  async hold(ids: readonly QueueId[], held: boolean): Promise<void> {
    for (const part of partsOf(ids)) await this.#thread.call("hold", part, held);
  }

  async remove(ids: readonly QueueId[]): Promise<number> {
    let removed = 0;
    for (const part of partsOf(ids)) removed += await this.#thread.call("remove", part);
    return removed;
  }

  begin(id: QueueId, faults: number): Promise<void> {
    return this.#thread.begin(id, faults);
  }

  due(after: number, limit: number): Promise<DuePage> {
    return this.#thread.call("due", after, limit);
  }

  async load(after: number, limit: number): Promise<readonly QueuedMessage[]> {
    return this.#restore(await this.#thread.call("load", after, limit));
  }

  async find(id: QueueId): Promise<QueuedMessage | null> {
    return (await this.#restore(await this.#thread.call("find", id)))[0] ?? null;
  }

  async content(id: QueueId): Promise<Content | null> {
    const stored = await this.#thread.call("content", id);
    if (stored === null) return null;
    if (stored.kind === "file") return (await this.#isSound(id, stored)) ? stored : null;
    const { octets, dotLines } = stored;
    return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines };
  }

  async #isSound(id: QueueId, content: FileContent): Promise<boolean> {
    const fault = await this.#files.faultOf(content);
    if (fault !== null) await this.#thread.call("quarantine", id, `its content cannot be used: ${fault}`);
    return fault === null;
  }

  readFile(content: FileContent): AsyncIterable<Uint8Array> {
    return this.#files.read(content);
  }

  async captured(before: number, limit: number): Promise<readonly QueuedMessage[]> {
    return this.#restore(await this.#thread.call("captured", before, limit));
  }

  counts(): Promise<Counts> {
    return this.#thread.call("counts");
  }

  async check(): Promise<readonly string[]> {
    await this.counts(); // takes the log into the tables, which the check reads
    return this.#check();
  }

  async #restore(page: StoredPage): Promise<QueuedMessage[]> {
    const messages = restore(page.text);
    if (messages) return messages;
    // One of them is not what this version writes: asked for one by one, the others come through.
    const [id] = page.ids;
    if (id !== undefined && page.ids.length === 1) {
      await this.#thread.call("quarantine", id, "its envelope is not what this version writes");
      return [];
    }
    const parts: QueuedMessage[] = [];
    for (const one of page.ids) parts.push(...(await this.#restore(await this.#thread.call("find", one))));
    return parts;
  }
}

/** The messages of a page; null where one is none of ours. That its octets are those written, the checksum has shown. */
function restore(text: string): QueuedMessage[] | null {
  try {
    return (JSON.parse(text) as StoredMessage[]).map(({ written, outcomes: kept, ...rest }) => {
      const { acceptedAt, origin, envelope } = written;
      const outcomes: (Outcome | null)[] = envelope.recipients.map(() => null);
      for (const outcome of kept) outcomes[outcome.recipient] = outcome;
      return { ...rest, acceptedAt, origin, envelope, outcomes };
    });
  } catch {
    return null;
  }
}

function* partsOf(ids: readonly QueueId[]): Iterable<readonly QueueId[]> {
  for (let at = 0; at < ids.length; at += IDS_PER_CALL) yield ids.slice(at, at + IDS_PER_CALL);
}
