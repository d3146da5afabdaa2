/** docs/configuration.md: every key of the file, from its schema and from the comments of the limits. */
import { variableNames } from "../src/config/environment.ts";
import { fileSchema, snakeCase, type KeySchema } from "../src/config/schema.ts";
import { markdownTable } from "./program-pages.ts";

/** `limitsSource` is the text of core/base/limits.ts. */
export function configurationPage(limitsSource: string): string {
  const schema = fileSchema();
  const comments = limitComments(limitsSource);
  const top = Object.entries(schema.properties ?? {});
  const isTable = ([, key]: [string, KeySchema]): boolean =>
    key.properties !== undefined || key.items?.properties !== undefined;
  const parts = [
    "# The configuration file",
    "TOML. What needs a restart or guards a secret is here; what an operator changes during the day is policy and is changed by " +
      "commands ([commands.md](commands.md)). Every key has a default. An unknown key is an error that names the nearest known " +
      "one; `relaykeeper check` says what is wrong, with its line, and what the file would do.",
    "A variable of the environment goes before the file: `RELAYKEEPER_SECTION_KEY`. The values of a list are separated by commas. " +
      "`RELAYKEEPER_LISTENER_ADDRESS` is that of the first listener, `RELAYKEEPER_LISTENER_2_ADDRESS` of the second. With `_FILE` " +
      "behind its name a variable names a file that holds the value: for secrets.",
    "Relative names in the file start from its folder; in variables and on the command line from the working directory.",
    keyTable(
      [],
      top.filter((entry) => !isTable(entry)),
      {},
    ),
    ...top.filter(isTable).map(([name, key]) => tablePart(name, key, name === "limits" ? comments : {})),
  ];
  return `${parts.join("\n\n")}\n`;
}

function tablePart(name: string, key: KeySchema, comments: Readonly<Record<string, string>>): string {
  const many = key.items?.properties !== undefined;
  const keys = Object.entries((many ? key.items?.properties : key.properties) ?? {});
  return [`## ${many ? `[[${name}]]` : `[${name}]`}`, key.description ?? "", keyTable([name], keys, comments)].join(
    "\n\n",
  );
}

function keyTable(
  path: readonly string[],
  keys: readonly (readonly [string, KeySchema])[],
  comments: Readonly<Record<string, string>>,
): string {
  const rows = keys.map(([name, key]) => [
    `\`${name}\``,
    key.enum ? key.enum.map((value) => `\`"${value}"\``).join(", ") : TYPES[key.type ?? "string"],
    key.default === undefined ? "" : `\`${JSON.stringify(key.default)}\``,
    [key.description ?? comments[name] ?? "", path.length === 0 ? `Variable \`${variable([...path, name])}\`.` : ""]
      .join(" ")
      .trim(),
  ]);
  return markdownTable(["key", "value", "default", "meaning"], rows);
}

const TYPES = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "`true`, `false`",
  array: "list of texts",
  object: "table",
} as const;

function variable(path: readonly string[]): string {
  const wanted = path.join(".");
  const found = [...variableNames(fileSchema())].find(([, known]) => known.join(".") === wanted);
  return found?.[0] ?? "";
}

/** The comment in front of each limit. */
function limitComments(source: string): Readonly<Record<string, string>> {
  const comments: Record<string, string> = {};
  let comment = "";
  for (const [, text, key] of source.matchAll(/\/\*\*([\s\S]*?)\*\/|^ {2}(\w+):/gm)) {
    if (text !== undefined) comment = text.replaceAll(/\s*\n\s*\* ?/g, " ").trim();
    else if (key !== undefined) comments[snakeCase(key)] = comment;
  }
  return comments;
}
