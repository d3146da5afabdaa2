import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../../core/base/assert.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { FileContent } from "../../core/mail/content.ts";
import type { ContentWriter, SpoolFault } from "../../flows/ports.ts";
import { faultOf, reasonOf } from "./faults.ts";

const NAME = /^[0-9a-f]{24}$/;
const BLOCK_OCTETS = 65_536;

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

  async *read(content: FileContent): AsyncIterable<Uint8Array> {
    assert(NAME.test(content.name), "a file of content is named by the spool");
    const file = await open(join(this.#directory, content.name), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      for (let left = content.sizeOctets; left > 0;) {
        const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_OCTETS, left));
        const { bytesRead } = await file.read(block, 0, block.length);
        if (bytesRead === 0) throw new Error(`the file of content ${content.name} is shorter than it was`);
        left -= bytesRead;
        yield block.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async remove(name: string): Promise<void> {
    // One that cannot be removed is named by no row, and goes at the next start.
    await unlink(join(this.#directory, name)).catch(() => undefined);
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
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EMFILE" || code === "ENFILE") return "busy";
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
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #files: ContentFiles;
  #sizeOctets = 0;
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
      if (this.#fault === null) await this.#files.syncFolder();
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
