import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TlsTallyStore } from "../../flows/tls-report-ports.ts";
import { namesOfRecords, putRecord, removeRecord } from "./record-files.ts";

const FOLDER = "tls-reports";

/** The figures of each day in a file of the data directory: `tls-reports/2026-11-24.json`. They are a memory and no truth: what cannot be read is passed over. */
export function createTlsTallyFiles(dataDirectory: string): TlsTallyStore {
  const folder = join(dataDirectory, FOLDER);
  return {
    async load() {
      const names = (await namesOfRecords(folder)).filter((name) => /^\d{4}-\d\d-\d\d\.json$/.test(name));
      return await Promise.all(names.map((name) => read(join(folder, name))));
    },
    put: (day, record) => putRecord(dataDirectory, FOLDER, fileOf(day), record),
    async remove(day) {
      await removeRecord(folder, fileOf(day)).catch((fault: unknown) => {
        if ((fault as NodeJS.ErrnoException).code !== "ENOENT") throw fault;
      });
    },
  };
}

function fileOf(day: string): string {
  return `${day}.json`;
}

async function read(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as unknown;
  } catch {
    return null; // cannot be read, or no JSON
  }
}
