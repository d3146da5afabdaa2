import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntryUse, UseStore } from "../../src/flows/ports.ts";
import { NOW } from "./sample-message.ts";

export interface UseStoreUnderTest {
  readonly uses: UseStore;
  close(): Promise<void>;
}

function use(hits: number): EntryUse {
  return { hits, lastUsedAt: NOW + hits, lastClient: `192.0.2.${hits % 256}` };
}

/** What the port UseStore promises. `open` makes a new, empty one. */
export function useStoreContract(adapter: string, open: () => Promise<UseStoreUnderTest>): void {
  describe(`UseStore of ${adapter}`, () => {
    test("save() keeps absolute figures, and load() gives them all back", async () => {
      const { uses, close } = await opened(open);
      try {
        assert.equal((await uses.load()).size, 0);
        await uses.save(
          new Map([
            [1, use(1)],
            [2, use(5)],
          ]),
        );
        await uses.save(
          new Map([
            [2, use(7)],
            [3, use(1)],
          ]),
        );
        await uses.save(new Map([[2, use(7)]]));
        await uses.save(new Map());
        assert.deepEqual(
          await uses.load(),
          new Map([
            [1, use(1)],
            [2, use(7)],
            [3, use(1)],
          ]),
        );
      } finally {
        await close();
      }
    });

    test("save() takes many at once", async () => {
      const { uses, close } = await opened(open);
      try {
        const many = new Map(Array.from({ length: 5_000 }, (_, i) => [i + 1, use(i)]));
        await uses.save(many);
        assert.deepEqual(await uses.load(), many);
      } finally {
        await close();
      }
    });
  });
}

async function opened(open: () => Promise<UseStoreUnderTest>) {
  const under = await open();
  return { uses: under.uses, close: () => under.close() };
}
