/**
 * Environment variables that override keys of the file: `RELAYKEEPER_DELIVERY_MODE` is `delivery.mode`. Values of a list are separated
 * by commas. `RELAYKEEPER_LISTENER_ADDRESS` is that of the first listener, `RELAYKEEPER_LISTENER_2_ADDRESS` of the second.
 * With `_FILE` behind it a variable names a file whose content is the value: for secrets.
 */
import { nearest } from "../core/base/nearest.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { schemaAt, type KeySchema } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Path = readonly (string | number)[];

export interface Override {
  readonly name: string;
  readonly path: Path;
  readonly value: unknown;
}

const PREFIX = "RELAYKEEPER_";
/** Kubernetes puts such variables into every container beside a service of our name. */
const KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP)(_.*)?)?)$/;

/**
 * The overrides in `environment`, or a sentence for each variable that looks like one and is none. One that is like no key is
 * somebody else's. `readFile` throws where it cannot.
 */
export function readEnvironment(
  environment: Environment,
  schema: KeySchema,
  readFile: (name: string) => string,
): Result<readonly Override[], readonly string[]> {
  const names = variableNames(schema);
  const overrides: Override[] = [];
  const faults: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith(PREFIX) || KUBERNETES.test(name)) continue;
    const read = readVariable(name, text, names, schema, readFile);
    if (read === null) continue;
    if (read.ok) overrides.push(read.value);
    else faults.push(read.error);
  }
  return faults.length > 0 ? err(faults) : ok(overrides);
}

/** Every variable, with the path of its key. */
export function variableNames(schema: KeySchema): ReadonlyMap<string, Path> {
  const names = new Map<string, Path>();
  const add = (prefix: string, path: Path, at: KeySchema): void => {
    for (const [key, child] of Object.entries(at.properties ?? {})) {
      const name = `${prefix}_${key.toUpperCase()}`;
      if (child.items?.properties) add(name, [...path, key, 0], child.items);
      else if (child.properties) add(name, [...path, key], child);
      else names.set(name, [...path, key]);
    }
  };
  add("RELAYKEEPER", [], schema);
  return names;
}

function readVariable(
  name: string,
  text: string,
  names: ReadonlyMap<string, Path>,
  schema: KeySchema,
  readFile: (name: string) => string,
): Result<Override, string> | null {
  const { plain, index } = withoutIndex(name);
  const direct = names.get(plain);
  if (direct) return override(name, at(direct, index), text, schema);
  const indirect = plain.endsWith("_FILE") ? names.get(plain.slice(0, -"_FILE".length)) : undefined;
  if (!indirect) return adviseVariable(name, plain, names, schema);
  try {
    return override(name, at(indirect, index), readFile(text).replace(/\r?\n$/, ""), schema);
  } catch (fault) {
    return err(`${name}: cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
}

/** A slip of a known variable, or one of a known section, is a fault; the nearest is named. */
function adviseVariable(
  name: string,
  plain: string,
  names: ReadonlyMap<string, Path>,
  schema: KeySchema,
): Result<never, string> | null {
  const key = plain.slice(PREFIX.length);
  const known = [...names.keys()].map((one) => one.slice(PREFIX.length));
  const meant = nearest(key, known);
  const sections = Object.entries(schema.properties ?? {}).filter(([, at]) => at.properties ?? at.items?.properties);
  if (meant !== null) return err(`${name}: no such key; did you mean ${PREFIX}${meant}?`);
  return sections.some(([section]) => key.startsWith(`${section.toUpperCase()}_`)) ? err(`${name}: no such key`) : null;
}

/** `RELAYKEEPER_LISTENER_2_TLS` is `RELAYKEEPER_LISTENER_TLS` of the second listener. */
function withoutIndex(name: string): { plain: string; index: number } {
  const numbered = /^(RELAYKEEPER_LISTENER)_([1-9]\d?)(_.+)$/.exec(name);
  return numbered
    ? { plain: `${numbered[1]}${numbered[3]}`, index: Number(numbered[2]) - 1 }
    : { plain: name, index: 0 };
}

function at(path: Path, index: number): Path {
  return path.map((part) => (typeof part === "number" ? index : part));
}

function override(name: string, path: Path, text: string, schema: KeySchema): Result<Override, string> {
  switch (schemaAt(schema, path)?.type) {
    case "array":
      return ok({ name, path, value: text === "" ? [] : text.split(",").map((part) => part.trim()) });
    case "integer":
    case "number":
      if (!/^-?\d+$/.test(text)) return err(`${name}: ${JSON.stringify(text)} is no whole number`);
      return ok({ name, path, value: Number(text) });
    case "boolean":
      if (text !== "true" && text !== "false") return err(`${name}: ${JSON.stringify(text)} is neither true nor false`);
      return ok({ name, path, value: text === "true" });
    case "string":
    case "object":
    case undefined:
      return ok({ name, path, value: text });
  }
}
