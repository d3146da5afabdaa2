// HOT PATH: at most 40 µs of the main thread for put and settle of one message of 4 KB.
import type { Result } from "../../core/base/result.ts";
import type { Content, FileContent } from "../../core/mail/content.ts";
import type { AcceptedMessage, QueuedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { ContentWriter, Disposition, Spool, SpoolFault } from "../../flows/ports.ts";
import type { Counts, StoredMessage } from "./calls.ts";
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
    return this.#thread.put(message);
  }

  openContent(): Promise<Result<ContentWriter, SpoolFault>> {
    return this.#files.open();
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

  async load(after: number, limit: number): Promise<readonly QueuedMessage[]> {
    return this.#restore(await this.#thread.call("load", after, limit));
  }

  async find(id: QueueId): Promise<QueuedMessage | null> {
    const stored = await this.#thread.call("find", id);
    return stored ? ((await this.#restore([stored]))[0] ?? null) : null;
  }

  async content(id: QueueId): Promise<Content | null> {
    const stored = await this.#thread.call("content", id);
    if (stored === null || stored.kind === "file") return stored;
    const { octets, dotLines } = stored;
    return { kind: "memory", chunks: [octets], sizeOctets: octets.length, dotLines };
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

  check(): Promise<readonly string[]> {
    return this.#check();
  }

  async #restore(stored: readonly StoredMessage[]): Promise<QueuedMessage[]> {
    const messages: QueuedMessage[] = [];
    for (const message of stored) {
      const restored = restore(message);
      if (restored) messages.push(restored);
      else await this.#thread.call("quarantine", message.id, "its envelope is not what this version writes");
    }
    return messages;
  }
}

type Written = Pick<AcceptedMessage, "acceptedAt" | "origin" | "envelope">;

/** The message again; null where its JSON is none of ours. That its octets are those written, the checksum has shown. */
function restore(stored: StoredMessage): QueuedMessage | null {
  const { id, sizeOctets, attempts, held } = stored;
  try {
    const { acceptedAt, origin, envelope } = JSON.parse(stored.envelope) as Written;
    const outcomes: (Outcome | null)[] = envelope.recipients.map(() => null);
    for (const text of stored.outcomes) {
      const outcome = JSON.parse(text) as Outcome;
      outcomes[outcome.recipient] = outcome;
    }
    return { id, acceptedAt, origin, envelope, sizeOctets, outcomes, attempts, held };
  } catch {
    return null;
  }
}

function* partsOf(ids: readonly QueueId[]): Iterable<readonly QueueId[]> {
  for (let at = 0; at < ids.length; at += IDS_PER_CALL) yield ids.slice(at, at + IDS_PER_CALL);
}
