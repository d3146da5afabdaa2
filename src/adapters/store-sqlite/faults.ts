import type { SpoolFault } from "../../flows/ports.ts";

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;

/** What the store answers when it cannot do what it was asked: no room now, or storage that is no longer to be trusted. */
export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly fault: SpoolFault;

  constructor(fault: SpoolFault, reason: string) {
    super(fault === "full" ? `the store has no room: ${reason}` : `the store is broken: ${reason}`);
    this.fault = fault;
  }
}

/**
 * `full` passes: no space left, or another program holds the database for longer than we wait. Everything else is `broken`:
 * after a failed write or sync nobody knows what is on the disk, and a later sync that succeeds proves nothing.
 */
export function faultOf(error: unknown): SpoolFault {
  const primary = primaryCode(error);
  if (primary === SQLITE_FULL || primary === SQLITE_BUSY) return "full";
  return systemCode(error) === "ENOSPC" || systemCode(error) === "EDQUOT" ? "full" : "broken";
}

export function isConstraint(error: unknown): boolean {
  return primaryCode(error) === SQLITE_CONSTRAINT;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

export function isCorrupt(error: unknown): boolean {
  return primaryCode(error) === SQLITE_CORRUPT;
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The primary result code of SQLite: the low octet of the extended one. */
function primaryCode(error: unknown): number {
  const code = error instanceof Error ? (error as { errcode?: unknown }).errcode : undefined;
  return typeof code === "number" ? code & 0xff : 0;
}

function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
