import { setImmediate } from "node:timers/promises";
import { err, ok, type Result } from "../../core/base/result.ts";
import type { Instant } from "../../core/base/time.ts";
import type { EntryId, PolicyChange, PolicyHead, PolicyRecord } from "../../core/policy/policy.ts";
import { encodeInPieces, encodePolicyChange } from "../../core/policy/record-json.ts";
import type { EntryUse, PolicyLog, ScramVerifier, UserStore, UseStore } from "../../flows/ports.ts";
import type { EncodedChange } from "./calls.ts";
import type { StoreThread } from "./store-thread.ts";

/** So many rows go into one transaction: mail waits no longer than it takes. */
const ROWS_PER_CALL = 1_000;

export class SqlitePolicyLog implements PolicyLog {
  readonly #thread: StoreThread;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  async read(fromVersion: number, limit = Infinity): Promise<readonly PolicyRecord[]> {
    const records: PolicyRecord[] = [];
    for (let from = fromVersion; ;) {
      const rows = Math.min(ROWS_PER_CALL, limit - records.length);
      const part = await this.#thread.call("readPolicy", from, rows);
      for (const record of part) records.push(record);
      if (part.length < rows || records.length === limit) return records;
      from = (part.at(-1)?.version ?? from) + 1;
    }
  }

  async heads(fromVersion: number): Promise<readonly PolicyHead[]> {
    const heads: PolicyHead[] = [];
    for (let from = fromVersion; ;) {
      const part = await this.#thread.call("policyHeads", from, ROWS_PER_CALL);
      for (const head of part) heads.push(head);
      if (part.length < ROWS_PER_CALL) return heads;
      from = (part.at(-1)?.version ?? from) + 1;
    }
  }

  async append(record: PolicyRecord): Promise<Result<void, { readonly kind: "conflict"; readonly version: number }>> {
    const { change, ...rest } = record;
    const version = await this.#thread.call("appendPolicy", rest, await encode(change));
    return version === null ? ok(undefined) : err({ kind: "conflict", version });
  }
}

/** Few entries as one text; of many some at a time, so that mail flows meanwhile. */
async function encode(change: PolicyChange): Promise<EncodedChange> {
  if (change.kind !== "replace" || change.entries.length < ROWS_PER_CALL) return encodePolicyChange(change);
  const pieces: Buffer[] = [];
  let octets = 0;
  for (const text of encodeInPieces(change)) {
    const piece = Buffer.from(text);
    pieces.push(piece);
    octets += piece.length;
    await setImmediate();
  }
  const shared = new SharedArrayBuffer(octets);
  const all = Buffer.from(shared);
  let at = 0;
  for (const piece of pieces) at += piece.copy(all, at);
  return shared;
}

export class SqliteUseStore implements UseStore {
  readonly #thread: StoreThread;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  async load(): Promise<ReadonlyMap<EntryId, EntryUse>> {
    return new Map(await this.#thread.call("loadUses"));
  }

  async save(uses: ReadonlyMap<EntryId, EntryUse>): Promise<void> {
    const all = [...uses];
    for (let at = 0; at < all.length; at += ROWS_PER_CALL) {
      await this.#thread.call("saveUses", all.slice(at, at + ROWS_PER_CALL));
    }
  }
}

export class SqliteUserStore implements UserStore {
  readonly #thread: StoreThread;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  find(name: string): Promise<ScramVerifier | null> {
    return this.#thread.call("findUser", name);
  }

  put(name: string, verifier: ScramVerifier, at: Instant): Promise<boolean> {
    return this.#thread.call("putUser", name, verifier, at);
  }

  remove(name: string): Promise<boolean> {
    return this.#thread.call("removeUser", name);
  }

  list(): Promise<readonly { readonly name: string; readonly addedAt: Instant }[]> {
    return this.#thread.call("listUsers");
  }
}
