import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { openStore, type Store } from "../../src/adapters/store-sqlite/store.ts";
import { policyLogContract } from "./policy-log-contract.ts";
import { spoolContract } from "./spool-contract.ts";
import { userStoreContract } from "./user-store-contract.ts";
import { useStoreContract } from "./use-store-contract.ts";

async function open(capturedMessages = 100): Promise<Store> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "store-contract-"));
  const limits = { queuedMessages: 100_000, capturedMessages };
  const opened = await openStore({ dataDirectory, limits, clock: new WallClock(), report: console.error });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const store = opened.value;
  const close = async (): Promise<void> => {
    await store.close();
    await rm(dataDirectory, { recursive: true });
  };
  return { ...store, close };
}

spoolContract("store-sqlite", open);
policyLogContract("store-sqlite", () => open());
useStoreContract("store-sqlite", () => open());
userStoreContract("store-sqlite", () => open());
