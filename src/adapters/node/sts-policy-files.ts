import { join } from "node:path";
import { parseDomain, type Domain } from "../../core/mail/domain.ts";
import type { KeptStsPolicy } from "../../core/tls-policy/sts.ts";
import type { StsPolicyStore } from "../../flows/ports.ts";
import { namesOfRecords, putRecord, readRecord, removeRecord, unlessAbsent, type Fields } from "./record-files.ts";

const FOLDER = "mta-sts";
/** A policy has 64 KiB at most, more in JSON where it is full of what must be escaped. */
const FILE_OCTETS_MAX = 524_288;

/**
 * Policies of MTA-STS, each in a file of the data directory named like its domain: `mta-sts/DOMAIN`. They are a memory and no truth: a file that
 * cannot be read is passed over.
 */
export function createStsPolicyFiles(dataDirectory: string): StsPolicyStore {
  const folder = join(dataDirectory, FOLDER);
  return {
    async load() {
      const kept: KeptStsPolicy[] = [];
      for (const name of await namesOfRecords(folder)) {
        const domain = parseDomain(name);
        if (!domain.ok || domain.value !== name) continue;
        const said = await readRecord(join(folder, name), FILE_OCTETS_MAX);
        const policy = said === null ? null : keptOf(said, domain.value);
        if (policy !== null) kept.push(policy);
      }
      return kept;
    },
    put: (policy) => putRecord(dataDirectory, FOLDER, policy.domain, { version: 1, ...policy }),
    remove: (domain) => removeRecord(folder, domain).catch(unlessAbsent),
  };
}

/** null where it is not what `put` wrote under this domain. */
function keptOf(said: Fields, domain: Domain): KeptStsPolicy | null {
  const { id, fetchedAt, text } = said;
  if (said["domain"] !== domain) return null;
  if (typeof id !== "string" || typeof fetchedAt !== "number" || typeof text !== "string") return null;
  return { domain, id, fetchedAt, text };
}
