import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { PolicySnapshots } from "../../flows/ports.ts";
import { syncDirectory, type DataDirectory } from "./data-directory.ts";
import type { StoreThread } from "./store-thread.ts";

/** The first octets of the trailer: `RKSNAP` and the number of this layout. */
const MAGIC = Buffer.from("RKSNAP01", "latin1");
/** Magic, length of the mark, checksum of all before it. */
const TRAILER_OCTETS = 16;
/** So much is written and synced at a time: mail that waits for the same disk waits for no more. */
const STEP_OCTETS = 1_048_576;

/**
 * The snapshot of the policy, a file beside the database: what was handed in, the mark of the record of that version in the log, and a trailer. It
 * comes into being under another name, so that there is a whole one or none.
 */
export class PolicySnapshotFile implements PolicySnapshots {
  readonly #directory: DataDirectory;
  readonly #thread: Pick<StoreThread, "call">;

  constructor(directory: DataDirectory, thread: Pick<StoreThread, "call">) {
    this.#directory = directory;
    this.#thread = thread;
  }

  async load(): Promise<Uint8Array<ArrayBuffer> | null> {
    const octets = await readWhole(this.#directory.policySnapshot);
    if (octets === null || octets.length < TRAILER_OCTETS) return null;
    const trailer = octets.subarray(octets.length - TRAILER_OCTETS);
    if (!trailer.subarray(0, 8).equals(MAGIC)) return null;
    if (trailer.readUInt32LE(12) !== crc32(octets.subarray(0, octets.length - 4))) return null;
    const markAt = octets.length - TRAILER_OCTETS - trailer.readUInt32LE(8);
    const mark = octets.toString("utf8", markAt, octets.length - TRAILER_OCTETS);
    const [version] = JSON.parse(mark) as [number];
    if ((await this.#thread.call("policyMark", version)) !== mark) return null;
    return new Uint8Array(octets.buffer, 0, markAt);
  }

  async save(version: number, parts: Iterable<Uint8Array>): Promise<void> {
    const mark = await this.#thread.call("policyMark", version);
    if (mark === null) throw new Error(`the policy log has no version ${version}`);
    const { path, policySnapshot } = this.#directory;
    const fresh = `${policySnapshot}.new`;
    await rm(fresh, { force: true });
    const file = await open(fresh, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await write(file, withTrailer(parts, mark));
      await file.close();
      await rename(fresh, policySnapshot);
      await syncDirectory(path);
    } catch (fault) {
      await file.close().catch(() => undefined);
      await rm(fresh, { force: true });
      throw fault;
    }
  }
}

/** The parts, and behind them what `load` looks for. */
function* withTrailer(parts: Iterable<Uint8Array>, mark: string): Generator<Uint8Array, void> {
  let checksum = 0;
  for (const part of parts) {
    checksum = crc32(part, checksum);
    yield part;
  }
  const text = Buffer.from(mark);
  const trailer = Buffer.alloc(TRAILER_OCTETS);
  MAGIC.copy(trailer);
  trailer.writeUInt32LE(text.length, 8);
  checksum = crc32(trailer.subarray(0, 12), crc32(text, checksum));
  trailer.writeUInt32LE(checksum, 12);
  yield text;
  yield trailer;
}

/** In steps, between which everything else has its turn. */
async function write(file: FileHandle, parts: Iterable<Uint8Array>): Promise<void> {
  let step: Uint8Array[] = [];
  let octets = 0;
  for (const part of parts) {
    step.push(part);
    octets += part.length;
    if (octets < STEP_OCTETS) continue;
    await writeStep(file, step, octets);
    step = [];
    octets = 0;
  }
  await writeStep(file, step, octets);
}

async function writeStep(file: FileHandle, step: readonly Uint8Array[], octets: number): Promise<void> {
  if (octets === 0) return;
  const { bytesWritten } = await file.writev(step);
  if (bytesWritten !== octets) throw new Error("no room for the whole snapshot");
  await file.datasync();
}

/** The file, or null where there is none that we could have made. */
async function readWhole(path: string): Promise<Buffer<ArrayBuffer> | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.uid !== process.getuid?.()) return null;
    const octets = Buffer.allocUnsafeSlow(stat.size);
    for (let at = 0; at < octets.length;) {
      const { bytesRead } = await file.read(octets, at, octets.length - at, at);
      if (bytesRead === 0) return null;
      at += bytesRead;
    }
    return octets;
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
