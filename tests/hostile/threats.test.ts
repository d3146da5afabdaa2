/** docs/threats.md names a test for every threat: each must be there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import test from "node:test";
import { readSections } from "./table.ts";

const root = resolve(import.meta.dirname, "../..");

/** What is wrong with `file: title`: a heading of a table, a dialogue, a test, a function of a fuzz target. Null where it is there. */
function faultOf(reference: string): string | null {
  const [, file = "", title = ""] = /^(\S+): (.+)$/.exec(reference) ?? [];
  if (!/^(tests|src)\/[\w./-]+$/.test(file) || !existsSync(resolve(root, file))) return `there is no file ${file}`;
  // A title with backticks in it stands on the page with apostrophes.
  const text = readFileSync(resolve(root, file), "utf8").replaceAll("`", "'");
  const marks = file.endsWith(".md")
    ? [`\n## ${title}\n`]
    : file.endsWith(".smtp")
      ? [`== ${title}\n`]
      : [`test("${title}`, `test('${title}`, `\n  "${title}`, `\n    "${title}`, `it("${title}`, `function ${title}(`];
  return marks.some((mark) => text.includes(mark)) ? null : `${file} has no test "${title}"`;
}

function referencesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, reference = ""]) => reference);
}

test("every threat of docs/threats.md names tests that are there", () => {
  const sections = readSections("../../docs/threats.md");
  const faults: string[] = [];
  let threats = 0;
  for (const { rows } of sections) {
    for (const row of rows) {
      threats++;
      // The reader of tables takes away what the whole cell stands in.
      const references = referencesOf(`\`${row.cell("tests")}\``);
      if (references.length === 0) faults.push(`docs/threats.md:${row.line} names no test`);
      for (const reference of references) {
        const fault = faultOf(reference);
        if (fault !== null) faults.push(`docs/threats.md:${row.line} ${fault}`);
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(threats > 70 && sections.length >= 8, `${threats} threats`);
  // And where one is not there, that is found.
  assert.equal(
    faultOf("tests/hostile/framing.md: Nothing of the kind"),
    'tests/hostile/framing.md has no test "Nothing of the kind"',
  );
  assert.equal(faultOf("tests/none.ts: x"), "there is no file tests/none.ts");
});
