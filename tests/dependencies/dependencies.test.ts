import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { checkDependencies } from "../../scripts/dependencies.ts";

test("every package has a licence that is allowed, one version, a checksum, and no script", () => {
  assert.deepEqual(checkDependencies(resolve(import.meta.dirname, "../..")).faults, []);
});

const GOOD = { version: "1.0.0", license: "MIT" };
const LOCKED = { ...GOOD, integrity: `sha512-${"A".repeat(86)}==` };

/** What is built in, on top of one good package, and the line that must be found: a check that cannot fail checks nothing. */
const FAULTS: readonly (readonly [what: string, change: Partial<Tree>, found: string])[] = [
  ["a licence that is not allowed", { locked: { license: "AGPL-3.0" } }, "node_modules/a: licence AGPL-3.0"],
  ["no licence", { locked: { license: undefined } }, "node_modules/a: licence not said"],
  ["no checksum", { locked: { integrity: undefined } }, "node_modules/a: no SHA-512 of its content"],
  ["a weak checksum", { locked: { integrity: "sha1-AAAA" } }, "node_modules/a: no SHA-512 of its content"],
  ["a package from a repository", { locked: { resolved: "git+ssh://x/y" } }, "comes from git+ssh://x/y"],
  ["an install script that the lock file tells of", { locked: { hasInstallScript: true } }, "an install script"],
  ["an install script", { installed: { scripts: { postinstall: "x" } } }, "node_modules/a: runs postinstall"],
  ["another version on the disk", { installed: { version: "1.0.1" } }, "1.0.1 is installed, 1.0.0 is locked"],
  ["another licence on the disk", { installed: { license: "GPL-3.0" } }, "licence GPL-3.0 is installed"],
  ["a package that is not there", { installed: null }, "node_modules/a: not installed"],
  ["native code", { files: { "node_modules/a/binding.gyp": "{}" } }, "node_modules/a: compiles native code"],
  ["a stranger", { files: { "node_modules/@x/b/package.json": "{}" } }, "node_modules/@x/b: installed, not locked"],
  ["a range of versions", { wanted: "^1.0.0" }, "a is not pinned to one version: ^1.0.0"],
  ["an import that is not declared", { files: { "src/y.ts": 'import b from "b/c";\n' } }, "src imports b,"],
  ["a dependency that nothing uses", { files: { "src/x.ts": "" } }, "a is a dependency that src never imports"],
];

interface Tree {
  readonly wanted: string;
  readonly locked: Readonly<Record<string, unknown>>;
  readonly installed: Readonly<Record<string, unknown>> | null;
  readonly files: Readonly<Record<string, string>>;
}

for (const [what, change, found] of FAULTS) {
  test(`the check finds ${what}`, (t) => {
    const root = mkdtempSync(join(tmpdir(), "relaykeeper-dependencies-"));
    t.after(() => rmSync(root, { recursive: true }));
    const wanted = { a: change.wanted ?? "1.0.0" };
    const files: Record<string, string> = {
      "package.json": JSON.stringify({ dependencies: wanted }),
      "package-lock.json": JSON.stringify({
        lockfileVersion: 3,
        packages: { "": { dependencies: wanted }, "node_modules/a": { ...LOCKED, ...change.locked } },
      }),
      "src/x.ts": 'import a from "a";\n',
      ...change.files,
    };
    if (change.installed !== null)
      files["node_modules/a/package.json"] = JSON.stringify({ ...GOOD, ...change.installed });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    const { faults } = checkDependencies(root);
    assert.ok(
      faults.some((fault) => fault.includes(found)),
      faults.join("\n"),
    );
  });
}
