import { MemoryJournal } from "../../src/adapters/memory/journal.ts";
import { MemoryPolicyLog } from "../../src/adapters/memory/policy-log.ts";
import { MemorySpool } from "../../src/adapters/memory/spool.ts";
import { MemoryUserStore } from "../../src/adapters/memory/user-store.ts";
import { MemoryUseStore } from "../../src/adapters/memory/use-store.ts";
import { journalContract } from "./journal-contract.ts";
import { policyLogContract } from "./policy-log-contract.ts";
import { spoolContract } from "./spool-contract.ts";
import { userStoreContract } from "./user-store-contract.ts";
import { useStoreContract } from "./use-store-contract.ts";

const close = async (): Promise<void> => {};

spoolContract("memory", async (capturedMax) => ({ spool: new MemorySpool(capturedMax), close }));
policyLogContract("memory", async () => ({ policyLog: new MemoryPolicyLog(), close }));
useStoreContract("memory", async () => ({ uses: new MemoryUseStore(), close }));
userStoreContract("memory", async () => ({ users: new MemoryUserStore(), close }));
journalContract("memory", async () => ({ journal: new MemoryJournal(), close }));
