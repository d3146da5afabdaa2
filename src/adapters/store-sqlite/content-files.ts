import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { assert } from "../../core/base/assert.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { FileContent } from "../../core/mail/content.ts";
import type { ContentWriter, SpoolFault } from "../../flows/ports.ts";
import { faultOf, reasonOf } from "./faults.ts";

/** Chosen at random, and the CRC-32 of the content; files of older versions have none. */
const NAME = /^[0-9a-f]{24}(?:-[0-9a-f]{8})?$/;
/** Not for a queue in its place either, which would never open. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const BLOCK_OCTETS = 65_536;

/** The CRC-32 that the content of a file should have; null where it was written by a version that did not note it. */
export function checksumOf(name: string): number | null {
  const [, checksum] = name.split("-");
  return checksum === undefined ? null : Number.parseInt(checksum, 16);
}

/** Content too large for a row: a file each, synced with its folder before the row that names it is put. */
export class ContentFiles {
  readonly #directory: string;
  readonly #breakDown: (reason: string) => void;
  #syncing: Promise<void> | null = null;
  #nextSync: Promise<void> | null = null;

  /** `breakDown` is told of storage that can no longer be trusted. */
  constructor(directory: string, breakDown: (reason: string) => void) {
    this.#directory = directory;
    this.#breakDown = breakDown;
  }

  async open(): Promise<Result<ContentWriter, SpoolFault>> {
    const name = randomBytes(12).toString("hex");
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
    try {
      const file = await open(join(this.#directory, name), flags, 0o600);
      return ok(new FileWriter(name, file, this));
    } catch (error) {
      return err(this.fail(error));
    }
  }

  /** Throws before the last block where the content is not what was written: whoever passes it on has not ended it then. */
  async *read(content: FileContent): AsyncIterable<Uint8Array> {
    const { name } = content;
    assert(NAME.test(name), "a file of content is named by the spool");
    const wanted = checksumOf(name);
    const file = await open(join(this.#directory, name), READ);
    try {
      let checksum = 0;
      for (let left = content.sizeOctets; left > 0;) {
        const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_OCTETS, left));
        const { bytesRead } = await file.read(block, 0, block.length);
        if (bytesRead === 0) throw new Error(`the file of content ${name} is shorter than it was`);
        left -= bytesRead;
        const octets = block.subarray(0, bytesRead);
        if (wanted !== null) checksum = crc32(octets, checksum);
        if (left === 0 && wanted !== null && checksum !== wanted) {
          throw new Error(`the file of content ${name} does not match its checksum`);
        }
        yield octets;
      }
    } finally {
      await file.close();
    }
  }

  /** What is wrong with a file of content, in words; null where it is what was written. Throws where that cannot be told now. */
  async faultOf(content: FileContent): Promise<string | null> {
    try {
      for await (const octets of this.read(content)) if (octets.length === 0) break;
      return null;
    } catch (error) {
      if (faultOf(error) === "busy") throw error;
      return reasonOf(error);
    }
  }

  async remove(name: string): Promise<void> {
    // One that cannot be removed is named by no row, and goes at the next start.
    await unlink(join(this.#directory, name)).catch(() => undefined);
  }

  /** Adds the checksum of its content to the name of a file that is written. */
  async rename(name: string, checksum: number): Promise<string> {
    const summed = `${name}-${checksum.toString(16).padStart(8, "0")}`;
    await rename(join(this.#directory, name), join(this.#directory, summed));
    return summed;
  }

  /** Resolves when every name made before the call is on stable storage. Calls that come during a sync share the next one. */
  syncFolder(): Promise<void> {
    if (!this.#syncing) return (this.#syncing = this.#sync());
    this.#nextSync ??= this.#syncing.then(
      () => this.#follow(),
      () => this.#follow(),
    );
    return this.#nextSync;
  }

  /** What a fault means for the one whom it hit; one that does not pass ends all writing. */
  fail(error: unknown): SpoolFault {
    const fault = faultOf(error);
    if (fault === "broken") this.#breakDown(reasonOf(error));
    return fault;
  }

  #follow(): Promise<void> {
    this.#nextSync = null;
    return (this.#syncing = this.#sync());
  }

  async #sync(): Promise<void> {
    try {
      const folder = await open(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } finally {
      this.#syncing = null;
    }
  }
}

class FileWriter implements ContentWriter {
  #name: string;
  readonly #file: FileHandle;
  readonly #files: ContentFiles;
  #sizeOctets = 0;
  #checksum = 0;
  #fault: SpoolFault | null = null;
  #open = true;

  constructor(name: string, file: FileHandle, files: ContentFiles) {
    this.#name = name;
    this.#file = file;
    this.#files = files;
  }

  async write(chunk: Uint8Array): Promise<void> {
    assert(this.#open, "nothing is written after the end");
    if (this.#fault !== null) return; // `finish` tells
    try {
      for (let at = 0; at < chunk.length;) {
        at += (await this.#file.write(chunk, at, chunk.length - at, this.#sizeOctets + at)).bytesWritten;
      }
      this.#sizeOctets += chunk.length;
      this.#checksum = crc32(chunk, this.#checksum);
    } catch (error) {
      this.#fault = this.#files.fail(error);
    }
  }

  async finish(dotLines: boolean): Promise<Result<FileContent, SpoolFault>> {
    this.#open = false;
    try {
      if (this.#fault === null) await this.#file.sync();
    } catch (error) {
      this.#fault = this.#files.fail(error);
    }
    await this.#close();
    try {
      if (this.#fault === null) {
        this.#name = await this.#files.rename(this.#name, this.#checksum);
        await this.#files.syncFolder();
      }
    } catch (error) {
      this.#fault = this.#files.fail(error);
    }
    if (this.#fault === null) return ok({ kind: "file", name: this.#name, sizeOctets: this.#sizeOctets, dotLines });
    await this.#files.remove(this.#name);
    return err(this.#fault);
  }

  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#close();
    await this.#files.remove(this.#name);
  }

  async #close(): Promise<void> {
    try {
      await this.#file.close();
    } catch (error) {
      this.#fault ??= this.#files.fail(error);
    }
  }
}
