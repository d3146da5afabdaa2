import { chmod, mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { parseRecordName, recordName, type DkimKey } from "../../core/dkim/key.ts";
import type { DkimKeyStore, StoredDkimKey } from "../../flows/signing-ports.ts";

/** The name while it is written: no name of a record begins with a dot. */
const FRESH = ".new";
/** A file of a key is about 3 KiB. */
const FILE_OCTETS_MAX = 65_536;

/**
 * The keys of DKIM, each in a file of the data directory named like its record: `dkim/SELECTOR._domainkey.DOMAIN`, mode 0600, JSON, its
 * private key sealed. The caller holds the lock of the directory and makes one change at a time.
 */
export function createDkimKeyFiles(dataDirectory: string): DkimKeyStore {
  const folder = join(dataDirectory, "dkim");
  return {
    async load() {
      const keys: StoredDkimKey[] = [];
      const faulty: string[] = [];
      for (const name of (await namesIn(folder)).sort()) {
        if (name === FRESH) continue;
        const key = await read(folder, name);
        if (key === null) faulty.push(join(folder, name));
        else keys.push(key);
      }
      return { keys, faulty };
    },
    async put(key) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      await write(join(folder, FRESH), `${JSON.stringify({ version: 1, ...key }, null, 2)}\n`);
      await rename(join(folder, FRESH), join(folder, recordName(key)));
      await sync(folder);
      await sync(dataDirectory);
    },
    async remove(key) {
      await unlink(join(folder, recordName(key)));
      await sync(folder);
    },
  };
}

/** Copies the keys, sealed as they are, into another data directory, where there are any. */
export async function copyDkimKeys(dataDirectory: string, target: string): Promise<void> {
  const folder = join(target, "dkim");
  const names = (await namesIn(join(dataDirectory, "dkim"))).filter((name) => name !== FRESH);
  if (names.length === 0) return;
  await mkdir(folder, { mode: 0o700 });
  for (const name of names) {
    const octets = await octetsOf(join(dataDirectory, "dkim", name));
    if (octets !== null) await write(join(folder, name), octets);
  }
  await sync(folder);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw fault;
  }
}

/** null where there is no such file, as where a key was removed meanwhile. */
async function octetsOf(file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(file);
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return null;
    throw fault;
  }
}

async function write(file: string, text: string | Uint8Array): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** null where the file is not one that `put` wrote, under the name that it says. */
async function read(folder: string, name: string): Promise<StoredDkimKey | null> {
  const named = parseRecordName(name);
  if (named === null) return null;
  try {
    const octets = await readFile(join(folder, name));
    if (octets.length > FILE_OCTETS_MAX) return null;
    const said = JSON.parse(octets.toString("utf8")) as Readonly<Record<string, unknown>>;
    return said["version"] === 1 && recordName(named) === name ? keyOf(said, named) : null;
  } catch {
    return null; // cannot be read, or no JSON
  }
}

const ALGORITHMS = ["rsa-sha256", "ed25519-sha256"] as const;
const STATES = ["pending", "signing", "retired"] as const;

function keyOf(
  said: Readonly<Record<string, unknown>>,
  named: Pick<DkimKey, "domain" | "selector">,
): StoredDkimKey | null {
  const algorithm = ALGORITHMS.find((one) => one === said["algorithm"]);
  const state = STATES.find((one) => one === said["state"]);
  const { publicKey, sealedPrivateKey, subdomains, createdAt, createdBy } = said;
  if (algorithm === undefined || state === undefined || typeof subdomains !== "boolean") return null;
  if (typeof createdAt !== "number" || typeof createdBy !== "string") return null;
  if (typeof publicKey !== "string" || typeof sealedPrivateKey !== "string") return null;
  return { ...named, algorithm, publicKey, state, subdomains, createdAt, createdBy, sealedPrivateKey };
}
