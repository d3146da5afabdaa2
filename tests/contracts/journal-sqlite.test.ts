import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal } from "../../src/adapters/journal-sqlite/journal.ts";
import { WallClock } from "../../src/adapters/memory/clock.ts";
import { DEFAULT_LIMITS } from "../../src/core/base/limits.ts";
import { journalContract } from "./journal-contract.ts";

journalContract("SQLite", async () => {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-journal-"));
  const journal = await openJournal({
    file: join(directory, "journal.db"),
    limits: { ...DEFAULT_LIMITS, journalAgeMs: Number.MAX_SAFE_INTEGER },
    clock: new WallClock(),
    onFault: (text) => assert.fail(text),
  });
  return {
    journal,
    close: async () => {
      await journal.close();
      await rm(directory, { recursive: true });
    },
  };
});
