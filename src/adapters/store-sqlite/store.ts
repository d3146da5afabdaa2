import type { Limits } from "../../core/base/limits.ts";
import { err, ok, type Result } from "../../core/base/result.ts";
import { unreachable } from "../../core/base/assert.ts";
import type { Clock, PolicyLog, PolicySnapshots, Spool, UserStore, UseStore } from "../../flows/ports.ts";
import { copyStore, type StoreCopy } from "./backup.ts";
import { checkDatabase } from "./check.ts";
import { ContentFiles } from "./content-files.ts";
import { prepareDataDirectory } from "./data-directory.ts";
import { reasonOf } from "./faults.ts";
import { takeLock, type LockFault } from "./lock.ts";
import { PolicySnapshotFile } from "./policy-snapshot-file.ts";
import { SqlitePolicyLog, SqliteUserStore, SqliteUseStore } from "./records.ts";
import type { SchemaFault } from "./schema.ts";
import { SqliteSpool } from "./spool.ts";
import { StoreThread } from "./store-thread.ts";

export interface StoreOptions {
  readonly dataDirectory: string;
  readonly limits: Pick<Limits, "queuedMessages" | "capturedMessages">;
  readonly clock: Clock;
  /** Hears what an operator must know: a message quarantined, storage that failed. One line each. */
  readonly report: (text: string) => void;
}

/** Everything durable but the journal, in one data directory, behind one thread. */
export interface Store {
  readonly spool: Spool;
  readonly policyLog: PolicyLog;
  readonly policySnapshots: PolicySnapshots;
  readonly uses: UseStore;
  readonly users: UserStore;
  /** No queue id above it was ever kept: new ones start above it (`createQueueIds`). */
  readonly highestQueueId: number;
  /**
   * Copies database and content as they are at one moment into `target`, a new folder, while mail flows. Until then no file is
   * removed. Where it fails, or `signal` gives it up, what is there is of no use.
   */
  backup(target: string, signal: AbortSignal): Promise<Result<StoreCopy, string>>;
  /** Why nothing more is taken, or null while all is well. */
  broken(): string | null;
  /** Commits what was handed in, closes the database and lets go of the data directory. */
  close(): Promise<void>;
}

export type StoreOpenFault = LockFault | SchemaFault;

/** Opens the data directory, making or upgrading it, for this process alone. */
export async function openStore(options: StoreOptions): Promise<Result<Store, StoreOpenFault>> {
  const directory = await prepareDataDirectory(options.dataDirectory);
  if (!directory.ok) return err({ kind: "unusable", reason: directory.error });
  const { database, content, segments } = directory.value;
  const lock = takeLock(directory.value);
  if (!lock.ok) return lock;
  const { queuedMessages: queuedMax, capturedMessages: capturedMax } = options.limits;
  const started = await StoreThread.start(
    { file: database, contentDirectory: content, logDirectory: segments, queuedMax, capturedMax },
    options.clock,
    options.report,
  );
  if (!started.ok) {
    lock.value.release();
    return started;
  }
  const { thread, highestQueueId } = started.value;
  const files = new ContentFiles(content, (reason) => thread.breakDown(reason));
  let closed: Promise<void> | null = null;
  return ok({
    spool: new SqliteSpool(thread, files, () =>
      checkDatabase({ file: database, contentDirectory: content, logDirectory: segments }),
    ),
    policyLog: new SqlitePolicyLog(thread),
    policySnapshots: new PolicySnapshotFile(directory.value, thread),
    uses: new SqliteUseStore(thread),
    users: new SqliteUserStore(thread),
    highestQueueId,
    backup: async (target, signal) => {
      try {
        await thread.call("pin");
      } catch (error) {
        return err(reasonOf(error));
      }
      try {
        const source = { file: database, contentDirectory: content, logDirectory: segments };
        return await copyStore({ ...source, target }, signal);
      } finally {
        await thread.call("unpin").catch(() => undefined);
      }
    },
    broken: () => thread.broken,
    close: () => (closed ??= thread.close().then(() => lock.value.release())),
  });
}

/** One sentence for the operator. */
export function describeOpenFault(fault: StoreOpenFault, dataDirectory: string): string {
  switch (fault.kind) {
    case "in-use":
      return `${dataDirectory} is in use by ${fault.pid === null ? "another process" : `process ${fault.pid}`}`;
    case "newer":
      return (
        `${dataDirectory} was written by a newer relaykeeper: it has tables of version ${fault.version}, ` +
        `and this one knows them up to version ${fault.known}`
      );
    case "unusable":
      return `${dataDirectory} cannot be used: ${fault.reason}`;
    default:
      return unreachable(fault);
  }
}
