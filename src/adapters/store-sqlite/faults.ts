import type { SpoolFault } from "../../flows/ports.ts";

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;

/** What the store answers when it cannot do what it was asked: no room now, or storage that is no longer to be trusted. */
export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly fault: SpoolFault;

  constructor(fault: SpoolFault, reason: string) {
    super(fault === "broken" ? `the store is broken: ${reason}` : `the store has no room: ${reason}`);
    this.fault = fault;
  }
}

/**
 * `full` passes: no space left, or another program holds the database for longer than we wait. So does `busy`: every file
 * descriptor is in use. Everything else is `broken`: after a failed write or sync nobody knows what is on the disk, and a later sync that succeeds proves nothing.
 */
export function faultOf(error: unknown): SpoolFault {
  if (error instanceof StoreFault) return error.fault;
  const primary = primaryCode(error);
  if (primary === SQLITE_FULL || primary === SQLITE_BUSY) return "full";
  switch (systemCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return "full";
    case "EMFILE":
    case "ENFILE":
      return "busy";
    default:
      return "broken";
  }
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
