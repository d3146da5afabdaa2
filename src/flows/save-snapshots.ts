import { encodeSnapshot } from "../core/policy/snapshot.ts";
import type { PolicyKeeper } from "./administer.ts";
import type { Clock, PolicySnapshots, Timer } from "./ports.ts";

/** From the change that makes a snapshot due until it is made: others that come together with it are in it. */
export const SNAPSHOT_DELAY_MS = 5_000;
/** Changes that a start folds in little time; with many entries the snapshot is larger, and made after more of them. */
const CHANGES_MIN = 1_000;
const CHANGES_PER_ENTRY = 1 / 200;
/** A policy that is smaller is folded as quickly as it is read. */
const WORTH_ENTRIES = 1_000;

export interface SnapshotSaverOptions {
  readonly policy: PolicyKeeper;
  readonly snapshots: PolicySnapshots;
  readonly clock: Pick<Clock, "after">;
  /** A snapshot could not be saved: the next start takes longer, nothing else. */
  readonly onFault: (fault: unknown) => void;
}

/** Saves the policy while it runs, after many changes or one that changes many entries, and at the end. */
export class SnapshotSaver {
  readonly #options: SnapshotSaverOptions;
  /** Changes since the last snapshot; one that changes many entries counts as many. */
  #changes: number;
  #size: number;
  #timer: Timer | null = null;
  #saving: Promise<void> = Promise.resolve();
  #forget: () => void = () => undefined;

  constructor(options: SnapshotSaverOptions) {
    this.#options = options;
    this.#changes = options.policy.changesSinceSnapshot;
    this.#size = options.policy.compiled().table.size;
  }

  start(): void {
    this.#forget = this.#options.policy.onChange(({ table }) => {
      this.#changes += Math.max(1, Math.abs(table.size - this.#size));
      this.#size = table.size;
      this.#plan();
    });
    this.#plan();
  }

  /** Saves what changed, where that is worth it. */
  async stop(): Promise<void> {
    this.#forget();
    this.#timer?.cancel();
    await this.#saving;
    if (this.#changes > 0 && Math.max(this.#size, this.#changes) >= WORTH_ENTRIES) await this.#save();
  }

  #plan(): void {
    if (this.#timer !== null || this.#changes < Math.max(CHANGES_MIN, this.#size * CHANGES_PER_ENTRY)) return;
    this.#timer = this.#options.clock.after(SNAPSHOT_DELAY_MS, () => {
      this.#saving = this.#save().then(() => {
        this.#timer = null;
        this.#plan();
      });
    });
  }

  async #save(): Promise<void> {
    const { policy, snapshots, onFault } = this.#options;
    const snapshot = policy.snapshot();
    this.#changes = 0;
    try {
      await snapshots.save(snapshot.policy.version, encodeSnapshot(snapshot));
    } catch (fault) {
      onFault(fault);
    }
  }
}
