import { join } from "node:path";
import type { TlsTallyStore } from "../../flows/tls-report-ports.ts";
import { namesOfRecords, putRecord, readRecord, removeRecord, unlessAbsent } from "./record-files.ts";

const FOLDER = "tls-reports";
/** More than the texts of a day (`limits.tls_tally_octets`) come to as JSON. */
const FILE_OCTETS_MAX = 64 * 1_048_576;

/** The figures of each day in a file of the data directory: `tls-reports/2026-11-24.json`. They are a memory and no truth: what cannot be read is passed over. */
export function createTlsTallyFiles(dataDirectory: string): TlsTallyStore {
  const folder = join(dataDirectory, FOLDER);
  return {
    async load() {
      const names = (await namesOfRecords(folder)).filter((name) => /^\d{4}-\d\d-\d\d\.json$/.test(name));
      return await Promise.all(names.map((name) => readRecord(join(folder, name), FILE_OCTETS_MAX)));
    },
    put: (day, record) => putRecord(dataDirectory, FOLDER, fileOf(day), record),
    remove: (day) => removeRecord(folder, fileOf(day)).catch(unlessAbsent),
  };
}

function fileOf(day: string): string {
  return `${day}.json`;
}
