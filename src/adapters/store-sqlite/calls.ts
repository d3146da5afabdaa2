import type { Instant } from "../../core/base/time.ts";
import type { EntryId, PolicyHead, PolicyRecord } from "../../core/policy/policy.ts";
import type { DuePage } from "../../core/queue/due-page.ts";
import type { AcceptedMessage, QueueId } from "../../core/queue/message.ts";
import type { Outcome } from "../../core/queue/outcome.ts";
import type { EntryUse, ScramVerifier } from "../../flows/ports.ts";

/**
 * Messages as they come back from the store thread: `text` is a JSON array with one `StoredMessage` for each of `ids`. One text
 * passes between threads many times faster than the objects it describes.
 */
export interface StoredPage {
  readonly ids: readonly QueueId[];
  readonly text: string;
}

/** One message of a page: what was written at put, and what became of it; its outcomes in order of their recipients. */
export interface StoredMessage {
  readonly id: QueueId;
  readonly written: Pick<AcceptedMessage, "acceptedAt" | "origin" | "envelope">;
  readonly sizeOctets: number;
  readonly attempts: number;
  readonly held: boolean;
  readonly outcomes: readonly Outcome[];
}

export type StoredContent =
  | { readonly kind: "memory"; readonly octets: Uint8Array; readonly dotLines: boolean }
  | { readonly kind: "file"; readonly name: string; readonly sizeOctets: number; readonly dotLines: boolean };

/** A change as JSON, UTF-8, one piece behind the other: octets that both threads see, so that a million entries are not copied on the way. */
export type EncodedChange = string | SharedArrayBuffer;

export interface Counts {
  readonly queued: number;
  readonly captured: number;
  /** Of the content of both. */
  readonly octets: number;
}

/**
 * What the store thread does besides putting and settling, in the order in which it was asked for: a call sees every put and
 * settle that was handed in before it, and none behind it. One that changes something is a transaction of its own.
 */
export interface Calls {
  due(after: number, limit: number): DuePage;
  load(after: number, limit: number): StoredPage;
  /** A page of one message or none. */
  find(id: QueueId): StoredPage;
  content(id: QueueId): StoredContent | null;
  captured(before: number, limit: number): StoredPage;
  counts(): Counts;
  hold(ids: readonly QueueId[], held: boolean): void;
  remove(ids: readonly QueueId[]): number;
  /** Takes a message that cannot be used out of the queue, and keeps it for inspection. */
  quarantine(id: QueueId, reason: string): void;
  /** From here on no file goes, until as many `unpin` were called: somebody copies them. */
  pin(): void;
  unpin(): void;
  readPolicy(fromVersion: number, limit: number): readonly PolicyRecord[];
  policyHeads(fromVersion: number, limit: number): readonly PolicyHead[];
  /** What tells the record of this version from every other one that could have been in its place; null where there is none. */
  policyMark(version: number): string | null;
  /** The last version where it is not the one before the record's, and nothing was written; else null. */
  appendPolicy(record: Omit<PolicyRecord, "change">, change: EncodedChange): number | null;
  loadUses(): readonly (readonly [EntryId, EntryUse])[];
  saveUses(uses: readonly (readonly [EntryId, EntryUse])[]): void;
  findUser(name: string): ScramVerifier | null;
  putUser(name: string, verifier: ScramVerifier, at: Instant): boolean;
  removeUser(name: string): boolean;
  listUsers(): readonly { readonly name: string; readonly addedAt: Instant }[];
}

export type CallName = keyof Calls;

/** Calls that change nothing: they are still answered when storage takes no more. */
export const READS: ReadonlySet<CallName> = new Set([
  "due",
  "load",
  "find",
  "content",
  "captured",
  "counts",
  "unpin",
  "readPolicy",
  "policyHeads",
  "policyMark",
  "loadUses",
  "findUser",
  "listUsers",
]);

/** Calls that need all of the log in the tables. `content` does not: it looks into the log itself. */
export const MAIL_CALLS: ReadonlySet<CallName> = new Set([
  "due",
  "load",
  "find",
  "captured",
  "counts",
  "hold",
  "remove",
  "quarantine",
  "pin",
]);

/** A call as it travels. */
export interface Call {
  readonly name: CallName;
  readonly args: readonly unknown[];
}

/** Main thread to store thread. */
export type Request =
  | { readonly kind: "batch"; readonly batch: ArrayBuffer; readonly length: number; readonly calls: readonly Call[] }
  | { readonly kind: "close" };

/** What became of a batch: done but for `refused`, or, where `broken` says why, nobody knows what of it is kept. */
export interface BatchAnswer {
  readonly broken: string | null;
  readonly refused: readonly Refusal[];
  /** One for each call, in order. */
  readonly results: readonly unknown[];
}

/** `duplicate`: the id is there already, which is a bug of whoever gave it. `unreadable`: damage is in the way of this call. */
export interface Refusal {
  readonly index: number;
  readonly why: "full" | "duplicate" | "unreadable";
  readonly reason: string;
}

/** Store thread to main thread. */
export type Response =
  | { readonly kind: "ready"; readonly highestQueueId: number }
  | { readonly kind: "newer"; readonly version: number; readonly known: number }
  | { readonly kind: "unusable"; readonly reason: string }
  | { readonly kind: "answer"; readonly batch: ArrayBuffer; readonly answer: BatchAnswer }
  | { readonly kind: "report"; readonly text: string }
  | { readonly kind: "broken"; readonly reason: string };
