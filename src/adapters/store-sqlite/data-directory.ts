import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { err, ok, type Result } from "../../core/base/result.ts";
import { reasonOf } from "./faults.ts";

/** The places of a data directory, as absolute paths. */
export interface DataDirectory {
  readonly path: string;
  readonly database: string;
  readonly lock: string;
  readonly pid: string;
  readonly content: string;
  readonly policySnapshot: string;
  readonly segments: string;
}

/**
 * Makes the data directory where there is none, 0700 with files of 0600, and refuses what is not what it should be: a link or
 * a device in the place of a file, a directory of somebody else. Whoever can write here can forge mail.
 */
export async function prepareDataDirectory(path: string): Promise<Result<DataDirectory, string>> {
  const root = resolve(path);
  const places = {
    path: root,
    database: join(root, "relaykeeper.db"),
    lock: join(root, "lock"),
    pid: join(root, "pid"),
    content: join(root, "content"),
    policySnapshot: join(root, "policy.snapshot"),
    segments: join(root, "segments"),
  };
  try {
    const made = mkdirSync(root, { recursive: true, mode: 0o700 });
    const fault =
      ownDirectory(root) ??
      makeFolder(places.content) ??
      makeFolder(places.segments) ??
      makeFile(places.lock) ??
      makeFile(places.database);
    if (fault !== null) return err(fault);
    await syncDirectory(root);
    if (made !== undefined) await syncDirectory(dirname(made));
    return ok(places);
  } catch (error) {
    return err(reasonOf(error));
  }
}

/** A name in a directory is on stable storage once the directory is synced. Node's permission model forbids `fsyncSync`, not this. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function makeFolder(path: string): string | null {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return ownDirectory(path);
}

function ownDirectory(path: string): string | null {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return `${path} is not a directory`;
  if (stat.uid !== process.getuid?.()) return `${path} belongs to another user`;
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700);
  return null;
}

/** SQLite gives its companions (`-wal`, `-shm`) the mode of the database: therefore the file is made before SQLite makes it. */
function makeFile(path: string): string | null {
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const stat = lstatSync(path);
  if (!stat.isFile() || stat.nlink !== 1) return `${path} is not a plain file`;
  if (stat.uid !== process.getuid?.()) return `${path} belongs to another user`;
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o600);
  return null;
}
