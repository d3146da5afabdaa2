import { err, ok, type Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { IpAddress } from "../mail/ip.ts";
import {
  DEFAULT_ATTRIBUTES,
  LIST_NAMES,
  type Attributes,
  type EntryValue,
  type ListName,
  type NewEntry,
  type PolicyChange,
} from "../policy/policy.ts";
import {
  ATTRIBUTE_NAMES,
  changedAttributes,
  formatAttributes,
  formatAttributeValue,
  readAttributes,
  type AttributeName,
} from "./attribute-values.ts";
import { readCommand } from "./command.ts";
import { formatAddCommand, formatEntryParameters, formatExactInstant, quote, SEALED_PREFIX } from "./entry-text.ts";
import { formatEntryValue, valueKey } from "../policy/coverage.ts";
import { readNewEntry, type Sealing } from "./entry-value.ts";
import { message, type Diagnostic, type Message } from "./messages.ts";
import { placeOf, splitSource, type SourceCommand } from "./source.ts";

/**
 * A policy as a file: CHGSMTPA lines for what is not as in a new policy (ALWRLY always), one attribute a line, then an ADDSMTPLE line
 * for each entry. The order is stable, so that a file changes only where the policy did. `all` writes every attribute.
 */
export function formatPolicy(attributes: Attributes, entries: readonly NewEntry[], all = false): string {
  const lines = ATTRIBUTE_NAMES.filter((name) => all || name === "ALWRLY" || !isDefault(name, attributes)).map(
    (name) => `CHGSMTPA ${formatAttributes({ [name]: attributes[name] })}`,
  );
  for (const entry of sortEntries(entries)) lines.push(formatAddCommand(entry));
  return `${lines.join("\n")}\n`;
}

function isDefault(name: AttributeName, attributes: Attributes): boolean {
  return formatAttributeValue(name, attributes) === formatAttributeValue(name, DEFAULT_ATTRIBUTES);
}

/** By list, then names, then addresses by number, wider networks before what is in them. */
export function sortEntries<E extends Pick<NewEntry, "list" | "value">>(entries: readonly E[]): readonly E[] {
  const keyed = entries.map((entry) => ({ entry, key: `${LIST_NAMES.indexOf(entry.list)} ${sortKey(entry.value)}` }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ entry }) => entry);
}

function sortKey(value: EntryValue): string {
  switch (value.kind) {
    case "network":
      return `b network ${addressKey(value.network.base)} ${String(value.network.prefixBits).padStart(3, "0")}`;
    case "address":
      return `b address ${addressKey(value.address)}`;
    default:
      return `a name ${formatEntryValue(value)}`;
  }
}

function addressKey(address: IpAddress): string {
  const words = address.family === 4 ? [address.bits] : address.words;
  return `${address.family} ${words.map((word) => word.toString(16).padStart(8, "0")).join("")}`;
}

/** A fault of a policy file, with its line and column from 1. */
export interface FileFault {
  readonly line: number;
  readonly column: number;
  readonly message: Message;
}

export interface ParsedPolicy {
  readonly change: PolicyChange & { readonly kind: "replace" };
  /** CONFIRM(*YES) stands somewhere in the file: it is meant as it is, however wide. */
  readonly confirmed: boolean;
}

/** More faults than these help nobody. */
const FAULTS_MAX = 100;

/**
 * Reads a policy file: CHGSMTPA and ADDSMTPLE commands. What it does not name has the value of a new policy. `now` is for EXPDATE with a
 * duration. Without `sealing` a password in clear is a fault.
 */
export function parsePolicy(
  text: string,
  now: Instant,
  sealing: Sealing | null,
): Result<ParsedPolicy, readonly FileFault[]> {
  const reader = new PolicyReader(now, sealing);
  for (const source of splitSource(text)) {
    reader.read(source);
    if (reader.faults.length >= FAULTS_MAX) break;
  }
  if (reader.faults.length > 0) return err(reader.faults.slice(0, FAULTS_MAX));
  const change = {
    kind: "replace",
    attributes: { ...DEFAULT_ATTRIBUTES, ...reader.attributes },
    entries: reader.entries,
  } as const;
  return ok({ change, confirmed: reader.confirmed });
}

class PolicyReader {
  readonly faults: FileFault[] = [];
  readonly entries: NewEntry[] = [];
  attributes: Partial<Attributes> = {};
  confirmed = false;
  readonly #now: Instant;
  readonly #sealing: Sealing | null;
  readonly #attributeLines = new Map<string, number>();
  readonly #entryLines = new Map<string, number>();

  constructor(now: Instant, sealing: Sealing | null) {
    this.#now = now;
    this.#sealing = sealing;
  }

