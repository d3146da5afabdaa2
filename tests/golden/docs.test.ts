import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { generatedDocs } from "../../scripts/generated-docs.ts";

const root = resolve(import.meta.dirname, "../..");
const pages = generatedDocs();

test("there are pages, one for each command", () => {
  assert.ok(pages.size > 20);
  for (const page of globSync("docs/man/*", { cwd: root })) assert.ok(pages.has(page), `${page} is nobody's page`);
});

for (const [path, text] of pages) {
  test(`${path} is current; npm run docs makes it so`, () => {
    assert.ok(existsSync(join(root, path)), "it is there");
    assert.equal(readFileSync(join(root, path), "utf8"), text);
  });
}
