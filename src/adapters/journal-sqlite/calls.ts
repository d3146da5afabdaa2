import type { JournalFilter } from "../../flows/ports.ts";
import type { FoundRow, Retention } from "./table.ts";

/** A filter as the thread takes it: the network of the client is a range of its column. */
export interface Search extends Omit<JournalFilter, "clientIn" | "limit"> {
  readonly clients?: { readonly first: number | string; readonly last: number | string };
}

export interface WorkerOptions {
  readonly file: string;
  readonly retention: Retention;
  readonly now: number;
}

export type Question =
  | { readonly kind: "search"; readonly search: Search; readonly limit: number }
  | { readonly kind: "find"; readonly id: number };

export type Request =
  /** Lines, in order. They are on disk when a `commit` that comes after them is done. */
  | { readonly kind: "lines"; readonly text: string }
  | { readonly kind: "commit"; readonly now: number }
  | { readonly kind: "reserve"; readonly through: number }
  /** A question has a number, so that its answer finds whoever asked. */
  | { readonly kind: "ask"; readonly number: number; readonly question: Question }
  | { readonly kind: "close"; readonly nextDecisionId: number; readonly now: number };

export type Response =
  /** So many decision numbers are this process's: `DECISION_ID_BLOCK` from `nextDecisionId` on. */
  | { readonly kind: "ready"; readonly nextDecisionId: number }
  | { readonly kind: "unusable"; readonly reason: string }
  /** So many batches of lines are on disk now. `more`: there are rows left to be removed. */
  | { readonly kind: "committed"; readonly batches: number; readonly more: boolean }
  /** Nothing was written; everything is kept for the next `commit`. */
  | { readonly kind: "failed"; readonly reason: string }
  /** The file is damaged: it was put aside under this name and a new one begun. */
  | { readonly kind: "damaged"; readonly reason: string; readonly keptAs: string }
  | { readonly kind: "answer"; readonly number: number; readonly rows: readonly FoundRow[] }
  | { readonly kind: "no-answer"; readonly number: number; readonly reason: string };
