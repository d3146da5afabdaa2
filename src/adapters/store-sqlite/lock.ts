import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { DataDirectory } from "./data-directory.ts";

/** Held for as long as the data directory is in use. */
export interface Lock {
  release(): void;
}

/**
 * Takes the data directory for this process alone. Node has no flock, but SQLite locks the files it opens: an exclusive
 * transaction on the empty database `lock` is held to the end, and the kernel lets go of it when the process dies, however it
 * dies. The file `pid` beside it only says who; it may be stale, and nothing depends on it. The fault is that pid, or null.
 */
export function takeLock(directory: DataDirectory): Result<Lock, number | null> {
  const db = new DatabaseSync(directory.lock, { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch {
    db.close();
    return err(readPid(directory.pid));
  }
  writePid(directory.pid);
  return ok({
    release: () => {
      rmSync(directory.pid, { force: true });
      db.close();
    },
  });
}

function writePid(path: string): void {
  rmSync(path, { force: true });
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  const fd = openSync(path, flags, 0o600);
  try {
    writeSync(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
}

function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, "latin1"), 10);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
