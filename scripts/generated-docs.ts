/** Every page that is made of the source, by its path from the root of the project. */
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { COMMANDS } from "../src/core/cl/command-list.ts";
import { manPage, messageReference, reference } from "../src/core/cl/manual.ts";
import { configurationPage } from "./configuration-page.ts";
import { policyTable } from "./policy-table.ts";
import { manual, programPage } from "./program-pages.ts";
import { rfcPage } from "./rfc-page.ts";

const root = resolve(import.meta.dirname, "..");

export function generatedDocs(): ReadonlyMap<string, string> {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const sources = globSync("src/**/*.ts", { cwd: root })
    .filter((path) => !path.endsWith(".test.ts"))
    .sort()
    .map((path) => ({ path, text: read(path) }));
  return new Map([
    ["docs/commands.md", reference(COMMANDS)],
    ["docs/messages.md", messageReference()],
    ["docs/rfc.md", rfcPage(sources)],
    ["docs/program.md", programPage()],
    ["docs/configuration.md", configurationPage(read("src/core/base/limits.ts"))],
    ["docs/policy-table.md", policyTable()],
    ["docs/man/relaykeeper.1", manual()],
    ...COMMANDS.map((command) => [`docs/man/${command.name}.md`, manPage(command)] as const),
  ]);
}
