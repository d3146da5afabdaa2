import { err, ok, type Result } from "../../core/base/result.ts";
import type { PolicyHead, PolicyRecord } from "../../core/policy/policy.ts";
import type { PolicyLog } from "../../flows/ports.ts";

export class MemoryPolicyLog implements PolicyLog {
  readonly #records: PolicyRecord[] = [];

  async read(fromVersion: number, limit = Infinity): Promise<readonly PolicyRecord[]> {
    const from = Math.max(0, fromVersion - 1);
    return this.#records.slice(from, from + limit);
  }

  async heads(fromVersion: number): Promise<readonly PolicyHead[]> {
    return (await this.read(fromVersion)).map(({ change, ...rest }) => ({ ...rest, kind: change.kind }));
  }

  async append(record: PolicyRecord): Promise<Result<void, { readonly kind: "conflict"; readonly version: number }>> {
    const version = this.#records.length;
    if (record.version !== version + 1) return err({ kind: "conflict", version });
    this.#records.push(structuredClone(record));
    return ok(undefined);
  }
}
