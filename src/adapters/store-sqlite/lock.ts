import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { DataDirectory } from "./data-directory.ts";
import { isBusy, reasonOf } from "./faults.ts";

/** Held for as long as the data directory is in use. */
export interface Lock {
  release(): void;
}

export type LockFault =
  /** Another process has it; its pid, or null where that cannot be told. */
  { readonly kind: "in-use"; readonly pid: number | null } | { readonly kind: "unusable"; readonly reason: string };

/**
 * Takes the data directory for this process alone. Node has no flock, but SQLite locks the files it opens: an exclusive
 * transaction on the empty database `lock` is held to the end, and the kernel lets go of it when the process dies, however it
 * dies. The file `pid` beside it only says who; it may be stale, and nothing depends on it.
 */
export function takeLock(directory: DataDirectory): Result<Lock, LockFault> {
  const db = new DatabaseSync(directory.lock, { timeout: 0 });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    writePid(directory.pid);
  } catch (error) {
    db.close();
    if (isBusy(error)) return err({ kind: "in-use", pid: readPid(directory.pid) });
    return err({ kind: "unusable", reason: `${directory.lock}: ${reasonOf(error)}` });
  }
  return ok({
    release: () => {
      rmSync(directory.pid, { force: true });
      db.close();
    },
  });
}

function writePid(path: string): void {
  rmSync(path, { force: true });
  const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  try {
    writeSync(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
}

/** The pid of the file; null where there is none, or where it is left from a process that died. */
function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, "latin1"), 10);
    return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
