import { COMMANDS, findCommand } from "./command-list.ts";
import { positionalParameters, type CommandDefinition, type Parameter } from "./definition.ts";
import { readTokens } from "./lexer.ts";
import { offeredChoices } from "./prompt.ts";

/**
 * What can stand at the cursor, as the whole words that would replace the one before it: command names, keywords of the command that
 * are not given yet (with their parenthesis), special values of the keyword. Empty where text of one's own belongs.
 */
export function complete(line: string, cursor: number): string[] {
  const before = line.slice(0, cursor);
  const tokens = readTokens(before);
  if (!tokens.ok) return []; // within a quoted value or a comment
  const words = tokens.value;
  const last = words.at(-1);
  const begun = last?.kind === "word" && last.end === before.length ? last.text.toUpperCase() : "";
  const [head] = words;
  if (!head || (head === last && begun !== ""))
    return starting(
      begun.replace(/^\?/, ""),
      COMMANDS.map(({ name }) => name),
    );
  const definition =
    head.kind === "word" ? findCommand(head.text.replace(/^\?/, "").replace(/^.*\//, "").toUpperCase()) : null;
  if (!definition) return [];
  const keyword = openKeyword(before);
  if (keyword !== null) {
    const parameter = definition.parameters.find((candidate) => candidate.keyword === keyword);
    return parameter ? starting(begun, valuesOf(parameter)) : [];
  }
  return starting(begun, [...positionalValues(definition, before, begun), ...keywordsLeft(definition, before)]);
}

function starting(begun: string, candidates: readonly string[]): string[] {
  return candidates.filter((candidate) => candidate.startsWith(begun));
}

function valuesOf(parameter: Parameter): readonly string[] {
  return offeredChoices(parameter).map(({ value }) => value);
}

/** The keyword whose parenthesis is still open, at whatever depth. */
function openKeyword(before: string): string | null {
  const tokens = readTokens(before);
  if (!tokens.ok) return null;
  const open: (string | null)[] = [];
  for (const [i, token] of tokens.value.entries()) {
    const previous = tokens.value[i - 1];
    if (token.kind === "close") open.pop();
    if (token.kind !== "open") continue;
    open.push(previous?.kind === "word" && previous.end === token.at ? previous.text.toUpperCase() : null);
  }
  return open.find((keyword) => keyword !== null) ?? null;
}

/** The choices of the first parameter, where it may be given by position and nothing is given yet. */
function positionalValues(definition: CommandDefinition, before: string, begun: string): readonly string[] {
  const rest = before.slice(0, before.length - begun.length).trim();
  const [first] = positionalParameters(definition);
  return first && !/\s/.test(rest) ? valuesOf(first) : [];
}

function keywordsLeft(definition: CommandDefinition, before: string): readonly string[] {
  const upper = before.toUpperCase();
  return definition.parameters.map(({ keyword }) => `${keyword}(`).filter((keyword) => !upper.includes(` ${keyword}`));
}
