import type { EntryUse } from "../../../src/flows/ports.ts";
import { NOW, TestHouse } from "./house.ts";
import { SimplePolicy } from "./simple-policy.ts";

/** A house with a new policy. */
export async function newHouse(): Promise<{ house: TestHouse; use: (id: number, use: EntryUse) => void }> {
  const policy = new SimplePolicy(() => NOW);
  const explain = {
    explain: () => {
      throw new Error("no decisions in this house");
    },
  };
  return { house: new TestHouse(policy, explain), use: (id, use) => void policy.uses.set(id, use) };
}
