/** Reads the configuration file, lays the environment over it, checks the whole and says where it is wrong. */
import { readFileSync, statSync } from "node:fs";
import { hostname as nameOfMachine } from "node:os";
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import type { Config, DeliveryConfig, ListenerConfig } from "../config.ts";
import { nearest } from "../core/base/nearest.ts";
import { printable } from "../core/base/printable.ts";
import { err, ok, type Result } from "../core/base/result.ts";
import { parseDomain, type Domain } from "../core/mail/domain.ts";
import { isLoopback } from "../core/mail/ip.ts";
import { formatNetwork, type Network } from "../core/mail/network.ts";
import { readEnvironment, type Environment, type Override, type Path } from "./environment.ts";
import { keyLines, lineOf } from "./positions.ts";
import { configSchema, fileSchema, keysAt, type KeySchema, type ParsedFile } from "./schema.ts";

export interface ConfigSources {
  /** Null: there is no file, and every key has its default. */
  readonly file: string | null;
  readonly environment: Environment;
  /** `--data-dir`, which goes before everything else; null where it was not given. */
  readonly dataDirectory: string | null;
  /** What relative names of the command line, the environment and the defaults start from. */
  readonly directory: string;
}

/** The configuration, or one line for each fault: file and line (or variable), key, what is there, what would be right. */
export function loadConfig(sources: ConfigSources): Result<Config, readonly string[]> {
  const file = sources.file === null ? null : resolve(sources.directory, sources.file);
  const source = file === null ? ok({ text: "", values: {} }) : readToml(file);
  if (!source.ok) return source;
  const schema = fileSchema();
  const overrides = readEnvironment(sources.environment, schema, (name) =>
    readFileSync(resolve(sources.directory, name), "utf8"),
  );
  if (!overrides.ok) return overrides;
  const places = new Places(file ?? "", keyLines(source.value.text), overrides.value);
  const values = overrides.value.reduce(put, source.value.values);
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) {
    return err(parsed.error.issues.flatMap((issue) => describeIssue(issue, values, schema, places)));
  }
  return finish(parsed.data, sources, file, places);
}

function readToml(file: string): Result<{ text: string; values: object }, readonly string[]> {
  try {
    const text = readFileSync(file, "utf8");
    return ok({ text, values: parse(text) });
  } catch (fault) {
    if (fault instanceof TomlError) return err([`${file}:${fault.line}: ${firstLine(fault.message)}`]);
    return err([`${file} cannot be read: ${whyUnreadable(fault)}`]);
  }
}

function whyUnreadable(fault: unknown): string {
  switch ((fault as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "there is no such file. Name one that is there with --config or RELAYKEEPER_CONFIG, or leave both out to run with the defaults";
    case "EACCES":
      return "this user may not read it";
    case "EISDIR":
      return "it is a folder: name the file in it";
    default:
      return fault instanceof Error ? fault.message : String(fault);
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** `values` with one more value in it; nothing is changed in place. */
function put(values: object, { path, value }: Pick<Override, "path" | "value">): object {
  const [key = "", ...rest] = path;
  if (Array.isArray(values)) {
    const items: readonly unknown[] = values;
    const index = Math.min(Number(key), items.length);
    return items.toSpliced(index, 1, inner(items[index], rest, value));
  }
  const known: Readonly<Record<string, unknown>> = { ...values };
  return { ...known, [key]: inner(known[key], rest, value) };
}

function inner(before: unknown, path: Path, value: unknown): unknown {
  if (path.length === 0) return value;
  const empty = typeof path[0] === "number" ? [] : {};
  return put(typeof before === "object" && before !== null ? before : empty, { path, value });
}

/** Where a key was given: `relay.toml:7`, or the variable that overrides it. */
class Places {
  readonly #file: string;
  readonly #lines: ReadonlyMap<string, number>;
  readonly #variables: ReadonlyMap<string, string>;

  constructor(file: string, lines: ReadonlyMap<string, number>, overrides: readonly Override[]) {
    this.#file = file;
    this.#lines = lines;
    this.#variables = new Map(overrides.map(({ name, path }) => [path.join("."), name]));
  }

  of(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const variable = this.#variables.get(path.slice(0, length).join("."));
      if (variable !== undefined) return variable;
    }
    const line = lineOf(this.#lines, path);
    return line === null ? this.#file : `${this.#file}:${line}`;
  }

  /** Whether the file gives the key and no variable overrides it. */
  inFile(path: Path): boolean {
    return !this.#variables.has(path.join(".")) && lineOf(this.#lines, path) !== null;
  }

  say(path: Path, reason: string): string {
    const place = this.of(path);
    return `${place === "" ? "" : `${place}: `}${keyName(path)}${reason}`;
  }
}

/** `delivery.mode`, `listener 2, tls`: lists are counted from one, as people do. */
function keyName(path: Path): string {
  const names = path.map((part, i) => {
    if (typeof part === "number") return ` ${part + 1}`;
    if (i === 0) return part;
    return typeof path[i - 1] === "number" ? `, ${part}` : `.${part}`;
  });
  return names.join("");
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue, values: object, schema: KeySchema, places: Places): string[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = nearest(key, keysAt(schema, path));
      const advice = meant === null ? `known are ${keysAt(schema, path).join(", ")}` : `did you mean ${meant}?`;
      return places.say([...path, printable(key, 60)], `: no such key; ${advice}`);
    });
  }
  const given = shown(valueAt(values, path), path);
  return [places.say(path, ` = ${given}: ${reasonOf(issue, valueAt(values, path))}`)];
}

function reasonOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "custom":
      return issue.message;
    case "invalid_value": {
      const choices = issue.values.map(String);
      const meant = typeof value === "string" ? nearest(value, choices) : null;
      const list = choices.map((choice) => JSON.stringify(choice)).join(", ");
      return `must be one of ${list}${meant === null ? "" : `; did you mean ${JSON.stringify(meant)}?`}`;
    }
    case "invalid_type":
      return `must be ${KINDS[issue.expected] ?? `of type ${issue.expected}`}`;
    case "too_small":
      return issue.origin === "number" ? `must be at least ${issue.minimum}` : "must not be empty";
    case "too_big":
      if (issue.origin === "array") return `must have at most ${issue.maximum} values`;
      return `must be at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
    default:
      return issue.message;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text in quotes",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list in square brackets",
  object: "a table",
};

function valueAt(values: object, path: Path): unknown {
  return path.reduce<unknown>((at, key) => {
    return typeof at === "object" && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined;
  }, values);
}

/** The value as it was given, save secrets. */
function shown(value: unknown, path: Path): string {
  if (path.at(-1) === "password") return "…";
  return printable(JSON.stringify(value) ?? "nothing", 80);
}

function finish(
  parsed: ParsedFile,
  sources: ConfigSources,
  file: string | null,
  places: Places,
): Result<Config, readonly string[]> {
  const rules = crossCheck(parsed, places);
  if (rules.length > 0) return err(rules);
  const located = (name: string, path: Path): string =>
    resolve(file !== null && places.inFile(path) ? dirname(file) : sources.directory, name);
  const listeners = parsed.listener.map(listenerConfig);
  const hostname = parsed.hostname ?? machineName();
  const { certificate, key } = parsed.tls;
  const config: Config = {
    file,
    hostname,
    dataDirectory:
      sources.dataDirectory === null
        ? located(parsed.data_dir, ["data_dir"])
        : resolve(sources.directory, sources.dataDirectory),
    localDomains: parsed.local_domains,
    listeners,
    tls:
      certificate === undefined || key === undefined
        ? null
        : { certificate: located(certificate, ["tls", "certificate"]), key: located(key, ["tls", "key"]) },
    policy: {
      initial: parsed.policy.initial === undefined ? null : located(parsed.policy.initial, ["policy", "initial"]),
    },
    delivery: deliveryConfig(parsed),
    tlsReports: tlsReports(parsed, hostname),
    dns: { servers: parsed.dns.servers, isTrusted: parsed.dns.trusted },
    console: parsed.console,
    log: parsed.log,
    limits: parsed.limits,
    warnings: [...listenerWarnings(listeners), ...secretWarnings(parsed, file, places)],
  };
  return ok(deepFreeze(config));
}

function listenerConfig(listener: ParsedFile["listener"][number]): ListenerConfig {
  const { configured, address, port } = listener.address;
  return {
    configured,
    address: { address, port },
    tls: listener.tls,
    auth: listener.auth,
    proxyProtocolFrom: listener.proxy_protocol_from,
    allowBareLf: listener.allow_bare_lf,
    legacyTlsFrom: listener.legacy_tls_from,
    plainAuthFrom: listener.plain_auth_from,
  };
}

function deliveryConfig({ delivery }: ParsedFile): DeliveryConfig {
  const { mode, smarthost, local, tls, published_tls: published, user, password } = delivery;
  const { verify_recipients: verifyRecipients } = delivery;
  return {
    mode,
    smarthost: smarthost ?? null,
    local: local ?? null,
    verifyRecipients,
    tls,
    publishedTls: { dane: published.includes("dane"), mtaSts: published.includes("mta-sts") },
    credentials: user === undefined || password === undefined ? null : { user, password },
  };
}

function tlsReports({ reports }: ParsedFile, hostname: Domain): Config["tlsReports"] {
  const { tls, contact, organization } = reports;
  return tls ? { contact: contact ?? `postmaster@${hostname}`, organization: organization ?? hostname } : null;
}

/** What no key alone can tell. */
function crossCheck({ tls, delivery, listener }: ParsedFile, places: Places): string[] {
  const faults: string[] = [];
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    faults.push(places.say(["tls"], ": certificate and key go together"));
  }
  if (delivery.mode === "smarthost" && delivery.smarthost === undefined) {
    faults.push(places.say(["delivery", "mode"], ' = "smarthost": needs delivery.smarthost'));
  }
  if (delivery.verify_recipients && delivery.local === undefined) {
    faults.push(places.say(["delivery", "verify_recipients"], " = true: needs delivery.local, which it asks"));
  }
  if ((delivery.user === undefined) !== (delivery.password === undefined)) {
    faults.push(places.say(["delivery"], ": user and password go together"));
  }
  if (delivery.user !== undefined && delivery.tls === "none") {
    faults.push(places.say(["delivery", "tls"], ' = "none": user and password are sent only after TLS'));
  }
  const seen = new Map<string, number>();
  for (const [index, { address, tls: mode, auth, legacy_tls_from, plain_auth_from }] of listener.entries()) {
    if (legacy_tls_from.length > 0 && mode === "none")
      faults.push(places.say(["listener", index, "legacy_tls_from"], ': there is no TLS here: tls = "none"'));
    if (plain_auth_from.length > 0 && (auth !== "tls" || mode === "implicit"))
      faults.push(
        places.say(["listener", index, "plain_auth_from"], `: needs auth = "tls" and a tls that is not "implicit"`),
      );
    const first = seen.get(address.configured);
    if (first !== undefined && address.port !== 0) {
      faults.push(places.say(["listener", index, "address"], `: the same as that of listener ${first + 1}`));
    }
    if (first === undefined) seen.set(address.configured, index);
  }
  return faults;
}

function listenerWarnings(listeners: readonly ListenerConfig[]): string[] {
  return listeners.flatMap(({ configured, auth, tls, address, legacyTlsFrom, plainAuthFrom }) => {
    const warnings: string[] = [];
    if (auth === "always" && tls !== "implicit" && !isLoopback(address.address))
      warnings.push('auth = "always" lets passwords cross the network without TLS');
    if (legacyTlsFrom.length > 0)
      warnings.push(`TLS 1.0 and 1.1, which can be broken, are allowed to ${formatNetworks(legacyTlsFrom)}`);
    if (plainAuthFrom.length > 0)
      warnings.push(`passwords cross the network without TLS from ${formatNetworks(plainAuthFrom)}`);
    return warnings.map((warning) => `listener ${configured}: ${warning}`);
  });
}

function formatNetworks(networks: readonly Network[]): string {
  return networks.map(formatNetwork).join(", ");
}

/** A password in a file that others may read. */
function secretWarnings({ delivery }: ParsedFile, file: string | null, places: Places): string[] {
  if (file === null || delivery.password === undefined || !places.inFile(["delivery", "password"])) return [];
  const others = statSync(file).mode & 0o077;
  return others === 0 ? [] : [`${file} holds a password and may be read by others: chmod 600 it`];
}

/** The machine's name where it is a domain name; a relay in a container with a numeric name still starts. */
function machineName(): Domain {
  const own = parseDomain(nameOfMachine());
  if (own.ok) return own.value;
  const loopback = parseDomain("localhost");
  if (loopback.ok) return loopback.value;
  throw new Error("localhost is a domain name");
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
