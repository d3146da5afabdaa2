import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { err, ok, type Result } from "../../core/base/result.ts";
import { SEALING_KEY_OCTETS } from "./cryptography.ts";

/**
 * The key of the data directory, from its file `sealing.key` (mode 0600); made, and on stable storage, where there is none yet.
 * The caller holds the lock of the directory. A file of another length is refused: a new key would lose every sealed secret.
 */
export async function openSealingKey(dataDirectory: string): Promise<Result<Uint8Array, string>> {
  const file = join(dataDirectory, "sealing.key");
  try {
    const key = await readFile(file);
    if (key.length === SEALING_KEY_OCTETS) return ok(key);
    return err(`${file} is damaged: restore it from a copy, or remove it and enter the passwords of *HOSTAUTH again`);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== "ENOENT") throw fault;
    return ok(await makeKey(file));
  }
}

async function makeKey(file: string): Promise<Uint8Array> {
  const key = randomBytes(SEALING_KEY_OCTETS);
  const fresh = `${file}.new`;
  const handle = await open(fresh, "w", 0o600);
  try {
    await handle.writeFile(key);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  const directory = await open(dirname(file), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return key;
}
