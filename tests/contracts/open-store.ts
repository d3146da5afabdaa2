import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { openStore, type Store, type StoreOptions } from "../../src/adapters/store-sqlite/store.ts";

export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), "relaykeeper-store-"));
}

/** Opens a store for a test, which says what else it wants; a fault is thrown. */
export async function openTestStore(dataDirectory: string, wanted: Partial<StoreOptions> = {}): Promise<Store> {
  const opened = await openStore({
    dataDirectory,
    limits: { queuedMessages: 100_000, capturedMessages: 100 },
    clock: new WallClock(),
    report: () => undefined,
    ...wanted,
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}
