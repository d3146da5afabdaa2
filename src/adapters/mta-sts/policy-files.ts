import { mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { parseDomain, type Domain } from "../../core/mail/domain.ts";
import type { KeptStsPolicy } from "../../core/tls-policy/sts.ts";
import type { StsPolicyStore } from "../../flows/ports.ts";

/** The name while it is written: no domain begins with a dot. */
const FRESH = ".new";
/** A policy has 64 KiB at most, more in JSON where it is full of what must be escaped. */
const FILE_OCTETS_MAX = 524_288;

/**
 * Policies of MTA-STS, each in a file of the data directory named like its domain: `mta-sts/DOMAIN`. They are a memory and no truth: a file that
 * cannot be read is passed over, and what a power cut takes is fetched again.
 */
export function createStsPolicyFiles(dataDirectory: string): StsPolicyStore {
  const folder = join(dataDirectory, "mta-sts");
  return {
    async load() {
      const kept: KeptStsPolicy[] = [];
      for (const name of await namesIn(folder)) {
        const policy = await read(folder, name);
        if (policy !== null) kept.push(policy);
      }
      return kept;
    },
    async put(policy) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(join(folder, FRESH), "w", 0o600);
      try {
        await handle.writeFile(`${JSON.stringify({ version: 1, ...policy })}\n`);
        // Without this a power cut could leave an empty file under its name.
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(join(folder, FRESH), join(folder, policy.domain));
    },
    async remove(domain) {
      await unlink(join(folder, domain)).catch(unlessAbsent);
    },
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((fault: unknown) => {
    unlessAbsent(fault);
    return [];
  });
}

function unlessAbsent(fault: unknown): void {
  if ((fault as NodeJS.ErrnoException).code !== "ENOENT") throw fault;
}

/** null where the file is not one that `put` wrote, under the domain that it says. */
async function read(folder: string, name: string): Promise<KeptStsPolicy | null> {
  const domain = parseDomain(name);
  if (!domain.ok || domain.value !== name) return null;
  try {
    const octets = await readFile(join(folder, name));
    if (octets.length > FILE_OCTETS_MAX) return null;
    return keptOf(JSON.parse(octets.toString("utf8")) as Readonly<Record<string, unknown>>, domain.value);
  } catch {
    return null; // cannot be read, or no JSON
  }
}

function keptOf(said: Readonly<Record<string, unknown>>, domain: Domain): KeptStsPolicy | null {
  const { version, id, fetchedAt, text } = said;
  if (version !== 1 || said["domain"] !== domain) return null;
  if (typeof id !== "string" || typeof fetchedAt !== "number" || typeof text !== "string") return null;
  return { domain, id, fetchedAt, text };
}
