import { chmod, lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { err, ok, type Result } from "../../core/base/result.ts";

/** Octets of a socket's path: 108 of `sun_path` on Linux, 104 elsewhere, one of them the final NUL. */
const PATH_OCTETS_MAX = 103;

/** How long a socket that is there may take to answer before it counts as nobody's. */
const ANSWER_MS = 2_000;

/**
 * Makes room for a socket: one that nobody answers is left from a process that was killed, and goes. The caller holds the lock of
 * the data directory, so no second relay can be at the same point.
 */
export async function clearSocketFile(path: string): Promise<Result<void, string>> {
  if (Buffer.byteLength(path) > PATH_OCTETS_MAX) {
    return err(
      `${path}: longer than the ${PATH_OCTETS_MAX} octets that a socket's path may have; choose a shorter data_dir`,
    );
  }
  const found = await lstat(path).catch(() => null);
  if (found === null) return ok(undefined);
  if (!found.isSocket()) return err(`${path} is there and is no socket`);
  if (await answers(path)) return err(`${path} is answered by another relay`);
  await unlink(path);
  return ok(undefined);
}

/** For its owner alone: the file's permissions are the authority of whoever connects. */
export async function protectSocketFile(path: string): Promise<void> {
  await chmod(path, 0o600);
}

async function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(ANSWER_MS, () => resolve(false));
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