  read(source: SourceCommand): void {
    const command = readCommand(source);
    if (!command.ok) {
      for (const diagnostic of command.error.diagnostics) this.#fault(source, diagnostic);
    } else if (command.value.kind === "prompt" || !["CHGSMTPA", "ADDSMTPLE"].includes(command.value.definition.name)) {
      this.#fault(source, { id: "SMR0702", with: [command.value.definition.name] });
    } else {
      const args = command.value.arguments;
      if (args.is("CONFIRM", "*YES")) this.confirmed = true;
      const faults = args.definition.name === "CHGSMTPA" ? this.#attributes(source, args) : this.#entry(source, args);
      for (const diagnostic of faults) this.#fault(source, diagnostic);
    }
  }

  #attributes(source: SourceCommand, args: Parameters<typeof readAttributes>[0]): readonly Diagnostic[] {
    const read = readAttributes(args);
    if (!read.ok) return read.error;
    const { line } = placeOf(source, 0);
    const faults: Diagnostic[] = [];
    for (const name of Object.keys(read.value)) {
      const first = this.#attributeLines.get(name);
      if (first === undefined) this.#attributeLines.set(name, line);
      else faults.push({ id: "SMR0712", with: [name, String(first)], at: args.at(name) });
    }
    this.attributes = { ...this.attributes, ...read.value };
    return faults;
  }

  #entry(source: SourceCommand, args: Parameters<typeof readNewEntry>[0]): readonly Diagnostic[] {
    const read = readNewEntry(args, this.#now, this.#sealing);
    if (!read.ok) return read.error;
    const key = entryKey(read.value);
    const first = this.#entryLines.get(key);
    if (first !== undefined) {
      return [{ id: "SMR0703", with: [formatEntryValue(read.value.value), read.value.list, String(first)] }];
    }
    this.#entryLines.set(key, placeOf(source, 0).line);
    this.entries.push(read.value);
    return [];
  }

  #fault(source: SourceCommand, diagnostic: Diagnostic): void {
    this.faults.push({ ...placeOf(source, diagnostic.at ?? 0), message: message(diagnostic.id, ...diagnostic.with) });
  }
}

function entryKey(entry: Pick<NewEntry, "list" | "value">): string {
  return `${entry.list} ${valueKey(entry.value)}`;
}

/**
 * The commands that make `before` what `after` says: attributes, then what goes, what changes, what comes. Empty where they are the
 * same.
 */
export function diffPolicy(
  before: { readonly attributes: Attributes; readonly entries: readonly NewEntry[] },
  after: { readonly attributes: Attributes; readonly entries: readonly NewEntry[] },
): readonly string[] {
  const attributes = formatAttributes(changedAttributes(before.attributes, after.attributes));
  const old = new Map(before.entries.map((entry) => [entryKey(entry), entry]));
  const wanted = new Map(after.entries.map((entry) => [entryKey(entry), entry]));
  const gone = sortEntries([...old].flatMap(([key, entry]) => (wanted.has(key) ? [] : [entry])));
  const added = sortEntries([...wanted].flatMap(([key, entry]) => (old.has(key) ? [] : [entry])));
  const changed = sortEntries([...wanted].flatMap(([key, entry]) => changesOf(old.get(key), entry)));
  return [
    ...(attributes === "" ? [] : [`CHGSMTPA ${attributes}`]),
    ...gone.map((entry) => `RMVSMTPLE ${formatEntryName(entry.list, entry.value)}`),
    ...changed.map(({ list, value, changes }) => `CHGSMTPLE ${formatEntryName(list, value)}${changes}`),
    ...added.map(formatAddCommand),
  ];
}

function changesOf(
  present: NewEntry | undefined,
  entry: NewEntry,
): readonly (NewEntry & { readonly changes: string })[] {
  const changes = present ? entryChanges(present, entry) : "";
  return changes === "" ? [] : [{ ...entry, changes }];
}

/** The parameters that name an entry; those of *HOSTAUTH without its secret. */
export function formatEntryName(list: ListName, value: EntryValue): string {
  if (value.kind === "host-credentials") return `TYPE(${list}) HOSTNAME(${quote(value.host)})`;
  return formatEntryParameters(list, value);
}

function entryChanges(before: NewEntry, after: NewEntry): string {
  let changes = "";
  if (before.value.kind === "host-credentials" && after.value.kind === "host-credentials") {
    if (before.value.user !== after.value.user) changes += ` USERNAME(${quote(after.value.user)})`;
    if (before.value.sealedPassword !== after.value.sealedPassword) {
      changes += ` PASSWORD(${quote(SEALED_PREFIX + after.value.sealedPassword)})`;
    }
  }
  if (before.text !== after.text) changes += ` TEXT(${after.text === "" ? "*BLANK" : quote(after.text)})`;
  if (before.expiresAt !== after.expiresAt) {
    changes += ` EXPDATE(${after.expiresAt === null ? "*NONE" : quote(formatExactInstant(after.expiresAt))})`;
  }
  return changes;
}
