import type { EntryId } from "../../core/policy/policy.ts";
import type { EntryUse, UseStore } from "../../flows/ports.ts";

export class MemoryUseStore implements UseStore {
  readonly #uses = new Map<EntryId, EntryUse>();

  async load(): Promise<ReadonlyMap<EntryId, EntryUse>> {
    return new Map(this.#uses);
  }

  async save(uses: ReadonlyMap<EntryId, EntryUse>): Promise<void> {
    for (const [id, use] of uses) this.#uses.set(id, { ...use });
  }
}
