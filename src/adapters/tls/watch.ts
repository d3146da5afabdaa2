/** Sees that the files of the certificate changed, and has them read again. */
import { watch } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DAY_MS, MINUTE_MS } from "../../core/base/time.ts";
import type { Clock, Timer } from "../../flows/ports.ts";
import type { Certificates } from "./certificates.ts";
import type { CertificateFiles } from "./load-pair.ts";

/** Tells of changes in a folder. */
export interface FolderWatch {
  close(): void;
}

export interface CertificateWatchOptions {
  readonly certificates: Certificates;
  readonly clock: Clock;
  /** Hear one line each. */
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
  /** Calls `onChange` whenever something in the folder changed, `onEnd` where it can watch no longer. Throws where it cannot at all. */
  readonly watchFolder?: (folder: string, onChange: () => void, onEnd: () => void) => FolderWatch;
}

/** Changes come in bursts, certificate and key one after the other: so long after the first of them the files are looked at. */
const SETTLE_MS = 500;
/** Not every file system tells of changes: without being told the files are looked at so often. */
const LOOK_MS = MINUTE_MS;

/**
 * Certificate and key are looked at soon after something changed in their folders, and once a minute. Only what is another file than at
 * the last look is read, and only what holds together is taken: half-written files are tried again, and the operator hears of it where
 * they stay so. Once a day an end that is near is told.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #files: CertificateFiles | null;
  #watches: FolderWatch[] = [];
  /** A folder could not be watched, or can be no longer. */
  #isBlind = true;
  #stamp = "";
  /** The fault that was told last: once is enough. */
  #told: string | null = null;
  #soon: Timer | null = null;
  #next: Timer | null = null;
  #daily: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #isLooking = false;
  #stopped = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#files = options.certificates.files;
  }

  start(): void {
    this.#tellDaily();
    if (this.#files !== null) this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of [this.#soon, this.#next, this.#daily]) timer?.cancel();
    await this.#looking;
    this.#unwatch();
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await this.#looking;
  }

  #begin(): void {
    // On a file system that does not answer, looks must not pile up.
    if (this.#isLooking) this.#beginSoon();
    else this.#looking = this.#lookOnce();
    this.#next?.cancel();
    this.#next = this.#options.clock.after(LOOK_MS, () => this.#begin());
  }

  #beginSoon(): void {
    if (this.#stopped) return;
    this.#soon ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#soon = null;
      this.#begin();
    });
  }

  async #lookOnce(): Promise<void> {
    this.#isLooking = true;
    try {
      await this.#look();
    } catch (fault) {
      this.#options.warn(`the files of the certificate cannot be looked at: ${String(fault)}`);
    } finally {
      this.#isLooking = false;
    }
  }

  async #look(): Promise<void> {
    if (this.#files === null || this.#stopped) return;
    const { certificates, info, warn } = this.#options;
    const stamp = await stampOf(this.#files);
    const isAtRest = stamp === this.#stamp;
    // Another file may be in another folder.
    if (!isAtRest || this.#isBlind) await this.#watch(this.#files);
    if (isAtRest && certificates.fault === null) return;
    this.#stamp = stamp;
    const before = certificates.pair();
    const reloaded = await certificates.reload();
    if (reloaded.ok) {
      this.#told = null;
      if (certificates.pair() !== before) info(`the certificate was read again: ${certificates.describe()}`);
    } else if (!isAtRest) this.#beginSoon();
    else if (this.#told !== reloaded.error) {
      this.#told = reloaded.error;
      warn(`${reloaded.error}; the certificate of before stays in use`);
    }
  }

  /** The folders of the names, and those of the files that symbolic links lead to. */
  async #watch(files: CertificateFiles): Promise<void> {
    const folders = new Set<string>();
    for (const file of [files.certificate, files.key])
      for (const name of [file, await realpath(file).catch(() => file)]) folders.add(dirname(name));
    if (this.#stopped) return;
    this.#unwatch();
    this.#isBlind = false;
    for (const folder of folders) this.#watchFolder(folder);
  }

  #watchFolder(folder: string): void {
    const { watchFolder = watchByKernel } = this.#options;
    const blind = (): void => void (this.#isBlind = true);
    try {
      this.#watches.push(watchFolder(folder, () => this.#beginSoon(), blind));
    } catch {
      blind();
    }
  }

  #unwatch(): void {
    for (const one of this.#watches) one.close();
    this.#watches = [];
  }

  #tellDaily(): void {
    this.#daily = this.#options.clock.after(DAY_MS, () => {
      const warning = this.#options.certificates.expiryWarning();
      if (warning !== null) this.#options.warn(warning);
      this.#tellDaily();
    });
  }
}

function watchByKernel(folder: string, onChange: () => void, onEnd: () => void): FolderWatch {
  const watcher = watch(folder, { persistent: false }, onChange);
  watcher.on("error", onEnd);
  return watcher;
}

/** Another text whenever one of the names is another file, or the file was changed. */
async function stampOf(files: CertificateFiles): Promise<string> {
  const stamps = [files.certificate, files.key].map(async (file) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
    } catch (fault) {
      return (fault as NodeJS.ErrnoException).code ?? "unreadable";
    }
  });
  return (await Promise.all(stamps)).join(", ");
}
