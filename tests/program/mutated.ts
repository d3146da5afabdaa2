/** The program with a bug that was built in on purpose: a test that does not find it proves nothing. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "../peers/relay.ts";

export interface Mutation {
  /** Below `src`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly right: string;
  readonly wrong: string;
}

export interface MutatedProgram extends AsyncDisposable {
  /** Its `main.ts`. */
  readonly program: string;
}

/** A copy of `src` with these changes. */
export async function mutated(mutations: readonly Mutation[]): Promise<MutatedProgram> {
  const directory = await mkdtemp(join(tmpdir(), "relaykeeper-mutated-"));
  await cp(join(repository, "src"), join(directory, "src"), { recursive: true });
  await cp(join(repository, "package.json"), join(directory, "package.json"));
  await symlink(join(repository, "node_modules"), join(directory, "node_modules"));
  for (const { file, right, wrong } of mutations) {
    const path = join(directory, "src", file);
    const parts = (await readFile(path, "utf8")).split(right);
    assert.equal(parts.length, 2, `${file} has this once: ${right}`);
    await writeFile(path, parts.join(wrong));
  }
  return {
    program: join(directory, "src/main.ts"),
    [Symbol.asyncDispose]: async () => await rm(directory, { recursive: true, force: true }),
  };
}
