import { join } from "node:path";
import { parseName } from "../../core/base/names.ts";
import { parseEndpoint } from "../../core/oauth/account.ts";
import type { OAuthAccountStore, StoredOAuthAccount } from "../../flows/oauth-ports.ts";
import { namesOfRecords, putRecord, readRecord, removeRecord, type Fields } from "./record-files.ts";

const FOLDER = "oauth";
const ENDING = ".json";
/** A file of an account is about 4 KiB; a refresh token may be long. */
const FILE_OCTETS_MAX = 131_072;

/**
 * OAuth accounts, each in a file of the data directory: `oauth/NAME.json`, mode 0600, its secrets sealed. A refresh token that is
 * replaced is on the disk until the new one is: a death in between leaves one of the two, never none.
 */
export function createOAuthAccountFiles(dataDirectory: string): OAuthAccountStore {
  const folder = join(dataDirectory, FOLDER);
  return {
    async load() {
      const accounts: StoredOAuthAccount[] = [];
      const faulty: string[] = [];
      for (const name of await namesOfRecords(folder)) {
        const account = await read(folder, name);
        if (account === null) faulty.push(join(folder, name));
        else accounts.push(account);
      }
      return { accounts, faulty };
    },
    async put(account) {
      await putRecord(dataDirectory, FOLDER, `${account.name}${ENDING}`, { version: 1, ...account });
    },
    async remove(name) {
      await removeRecord(folder, `${name}${ENDING}`);
    },
  };
}

/** null where the file is not one that `put` wrote, under the name that it says. */
async function read(folder: string, file: string): Promise<StoredOAuthAccount | null> {
  const name = file.endsWith(ENDING) ? file.slice(0, -ENDING.length) : "";
  if (parseName(name) !== name) return null;
  const said = await readRecord(join(folder, file), FILE_OCTETS_MAX);
  return said?.["name"] === name ? accountOf(said, name) : null;
}

const TEXTS = ["user", "clientId", "keyId", "tokenEndpoint", "deviceEndpoint", "scope", "createdBy"] as const;
const SEALED = ["sealedSecret", "sealedRefreshToken"] as const;
type Texts = Readonly<Record<(typeof TEXTS)[number] | (typeof SEALED)[number], string>>;

function accountOf(said: Fields, name: string): StoredOAuthAccount | null {
  const provider = (["microsoft", "google", "generic"] as const).find((one) => one === said["provider"]);
  const grant = (["client-credentials", "refresh-token", "service-account"] as const).find(
    (one) => one === said["grant"],
  );
  const proof = (["secret", "key", "none"] as const).find((one) => one === said["proof"]);
  const { createdAt, certificateEndsAt } = said;
  if (provider === undefined || grant === undefined || proof === undefined || typeof createdAt !== "number")
    return null;
  if (certificateEndsAt !== null && typeof certificateEndsAt !== "number") return null;
  const texts: Partial<Record<string, string>> = {};
  for (const field of [...TEXTS, ...SEALED]) {
    const value = said[field];
    if (typeof value !== "string") return null;
    texts[field] = value;
  }
  const read = texts as Texts;
  if (!parseEndpoint(read.tokenEndpoint).ok) return null;
  if (read.deviceEndpoint !== "" && !parseEndpoint(read.deviceEndpoint).ok) return null;
  return { name, provider, grant, proof, createdAt, certificateEndsAt, ...read };
}
