import assert from "node:assert/strict";
import { MemoryPolicyLog } from "../../../src/adapters/memory/policy-log.ts";
import { DEFAULT_LIMITS } from "../../../src/core/base/limits.ts";
import { parseDomain } from "../../../src/core/mail/domain.ts";
import type { EntryId } from "../../../src/core/policy/policy.ts";
import { PolicyKeeper } from "../../../src/flows/administer.ts";
import { Explainer } from "../../../src/flows/explain.ts";
import type { EntryUse } from "../../../src/flows/ports.ts";
import { LOCAL_DOMAINS, NOW, TestHouse } from "./house.ts";

/** A house with a new policy, kept and explained as in the program; `use` says what an entry was used for. */
export async function newHouse(): Promise<{ house: TestHouse; use: (id: EntryId, use: EntryUse) => void }> {
  const uses = new Map<EntryId, EntryUse>();
  const clock = { now: () => NOW };
  const policy = await PolicyKeeper.open({
    log: new MemoryPolicyLog(),
    clock,
    limits: DEFAULT_LIMITS,
    localDomains: LOCAL_DOMAINS.map((name) => {
      const domain = parseDomain(name);
      assert.ok(domain.ok);
      return domain.value;
    }),
    use: (id) => uses.get(id) ?? null,
    record: () => undefined,
  });
  return { house: new TestHouse(policy, new Explainer({ policy, clock, verifier: null })), use: (id, use) => void uses.set(id, use) };
}
