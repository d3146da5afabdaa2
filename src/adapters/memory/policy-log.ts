import { err, ok, type Result } from "../../core/base/result.ts";
import type { PolicyRecord } from "../../core/policy/policy.ts";
import type { PolicyLog } from "../../flows/ports.ts";

export class MemoryPolicyLog implements PolicyLog {
  readonly #records: PolicyRecord[] = [];

  async read(fromVersion: number): Promise<readonly PolicyRecord[]> {
    return this.#records.slice(Math.max(0, fromVersion - 1));
  }

  async append(record: PolicyRecord): Promise<Result<void, { readonly kind: "conflict"; readonly version: number }>> {
    const version = this.#records.length;
    if (record.version !== version + 1) return err({ kind: "conflict", version });
    this.#records.push(structuredClone(record));
    return ok(undefined);
  }
}
