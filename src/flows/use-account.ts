// HOT PATH: 100 ns a count.
import type { Instant } from "../core/base/time.ts";
import { formatIpAddress, type IpAddress } from "../core/mail/ip.ts";
import type { EntryId } from "../core/policy/policy.ts";
import type { Clock, EntryUse, Timer, UseStore } from "./ports.ts";

/** What was counted is handed to the store this often; with its commit, at most 1 s of counting is lost at a power cut. */
export const USE_FLUSH_MS = 500;

interface Tally {
  hits: number;
  lastUsedAt: Instant;
  /** Formatted only when somebody looks. */
  lastClient: IpAddress | string;
  isDirty: boolean;
}

export interface UseAccountOptions {
  readonly store: UseStore;
  readonly clock: Clock;
  /** Entries that may have a tally at once: as many as the policy may have. */
  readonly entriesMax: number;
  /** Whether the policy still has the entry; asked when there is no room for another tally. */
  readonly exists: (id: EntryId) => boolean;
  /** The store could not save; what was counted is kept and saved with the next flush. Called once for each run of failures. */
  readonly onFault: (fault: unknown) => void;
}

/** Hits, last use and last client of every entry of the policy, kept across restarts. */
export class UseAccount {
  readonly #options: UseAccountOptions;
  readonly #tallies = new Map<EntryId, Tally>();
  #dirty: EntryId[] = [];
  #saving: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  #isFailing = false;

  private constructor(options: UseAccountOptions) {
    this.#options = options;
  }

  /** Reads what earlier runs counted. */
  static async open(options: UseAccountOptions): Promise<UseAccount> {
    const account = new UseAccount(options);
    for (const [id, use] of await options.store.load()) account.#tallies.set(id, { ...use, isDirty: false });
    return account;
  }

  /** One more use of the entry. */
  count(id: EntryId, client: IpAddress, now: Instant): void {
    const tally = this.#tallies.get(id);
    if (tally === undefined) return this.#countFirst(id, client, now);
    tally.hits++;
    tally.lastUsedAt = now;
    tally.lastClient = client;
    if (tally.isDirty) return;
    tally.isDirty = true;
    this.#dirty.push(id);
  }

  use(id: EntryId): EntryUse | null {
    const tally = this.#tallies.get(id);
    return tally === undefined ? null : useOf(tally);
  }

  /** Begins to save, every `USE_FLUSH_MS` while there is something to save. */
  start(): void {
    this.#timer ??= this.#options.clock.after(USE_FLUSH_MS, () => {
      void this.flush().then(() => {
        if (this.#timer === null) return;
        this.#timer = null;
        this.start();
      });
    });
  }

  /** Saves what is left and ends. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.flush();
  }

  /** Saves what was counted so far; a failure is reported, not thrown, and the next flush tries again. */
  async flush(): Promise<void> {
    await (this.#saving = this.#saving.then(() => this.#save()));
  }

  async #save(): Promise<void> {
    if (this.#dirty.length === 0) return;
    const ids = this.#dirty;
    this.#dirty = [];
    const uses = new Map<EntryId, EntryUse>();
    for (const id of ids) {
      const tally = this.#tallies.get(id);
      if (tally === undefined) continue;
      tally.isDirty = false;
      uses.set(id, useOf(tally));
    }
    try {
      await this.#options.store.save(uses);
      this.#isFailing = false;
    } catch (fault) {
      for (const id of uses.keys()) this.#markDirty(id);
      if (!this.#isFailing) this.#options.onFault(fault);
      this.#isFailing = true;
    }
  }

  #markDirty(id: EntryId): void {
    const tally = this.#tallies.get(id);
    if (tally === undefined || tally.isDirty) return;
    tally.isDirty = true;
    this.#dirty.push(id);
  }

  #countFirst(id: EntryId, client: IpAddress, now: Instant): void {
    if (this.#tallies.size >= this.#options.entriesMax) this.#forgetRemoved();
    if (this.#tallies.size >= this.#options.entriesMax) return;
    this.#tallies.set(id, { hits: 1, lastUsedAt: now, lastClient: client, isDirty: true });
    this.#dirty.push(id);
  }

  #forgetRemoved(): void {
    for (const id of this.#tallies.keys()) if (!this.#options.exists(id)) this.#tallies.delete(id);
  }
}

function useOf({ hits, lastUsedAt, lastClient }: Tally): EntryUse {
  return {
    hits,
    lastUsedAt,
    lastClient: typeof lastClient === "string" ? lastClient : formatIpAddress(lastClient),
  };
}
