import { open } from "node:fs/promises";
import { backup, DatabaseSync } from "node:sqlite";

/** More pages than there are: one step, so that what is written meanwhile does not make it begin anew. */
const ALL_PAGES = 2_147_483_647;

/** Copies the journal as it is at one moment, while it is written, into a file that is made anew; on stable storage at the end. */
export async function copyJournal(file: string, target: string): Promise<void> {
  const copy = await open(target, "wx", 0o600);
  try {
    const journal = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    try {
      await backup(journal, target, { rate: ALL_PAGES });
    } finally {
      journal.close();
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
}
