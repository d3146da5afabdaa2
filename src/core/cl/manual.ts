import type { CommandDefinition, Parameter } from "./definition.ts";
import { message, messageIds, findMessage } from "./messages.ts";
import { describeValues, offeredChoices, standing, syntax } from "./prompt.ts";

/** A manual page in Markdown, one a command. */
export function manPage(definition: CommandDefinition): string {
  const parts = [
    `# ${definition.name}: ${definition.title}`,
    prose(definition.help),
    "## Synopsis",
    fence(syntax(definition).replaceAll(/\n\s+/g, " ")),
    "## Parameters",
    ...(definition.parameters.length === 0 ? ["None."] : definition.parameters.map(manParameter)),
    "## Examples",
    ...definition.examples.map(({ command, meaning }) => `${prose(meaning)}\n\n${fence(command)}`),
  ];
  if (definition.elsewhere) parts.push("## Keywords of IBM i", elsewhere(definition.elsewhere));
  return `${parts.join("\n\n")}\n`;
}

function manParameter(parameter: Parameter): string {
  const facts = [prose(describeValues(parameter))].filter((fact) => fact !== "");
  facts.push(
    parameter.required
      ? "Required."
      : `Default: ${standing(parameter) === "optional" ? "none" : code(standing(parameter))}.`,
  );
  if (parameter.goesWith) {
    facts.push(`With ${code(parameter.goesWith.keyword)} ${parameter.goesWith.values.map(code).join(", ")}.`);
  }
  const choices = offeredChoices(parameter).map(({ value, meaning }) => `- ${code(value)}: ${prose(meaning)}`);
  const head = `### ${parameter.keyword}: ${parameter.prompt}\n\n${prose(parameter.help)}\n\n${facts.join(" ")}`;
  return choices.length === 0 ? head : `${head}\n\n${choices.join("\n")}`;
}

function elsewhere(known: NonNullable<CommandDefinition["elsewhere"]>): string {
  const intro =
    known.treatment === "refused"
      ? "Known and refused, because nothing here would do what they promise:"
      : "Known and without effect; a warning says so:";
  const rows = Object.entries(known.keywords).map(([keyword, advice]) => `- ${code(keyword)}: ${prose(advice)}`);
  return `${intro}\n\n${rows.join("\n")}`;
}

/** The command reference: every command in one page. */
export function reference(definitions: readonly CommandDefinition[]): string {
  const contents = definitions.map(({ name, title }) => `- [${name}](#${name.toLowerCase()}): ${title}`);
  const sections = definitions.map((definition) =>
    manPage(definition)
      .replace(/^# (\S+): (.*)$/m, "# $1\n\n*$2*")
      .replaceAll(/^(#+) /gm, "#$1 ")
      .trimEnd(),
  );
  return `# Commands\n\n${contents.join("\n")}\n\n${sections.join("\n\n")}\n`;
}

/** Every message with its second level, as one page. */
export function messageReference(): string {
  const sections = messageIds().map((id) => {
    const known = findMessage(id) ?? message(id);
    return `## ${id}\n\n${prose(known.text)}\n\nSeverity ${String(known.severity).padStart(2, "0")}.\n\n${fence(known.secondLevel)}`;
  });
  return `# Messages\n\n${sections.join("\n\n")}\n`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Special values in running text as code: an asterisk would begin emphasis. */
function prose(text: string): string {
  return text.replaceAll(/[A-Z0-9]*\(\*[A-Z0-9]+\)|\*[A-Z0-9]+/g, "`$&`").replaceAll("<", "\\<");
}

function fence(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
