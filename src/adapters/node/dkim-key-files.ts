import { join } from "node:path";
import { parseRecordName, recordName, type DkimKey } from "../../core/dkim/key.ts";
import type { DkimKeyStore, StoredDkimKey } from "../../flows/signing-ports.ts";
import { namesOfRecords, putRecord, readRecord, removeRecord, type Fields } from "./record-files.ts";

const FOLDER = "dkim";
/** A file of a key is about 3 KiB. */
const FILE_OCTETS_MAX = 65_536;

/**
 * The keys of DKIM, each in a file of the data directory named like its record: `dkim/SELECTOR._domainkey.DOMAIN`, mode 0600, JSON, its
 * private key sealed. The caller holds the lock of the directory and makes one change at a time.
 */
export function createDkimKeyFiles(dataDirectory: string): DkimKeyStore {
  const folder = join(dataDirectory, FOLDER);
  return {
    async load() {
      const keys: StoredDkimKey[] = [];
      const faulty: string[] = [];
      for (const name of await namesOfRecords(folder)) {
        const key = await read(folder, name);
        if (key === null) faulty.push(join(folder, name));
        else keys.push(key);
      }
      return { keys, faulty };
    },
    async put(key) {
      await putRecord(dataDirectory, FOLDER, recordName(key), { version: 1, ...key });
    },
    async remove(key) {
      await removeRecord(folder, recordName(key));
    },
  };
}

/** null where the file is not one that `put` wrote, under the name that it says. */
async function read(folder: string, name: string): Promise<StoredDkimKey | null> {
  const named = parseRecordName(name);
  if (named === null) return null;
  const said = await readRecord(join(folder, name), FILE_OCTETS_MAX);
  return said !== null && recordName(named) === name ? keyOf(said, named) : null;
}

const ALGORITHMS = ["rsa-sha256", "ed25519-sha256"] as const;
const STATES = ["pending", "signing", "retired"] as const;

function keyOf(said: Fields, named: Pick<DkimKey, "domain" | "selector">): StoredDkimKey | null {
  const algorithm = ALGORITHMS.find((one) => one === said["algorithm"]);
  const state = STATES.find((one) => one === said["state"]);
  const { publicKey, sealedPrivateKey, subdomains, createdAt, createdBy } = said;
  if (algorithm === undefined || state === undefined || typeof subdomains !== "boolean") return null;
  if (typeof createdAt !== "number" || typeof createdBy !== "string") return null;
  if (typeof publicKey !== "string" || typeof sealedPrivateKey !== "string") return null;
  return { ...named, algorithm, publicKey, state, subdomains, createdAt, createdBy, sealedPrivateKey };
}
