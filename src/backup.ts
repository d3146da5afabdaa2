/** `relaykeeper backup`: a copy of the data directory of a running relay, on which another one can start. */
import { copyFile, lstat, mkdir, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { copyRecords } from "./adapters/node/record-files.ts";
import { copyJournal } from "./adapters/journal-sqlite/backup.ts";
import { syncDirectory } from "./adapters/store-sqlite/data-directory.ts";
import type { Store } from "./adapters/store-sqlite/store.ts";
import { err, ok, type Result } from "./core/base/result.ts";
import type { StoreBackup } from "./flows/ports.ts";

export interface BackupParts {
  readonly dataDirectory: string;
  readonly store: Pick<Store, "backup">;
  readonly journal: { flush(): Promise<void> };
}

/** Makes copies one at a time; `stop` gives up the one under way. */
export class Backups {
  readonly #parts: BackupParts;
  readonly #stopping = new AbortController();
  #underWay = false;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Makes `directory`, which must not be there, and everything in it, for its owner alone. Until it is whole and on stable storage
   * it has another name. `withKey` takes the key along that opens sealed passwords and keys.
   */
  async make(directory: string, withKey: boolean): Promise<Result<StoreBackup, string>> {
    if (!isAbsolute(directory)) return err(`${directory} is not a whole path`);
    if (this.#underWay) return err("another copy is being made");
    if (await isThere(directory)) return err(`${directory} is there already`);
    this.#underWay = true;
    const partial = `${directory}.partial`;
    let made = false;
    try {
      await mkdir(partial, { mode: 0o700 });
      made = true;
      const copied = await this.#fill(partial, withKey);
      if (!copied.ok) return copied;
      await rename(partial, directory);
      made = false;
      await syncDirectory(dirname(directory));
      return ok({ ...copied.value, withKey });
    } catch (fault) {
      return err(describe(fault, partial));
    } finally {
      this.#underWay = false;
      if (made) await rm(partial, { recursive: true, force: true });
    }
  }

  async #fill(target: string, withKey: boolean): Promise<Result<Omit<StoreBackup, "withKey">, string>> {
    const { dataDirectory, store, journal } = this.#parts;
    const copied = await store.backup(target, this.#stopping.signal);
    if (!copied.ok) return copied;
    // The journal comes last: it tells of everything that the copy of the store has.
    await journal.flush().catch(() => undefined);
    await copyJournal(join(dataDirectory, "journal.db"), join(target, "journal.db"));
    for (const folder of ["dkim", "oauth"]) await copyRecords(dataDirectory, folder, target);
    if (withKey) await copyFile(join(dataDirectory, "sealing.key"), join(target, "sealing.key"));
    await syncDirectory(target);
    return copied;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

function describe(fault: unknown, partial: string): string {
  const { code, message } = fault as NodeJS.ErrnoException;
  switch (code) {
    case "EEXIST":
      return `${partial} is there: a copy was cut off, and what is left of it is of no use`;
    case "ENOENT":
      return `there is no folder ${dirname(partial)}`;
    case "EACCES":
    case "ERR_ACCESS_DENIED":
      return `the user that runs the relay may not write to ${dirname(partial)}`;
    case "ENOSPC":
      return "the disk is full";
    default:
      return message ?? String(fault);
  }
}
