/** The rules of the house as a test: floors and doors, hot rooms, names, and who may touch the process. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "..");

interface SourceFile {
  /** From `src`: `core/mail/ip.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** From `src`, where it is a file of ours. */
  readonly target: string | null;
}

const files = globSync("src/**/*.ts", { cwd: root })
  .map((name) => readSource(join(root, name)))
  .sort((a, b) => (a.path < b.path ? -1 : 1));
const sources = files.filter(({ path }) => !path.endsWith(".test.ts"));

function readSource(file: string): SourceFile {
  const text = readFileSync(file, "utf8");
  const code = withoutComments(text);
  const imports: Import[] = [];
  const pattern =
    /^(?:import|export)\s+(type\s+)?[^"';]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm;
  for (const [, type, named, dynamic, bare] of code.matchAll(pattern)) {
    const specifier = named ?? dynamic ?? bare ?? "";
    const ours = specifier.startsWith(".");
    imports.push({
      specifier,
      typeOnly: type !== undefined,
      target: ours ? relative(join(root, "src"), resolve(dirname(file), specifier)) : null,
    });
  }
  return { path: relative(join(root, "src"), file), text, imports };
}

/** The code alone. Good enough for what is looked for: no string of ours holds what begins a comment. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

/** The room of a file: `core/mail`, `flows`, `adapters/tls`, or `roof` for what stands right in `src` and its `config`. */
function roomOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "core" || parts[0] === "adapters") return parts.slice(0, 2).join("/");
  if (parts[0] === "flows" || parts[0] === "web") return parts[0];
  return "roof";
}

const doors: Readonly<Record<string, readonly string[]>> = {
  "core/base": [],
  "core/mail": ["core/base"],
  "core/policy": ["core/base", "core/mail"],
  "core/dkim": ["core/base", "core/mail"],
  "core/arc": ["core/base", "core/mail", "core/dkim"],
  "core/oauth": ["core/base", "core/mail"],
  "core/smtp": ["core/base", "core/mail"],
  "core/queue": ["core/base", "core/mail"],
  "core/tls-policy": ["core/base", "core/mail"],
  "core/cl": ["core/base", "core/mail", "core/policy"],
  "core/screens": ["core/base", "core/mail", "core/policy", "core/queue", "core/cl"],
};

function mayLookInto(room: string, other: string): boolean {
  if (room === other || room === "roof") return true;
  if (room === "flows") return other.startsWith("core/");
  if (room.startsWith("adapters/")) return other.startsWith("core/") || other === "flows";
  return doors[room]?.includes(other) ?? false;
}

test("the house is there", () => {
  assert.ok(sources.length > 60, `${sources.length} source files`);
  const rooms = new Set(sources.map(({ path }) => roomOf(path)));
  for (const room of ["core/base", "core/mail", "core/policy", "core/smtp", "core/queue", "core/cl", "flows", "roof"]) {
    assert.ok(rooms.has(room), room);
  }
  const imports = sources.flatMap((source) => source.imports);
  assert.ok(imports.filter(({ target }) => target !== null).length > 200, "imports were seen");
  assert.ok(imports.some(({ specifier }) => specifier.startsWith("node:")));
});

test("imports go down, through the doors", () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => target !== null && !mayLookInto(roomOf(path), roomOf(target)))
      .map(({ target }) => `${path} -> ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test("the ground floor and the flows know neither Node nor packages, save the domain names' one", () => {
  const wrong = sources
    .filter(({ path }) => path.startsWith("core/") || path.startsWith("flows/"))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target, specifier }) => target === null && !(path === "core/mail/domain.ts" && specifier === "tr46"))
        .map(({ specifier }) => `${path} -> ${specifier}`),
    );
  assert.deepEqual(wrong, []);
});

test("every import names a file that is there, with its ending", () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => target !== null && !existsSync(join(root, "src", target)))
      .map(({ specifier }) => `${path} -> ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test("no imports go in a circle", () => {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ target, typeOnly }) => (target === null || typeOnly ? [] : [target])),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) return void circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  assert.deepEqual(circles, []);
});

test("hot rooms say their budget and have a benchmark", () => {
  const hot = sources.filter(({ text }) => text.startsWith("// HOT PATH"));
  assert.ok(hot.length >= 3, hot.map(({ path }) => path).join(" "));
  const wrong = hot.filter(({ path, text }) => {
    const bench = join(root, "tests/bench", basename(path).replace(/\.ts$/, ".bench.ts"));
    return !/^\/\/ HOT PATH: \S/.test(text) || !existsSync(bench);
  });
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test("no room has a name that means nothing, and no file only re-exports", () => {
  const meaningless = /^(utils?|helpers?|common|shared|services?|managers?|misc|lib)(\.ts)?$/i;
  const named = files.filter(({ path }) => path.split("/").some((part) => meaningless.test(part)));
  const barrels = sources.filter(({ text }) => {
    const lines = withoutComments(text)
      .split(";")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    return lines.length > 0 && lines.every((line) => /^export\s.*\sfrom\s/s.test(line));
  });
  assert.deepEqual(
    [...named, ...barrels].map(({ path }) => path),
    [],
  );
});

/** Facts about the process that may be asked wherever the outside world may be: they change nothing and are nobody's input. */
const FACTS = /\bprocess\.(?:(?:pid|getuid|geteuid|platform|versions?)\b|kill\(\w+, 0\))/g;

test("only main.ts touches the process", () => {
  const wrong = sources.filter(({ path, text, imports }) => {
    if (path === "main.ts") return false;
    const code = withoutComments(text).replaceAll(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '""');
    const inAdapter = path.startsWith("adapters/");
    const named = imports.some(({ specifier }) => specifier === "node:process") && !path.startsWith("adapters/node/");
    return named || /\bprocess\s*[.[]/.test(inAdapter ? code.replaceAll(FACTS, "") : code);
  });
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test("nothing asks the system for names: adapters/dns does, with its bounds", () => {
  const named = sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => /^(?:node:)?dns(?:\/|$)/.test(specifier))
      .map(({ specifier }) => `${path} -> ${specifier}`),
  );
  assert.deepEqual(named, []);
});

test("files fit in a head: at most 450 lines", () => {
  const long = files
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ path, lines }) => lines > 450 && !path.endsWith("message-catalogue.ts"));
  assert.deepEqual(long, []);
});

test("RFCs that the source cites are in docs/rfc.md", () => {
  const page = readFileSync(join(root, "docs/rfc.md"), "utf8");
  const cited = new Set(sources.flatMap(({ text }) => [...text.matchAll(/\bRFC (\d{3,5})\b/g)].map(([, rfc]) => rfc)));
  assert.ok(cited.size > 10, [...cited].join(" "));
  assert.deepEqual(
    [...cited].filter((rfc) => !page.includes(`RFC ${rfc}`)),
    [],
  );
});

test("nothing is left to do later", () => {
  const wrong = files.filter(({ path, text }) => path !== "house.test.ts" && /\b(TODO|FIXME|XXX|HACK)\b/.test(text));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});
