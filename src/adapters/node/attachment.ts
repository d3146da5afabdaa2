import { open } from "node:fs/promises";
import { err, ok, type Result } from "../../core/base/result.ts";

/** Reads a regular file whole, at most `octetsMax` of it. The fault is a sentence for the operator. */
export async function readAttachment(path: string, octetsMax: number): Promise<Result<Uint8Array, string>> {
  try {
    await using handle = await open(path, "r");
    const { size, isFile } = await handle.stat().then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
    if (!isFile) return err(`${path} is not a file`);
    if (size > octetsMax) return err(`${path} has ${size} octets; ${octetsMax} are left for it`);
    return ok(new Uint8Array(await handle.readFile()));
  } catch (fault) {
    return err(`${path}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}
