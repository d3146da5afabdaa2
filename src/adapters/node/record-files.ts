import { chmod, mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

/** The name while it is written: no name of a record begins with a dot. */
const FRESH = ".new";

/** The names of the records of a folder, sorted; none where there is no folder yet. */
export async function namesOfRecords(folder: string): Promise<readonly string[]> {
  return (await namesIn(folder)).filter((name) => name !== FRESH).sort();
}

/**
 * Writes a record as JSON to a file of a folder of the data directory, mode 0600: wholly or not at all, and on stable storage when it
 * resolves. The caller holds the lock of the directory and makes one change at a time.
 */
export async function putRecord(dataDirectory: string, name: string, file: string, record: object): Promise<void> {
  const folder = join(dataDirectory, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await write(join(folder, FRESH), `${JSON.stringify(record, null, 2)}\n`);
  await rename(join(folder, FRESH), join(folder, file));
  await sync(folder);
  await sync(dataDirectory);
}

export async function removeRecord(folder: string, file: string): Promise<void> {
  await unlink(join(folder, file));
  await sync(folder);
}

/** Copies a folder of records, sealed as they are, into another data directory, where there are any. */
export async function copyRecords(dataDirectory: string, name: string, target: string): Promise<void> {
  const names = await namesOfRecords(join(dataDirectory, name));
  if (names.length === 0) return;
  const folder = join(target, name);
  await mkdir(folder, { mode: 0o700 });
  for (const file of names) {
    const octets = await octetsOf(join(dataDirectory, name, file));
    if (octets !== null) await write(join(folder, file), octets);
  }
  await sync(folder);
}

/** What stands in a record, of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** null where the file cannot be read, is longer, or is no JSON of this version. */
export async function readRecord(file: string, octetsMax: number): Promise<Fields | null> {
  try {
    const octets = await readFile(file);
    if (octets.length > octetsMax) return null;
    const said = JSON.parse(octets.toString("utf8")) as Fields;
    return said["version"] === 1 ? said : null;
  } catch {
    return null;
  }
}

/** For a record that may be gone already. */
export function unlessAbsent(fault: unknown): void {
  if ((fault as NodeJS.ErrnoException).code !== "ENOENT") throw fault;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((fault: unknown) => {
    unlessAbsent(fault);
    return [];
  });
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
