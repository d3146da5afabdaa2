/** Writes the pages that are made of the source: `npm run docs`. */
import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { generatedDocs } from "./generated-docs.ts";

const root = resolve(import.meta.dirname, "..");
const pages = generatedDocs();
for (const page of globSync("docs/man/*", { cwd: root })) if (!pages.has(page)) rmSync(join(root, page));
for (const [path, text] of pages) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
process.stdout.write(`${pages.size} pages\n`);
