import { err, ok, type Result } from "../base/result.ts";
import type { Arguments } from "./arguments.ts";
import { bindCommand } from "./bind.ts";
import { adviseCommand, findCommand } from "./command-list.ts";
import { findParameter, type CommandDefinition } from "./definition.ts";
import type { Diagnostic } from "./messages.ts";
import { parseCommand, type ParsedCommand } from "./parser.ts";
import type { SourceCommand } from "./source.ts";

/** A command that may be done: it holds by its grammar and by its definition. */
export type ReadCommand =
  | { readonly kind: "prompt"; readonly definition: CommandDefinition }
  | {
      readonly kind: "command";
      readonly definition: CommandDefinition;
      readonly arguments: Arguments;
      /** As typed, on one line, without secrets: for the log. */
      readonly text: string;
    };

/** Why it may not; `name` is that of the command as far as it was understood. */
export interface CommandFaults {
  readonly name: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads one command: grammar, name, parameters. */
export function readCommand(source: SourceCommand): Result<ReadCommand, CommandFaults> {
  if (source.unfinished) {
    return err({ name: "", diagnostics: [{ id: "SMR0036", with: [], at: source.text.length }] });
  }
  const parsed = parseCommand(source.text);
  if (!parsed.ok) return err({ name: firstWord(source.text), diagnostics: [parsed.error] });
  const { name, at } = parsed.value;
  const definition = findCommand(name);
  if (!definition) return err({ name, diagnostics: [{ id: "SMR0010", with: [name, adviseCommand(name)], at }] });
  if (parsed.value.prompted) return ok({ kind: "prompt", definition });
  const bound = bindCommand(parsed.value, definition);
  if (!bound.ok) return err({ name, diagnostics: bound.error });
  return ok({
    kind: "command",
    definition,
    arguments: bound.value,
    text: withoutSecrets(source.text, parsed.value, definition),
  });
}

function firstWord(text: string): string {
  const word = /^[\s?]*([A-Z$#@][A-Z0-9$#@_]*)/i.exec(text)?.[1]?.toUpperCase() ?? "";
  return findCommand(word) ? word : "";
}

/** The command with `*SECRET` in place of each secret. */
export function withoutSecrets(text: string, parsed: ParsedCommand, definition: CommandDefinition): string {
  const secrets = parsed.keywords.filter(({ keyword }) => findParameter(definition, keyword)?.secret);
  let shown = text;
  for (const { keyword, at, end } of secrets.sort((a, b) => b.at - a.at)) {
    shown = `${shown.slice(0, at)}${keyword}(*SECRET)${shown.slice(end)}`;
  }
  return shown.trim();
}
