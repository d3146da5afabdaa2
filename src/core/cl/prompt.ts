import type { Choice, CommandDefinition, ElementDefinition, Parameter, SimpleShape } from "./definition.ts";
import { wrap } from "./layout.ts";

const COLUMNS = 80;

/** What F4 shows: every parameter with its choices, its default, and what it goes with. */
export function promptText(definition: CommandDefinition): string {
  const title = `${definition.title} (${definition.name})`;
  const parts = [
    " ".repeat(Math.max(0, Math.floor((COLUMNS - title.length) / 2))) + title,
    wrap(definition.help, COLUMNS, " "),
    ...definition.parameters.map(promptParameter),
    ` Syntax:  ${syntax(definition)}`,
  ];
  return parts.join("\n\n");
}

function promptParameter(parameter: Parameter): string {
  const label = `${parameter.prompt} (${parameter.keyword})`;
  const dots = ` ${label} ${". ".repeat(24)}`.slice(0, 46).trimEnd();
  const lines = [`${dots}  ${standing(parameter)}`, wrap(parameter.help, COLUMNS, "     ")];
  const values = describeValues(parameter);
  if (values !== "") lines.push(wrap(values, COLUMNS, "     "));
  if (parameter.goesWith) {
    lines.push(wrap(`With ${parameter.goesWith.keyword}: ${parameter.goesWith.values.join(" ")}`, COLUMNS, "     "));
  }
  return [...lines, ...choiceLines(parameter)].join("\n");
}

/** What happens where the parameter is not given. */
export function standing(parameter: Parameter): string {
  if (parameter.required) return "required";
  return parameter.default === undefined ? "optional" : parameter.default;
}

/** What may be typed besides the choices: `Number, 0-99`. */
export function describeValues(parameter: Parameter): string {
  const { shape } = parameter;
  const one = shape.kind === "elements" ? `(${shape.elements.map(describeElement).join("; ")})` : describeShape(shape);
  const many = parameter.valuesMax ?? 1;
  const position = parameter.positional === undefined ? "" : ` Positional ${parameter.positional}.`;
  const values =
    one === "" ? (many > 1 ? `Up to ${many} of these.` : "") : many > 1 ? `Up to ${many} of: ${one}.` : `${one}.`;
  return `${values}${position}`.trim();
}

function describeElement(element: ElementDefinition): string {
  const words = describeShape(element.shape);
  const standard = element.default === undefined ? "" : `, ${element.default} where not given`;
  return `${element.prompt.toLowerCase()}${words === "" ? "" : `: ${words}`}${standard}`;
}

function describeShape(shape: SimpleShape): string {
  if (shape.kind === "choice") return "";
  return shape.kind === "number" ? `Number, ${shape.min}-${shape.max}` : `${shape.what}, at most ${shape.lengthMax}`;
}

/** Choices with their meaning, those of IBM i that are not available here left out. */
export function offeredChoices(parameter: Parameter): readonly Choice[] {
  const { shape } = parameter;
  const shapes = shape.kind === "elements" ? shape.elements.map((element) => element.shape) : [shape];
  const all = [...(parameter.singles ?? []), ...shapes.flatMap((simple) => simple.choices ?? [])];
  const seen = new Set<string>();
  return all.filter(({ value, elsewhere }) => elsewhere === undefined && !seen.has(value) && seen.add(value));
}

function choiceLines(parameter: Parameter): readonly string[] {
  return offeredChoices(parameter).map(({ value, meaning }) => {
    const [first = "", ...rest] = wrap(meaning, COLUMNS - 20).split("\n");
    return [`       ${value.padEnd(12)} ${first}`, ...rest.map((line) => `${" ".repeat(20)}${line}`)].join("\n");
  });
}

/** The command on one line: `ADDSMTPLE TYPE(…) [INTNETADR(…)]`. */
export function syntax(definition: CommandDefinition): string {
  const parameters = definition.parameters.map(({ keyword, required }) =>
    required ? `${keyword}(…)` : `[${keyword}(…)]`,
  );
  return wrap([definition.name, ...parameters].join(" "), COLUMNS, "          ").trimStart();
}
