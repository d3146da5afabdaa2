/** A real file system in a file, whose power can be cut. Needs root and loop devices. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingRoot, run } from "../peers/programs.ts";

const MKFS = ["mkfs.ext4", "mount", "umount", "python3"];

/** `ioctl(EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH)`: nothing is written any more, not even what waits in the journal. */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))
`;

/** For the `skip` of a test: why there are no such file systems here, or false. */
export async function missingLoopDevice(): Promise<string | false> {
  const reason = missingRoot(...MKFS);
  if (reason !== false) return reason;
  try {
    await using fileSystem = await LoopFileSystem.make(8);
    return fileSystem.path === "" ? "no path" : false;
  } catch (fault) {
    return `no loop device can be mounted here: ${fault instanceof Error ? fault.message : String(fault)}`;
  }
}

export class LoopFileSystem implements AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #directory: string;
  #isMounted = false;

  private constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, "mount");
  }

  static async make(sizeMib: number): Promise<LoopFileSystem> {
    const directory = await mkdtemp(join(tmpdir(), "relaykeeper-loop-"));
    const fileSystem = new LoopFileSystem(directory);
    try {
      await mkdir(fileSystem.path);
      await writeFile(fileSystem.#image, "");
      await truncate(fileSystem.#image, sizeMib * 1_048_576);
      await done("mkfs.ext4", "-q", "-F", "-m", "0", fileSystem.#image);
      await fileSystem.mount();
      return fileSystem;
    } catch (fault) {
      await rm(directory, { recursive: true, force: true });
      throw fault;
    }
  }

  get #image(): string {
    return join(this.#directory, "image");
  }

  /** What was not synced is gone from here on. Programs that use it see errors; it is to be unmounted. */
  async cutPower(): Promise<void> {
    await done("python3", "-c", SHUTDOWN, this.path);
  }

  async mount(): Promise<void> {
    await done("mount", "-o", "loop", this.#image, this.path);
    this.#isMounted = true;
  }

  /** Nobody may use it any more. */
  async unmount(): Promise<void> {
    await done("umount", this.path);
    this.#isMounted = false;
  }

  /**
   * What is on it now, on another disk. A namespace that was made meanwhile may have the old one mounted still, and the kernel would
   * give the same again, shut down as it is.
   */
  async replace(): Promise<void> {
    await this.unmount();
    await done("cp", "--sparse=always", this.#image, `${this.#image}.copy`);
    await rename(`${this.#image}.copy`, this.#image);
    await this.mount();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isMounted) await this.unmount();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function done(program: string, ...args: readonly string[]): Promise<void> {
  const result = await run(program, args);
  assert.equal(result.code, 0, `${program} ${args.join(" ")}: ${result.output}`);
}
