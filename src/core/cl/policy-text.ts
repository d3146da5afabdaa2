import { err, ok, type Result } from "../base/result.ts";
import { finish, type Steps } from "../base/steps.ts";
import type { Instant } from "../base/time.ts";
import { formatEntryValue } from "../policy/coverage.ts";
import { DEFAULT_ATTRIBUTES, type Attributes, type NewEntry, type PolicyChange } from "../policy/policy.ts";
import {
  ATTRIBUTE_NAMES,
  formatAttributes,
  formatAttributeValue,
  readAttributes,
  type AttributeName,
} from "./attribute-values.ts";
import { readCommand } from "./command.ts";
import { compareEntries, sortEntries } from "./entry-order.ts";
import { formatAddCommand } from "./entry-text.ts";
import { readNewEntry } from "./entry-value.ts";
import type { Sealing } from "./host-auth-value.ts";
import { readNewRoute } from "./route-value.ts";
import { message, type Diagnostic, type Message } from "./messages.ts";
import { placeOf, splitSource, type Place, type SourceCommand } from "./source.ts";

/**
 * The lines of a policy as a file: CHGSMTPA for what is not as in a new policy (ALWRLY always), one attribute a line, then ADDSMTPLE
 * or ADDSMTPRTE for each entry. The order is stable, so that a file changes only where the policy did. `all` writes every attribute. An `undefined`
 * between them is a step without a line, so that whoever asks can pause.
 */
export function* formatPolicy(
  attributes: Attributes,
  entries: Iterable<NewEntry>,
  all = false,
): Generator<string | undefined, void> {
  for (const name of ATTRIBUTE_NAMES) {
    if (all || name === "ALWRLY" || !isDefault(name, attributes)) {
      yield `CHGSMTPA ${formatAttributes({ [name]: attributes[name] })}`;
    }
  }
  const gathered: NewEntry[] = [];
  for (const entry of entries) {
    gathered.push(entry);
    yield undefined;
  }
  for (const entry of yield* sortEntries(gathered)) yield formatAddCommand(entry);
}

function isDefault(name: AttributeName, attributes: Attributes): boolean {
  return formatAttributeValue(name, attributes) === formatAttributeValue(name, DEFAULT_ATTRIBUTES);
}

/** A fault of a policy file, with its line and column from 1. */
export interface FileFault extends Place {
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
 * Reads a policy file: CHGSMTPA, ADDSMTPLE and ADDSMTPRTE commands. What it does not name has the value of a new policy. `now` is for EXPDATE with a
 * duration. Without `sealing` a password in clear is a fault.
 */
export function parsePolicy(
  text: string,
  now: Instant,
  sealing: Sealing | null,
): Result<ParsedPolicy, readonly FileFault[]> {
  return finish(readPolicy(text, now, sealing));
}

/** `parsePolicy` a command at a time, so that whoever reads a large file can pause. */
export function* readPolicy(
  text: string,
  now: Instant,
  sealing: Sealing | null,
): Steps<Result<ParsedPolicy, readonly FileFault[]>> {
  const reader = new PolicyReader(now, sealing);
  for (const source of splitSource(text)) {
    reader.read(source);
    if (reader.faults.length >= FAULTS_MAX) break;
    yield;
  }
  return yield* reader.result();
}

class PolicyReader {
  readonly faults: FileFault[] = [];
  #attributes: Partial<Attributes> = {};
  #confirmed = false;
  readonly #now: Instant;
  readonly #sealing: Sealing | null;
  readonly #attributeLines = new Map<string, number>();
  readonly #entries: NewEntry[] = [];
  readonly #lines: number[] = [];

  constructor(now: Instant, sealing: Sealing | null) {
    this.#now = now;
    this.#sealing = sealing;
  }

  read(source: SourceCommand): void {
    const command = readCommand(source);
    if (!command.ok) {
      for (const diagnostic of command.error.diagnostics) this.#fault(source, diagnostic);
    } else if (
      command.value.kind === "prompt" ||
      !["CHGSMTPA", "ADDSMTPLE", "ADDSMTPRTE"].includes(command.value.definition.name)
    ) {
      this.#fault(source, { id: "SMR0702", with: [command.value.definition.name] });
    } else {
      const args = command.value.arguments;
      if (args.given("CONFIRM") && args.is("CONFIRM", "*YES")) this.#confirmed = true;
      const faults = args.definition.name === "CHGSMTPA" ? this.#setAttributes(source, args) : this.#add(source, args);
      for (const diagnostic of faults) this.#fault(source, diagnostic);
    }
  }

  *result(): Steps<Result<ParsedPolicy, readonly FileFault[]>> {
    yield* this.#findTwice();
    if (this.faults.length > 0) {
      return err(this.faults.sort((a, b) => a.line - b.line || a.column - b.column).slice(0, FAULTS_MAX));
    }
    const attributes = { ...DEFAULT_ATTRIBUTES, ...this.#attributes };
    const change = { kind: "replace", attributes, entries: this.#entries } as const;
    return ok({ change, confirmed: this.#confirmed });
  }

  #setAttributes(source: SourceCommand, args: Parameters<typeof readAttributes>[0]): readonly Diagnostic[] {
    const read = readAttributes(args);
    if (!read.ok) return read.error;
    const { line } = placeOf(source, 0);
    const faults: Diagnostic[] = [];
    for (const name of Object.keys(read.value)) {
      const first = this.#attributeLines.get(name);
      if (first === undefined) this.#attributeLines.set(name, line);
      else faults.push({ id: "SMR0712", with: [name, String(first)], at: args.at(name) });
    }
    this.#attributes = { ...this.#attributes, ...read.value };
    return faults;
  }

  #add(source: SourceCommand, args: Parameters<typeof readNewEntry>[0]): readonly Diagnostic[] {
    const isRoute = args.definition.name === "ADDSMTPRTE";
    const read = isRoute ? readNewRoute(args, this.#now) : readNewEntry(args, this.#now, this.#sealing);
    if (!read.ok) return read.error;
    this.#entries.push(read.value);
    this.#lines.push(placeOf(source, 0).line);
    return [];
  }

  /** The same entries stand together once they are sorted, each behind the one of the line before it. */
  *#findTwice(): Steps<void> {
    let lines: Map<NewEntry, number> | null = null; // made for the first that stands there twice: mostly there is none
    const lineOf = (entry: NewEntry): number => {
      lines ??= new Map(this.#entries.map((one, i) => [one, this.#lines[i] ?? 0]));
      return lines.get(entry) ?? 0;
    };
    let first: NewEntry | undefined;
    for (const entry of yield* sortEntries(this.#entries)) {
      yield;
      if (first && compareEntries(first, entry) === 0) {
        const names = [formatEntryValue(entry.value), entry.list, String(lineOf(first))];
        this.faults.push({ line: lineOf(entry), column: 1, message: message("SMR0703", ...names) });
      } else first = entry;
    }
  }

  #fault(source: SourceCommand, diagnostic: Diagnostic): void {
    this.faults.push({ ...placeOf(source, diagnostic.at ?? 0), message: message(diagnostic.id, ...diagnostic.with) });
  }
}
