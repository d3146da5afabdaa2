import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PAGE_COLUMNS } from "../../../src/core/cl/layout.ts";
import type { TestHouse } from "./house.ts";

/**
 * Runs commands and holds what an operator sees against `NAME.txt`, which people review. `UPDATE_GOLDEN=1` writes the file anew.
 */
export async function checkTranscript(name: string, house: TestHouse, commands: readonly string[]): Promise<void> {
  const parts = [];
  for (const command of commands) parts.push(`> ${command}\n${await house.show(command)}\n`);
  checkGolden(name, parts.join("\n"));
}

export function checkGolden(name: string, text: string): void {
  const file = join(import.meta.dirname, `${name}.txt`);
  if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(file)) writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"), `${name}.txt is what the commands print (UPDATE_GOLDEN=1 writes it)`);
}

/** What is printed fits a page and moves no terminal. */
export function checkPage(output: string): void {
  for (const line of output.split(/\r?\n/)) {
    assert.ok(line.length <= PAGE_COLUMNS, `${line.length} columns: ${line}`);
     
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
}
