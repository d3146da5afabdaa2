import { assert } from "../base/assert.ts";
import { nearest } from "../base/nearest.ts";
import { err, ok, type Result } from "../base/result.ts";
import { Arguments, type BoundParameter, type BoundRows, type BoundValue } from "./arguments.ts";
import {
  choicesOf,
  findParameter,
  positionalParameters,
  specialValues,
  type CommandDefinition,
  type Parameter,
  type SimpleShape,
} from "./definition.ts";
import type { Diagnostic } from "./messages.ts";
import { parseValues, show, type Atom, type ParsedCommand, type Value } from "./parser.ts";

/**
 * Holds a command against its definition. Every fault is found, not only the first; where there is one, there are no arguments.
 */
export function bindCommand(
  parsed: ParsedCommand,
  definition: CommandDefinition,
): Result<Arguments, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const warnings: Diagnostic[] = [];
  const given = new Map<string, { values: readonly Value[]; at: number }>();
  const positional = parsed.positional.length === 0 ? [] : positionalParameters(definition);
  for (const [i, value] of parsed.positional.entries()) {
    const parameter = positional[i];
    if (!parameter) {
      faults.push({ id: "SMR0018", with: [show(value), definition.name, String(positional.length)], at: value.at });
      break;
    }
    if (isPlaceholder(value)) continue;
    given.set(parameter.keyword, { values: value.kind === "list" ? value.items : [value], at: value.at });
  }
  for (const { keyword, values, at } of parsed.keywords) {
    if (!findParameter(definition, keyword)) {
      const unknown = explainKeyword(definition, keyword, at);
      (unknown.id === "SMR0033" ? warnings : faults).push(unknown);
    } else if (given.has(keyword)) faults.push({ id: "SMR0012", with: [keyword], at });
    else if (values.length > 0) given.set(keyword, { values, at });
  }
  const bound = new Map<string, BoundParameter>();
  for (const parameter of definition.parameters) {
    const typed = given.get(parameter.keyword);
    if (typed) bound.set(parameter.keyword, { at: typed.at, rows: bindParameter(parameter, typed.values, faults) });
    else if (parameter.required) {
      faults.push({ id: "SMR0013", with: [parameter.keyword, parameter.prompt], at: parsed.at });
    }
  }
  if (faults.length === 0) checkCompany(definition, bound, faults);
  if (faults.length > 0) return err([...warnings, ...faults]);
  return ok(new Arguments(definition, bound, warnings, bindDefault));
}

/** Defaults that were read: a definition never changes, and a policy file asks for the same ones in every line. */
const DEFAULTS = new WeakMap<Parameter, BoundRows>();

function bindDefault(parameter: Parameter): BoundRows {
  const known = DEFAULTS.get(parameter);
  if (known) return known;
  const rows = readDefault(parameter);
  DEFAULTS.set(parameter, rows);
  return rows;
}

/** The default of a parameter, through the same door as what is typed. */
function readDefault(parameter: Parameter): BoundRows {
  if (parameter.default === undefined) return [];
  const values = parseValues(parameter.default);
  const faults: Diagnostic[] = [];
  const rows = values.ok ? bindParameter(parameter, values.value, faults) : [];
  assert(values.ok && faults.length === 0, `the default of ${parameter.keyword} is a value of it`);
  return rows;
}

function explainKeyword(definition: CommandDefinition, keyword: string, at: number): Diagnostic {
  const advice = definition.elsewhere?.keywords[keyword];
  if (advice !== undefined) {
    const refused = definition.elsewhere?.treatment === "refused";
    return { id: refused ? "SMR0034" : "SMR0033", with: [refused ? `Keyword ${keyword}` : keyword, advice], at };
  }
  const near = nearest(
    keyword,
    definition.parameters.map((parameter) => parameter.keyword),
  );
  return { id: "SMR0011", with: [keyword, definition.name, didYouMean(near)], at };
}

export function didYouMean(near: string | null): string {
  return near === null ? "" : `Did you mean ${near}?`;
}

/** The values of one parameter, a row for each: one value, or the elements of a list. */
function bindParameter(parameter: Parameter, values: readonly Value[], faults: Diagnostic[]): BoundRows {
  const single = bindSingle(parameter, values, faults);
  if (single) return single;
  const max = parameter.valuesMax ?? 1;
  const { shape } = parameter;
  // RTYMIN(3 30): one list, its parentheses are those of the parameter.
  const rows: readonly (readonly Value[])[] =
    shape.kind === "elements" && max === 1 && !values.some((value) => value.kind === "list")
      ? [values]
      : values.map((value) => (value.kind === "list" ? value.items : [value]));
  const at = values[max]?.at ?? values[0]?.at ?? 0;
  if (rows.length > max) {
    const quote = max === 1 && shape.kind === "text" ? `Text with blanks needs apostrophes.` : "";
    faults.push({ id: "SMR0015", with: [parameter.keyword, String(max), quote], at });
    return [];
  }
  return rows.map((row) => bindRow(parameter, row, at, faults));
}

/** `*NONE` and the like, which stand alone. */
function bindSingle(parameter: Parameter, values: readonly Value[], faults: Diagnostic[]): BoundRows | null {
  const singles = parameter.singles ?? [];
  for (const value of values) {
    const atom = value.kind === "list" && value.items.length === 1 ? value.items[0] : value;
    if (atom?.kind !== "atom") continue;
    const choice = singles.find((single) => single.value === atom.text.toUpperCase());
    if (!choice) continue;
    if (values.length > 1) {
      faults.push({ id: "SMR0035", with: [choice.value, parameter.keyword], at: atom.at });
      return [];
    }
    return [[{ text: choice.value, special: true, at: atom.at }]];
  }
  return null;
}

function bindRow(parameter: Parameter, row: readonly Value[], at: number, faults: Diagnostic[]): readonly BoundValue[] {
  const elements =
    parameter.shape.kind === "elements" ? parameter.shape.elements : [{ shape: parameter.shape, prompt: "" }];
  if (row.length > elements.length) {
    const quote = elements.length === 1 ? "Text with blanks needs apostrophes." : "";
    faults.push({
      id: "SMR0015",
      with: [parameter.keyword, String(elements.length), quote],
      at: row[elements.length]?.at ?? at,
    });
    return [];
  }
  const bound: BoundValue[] = [];
  for (const [i, element] of elements.entries()) {
    let value = row[i];
    if (value?.kind === "list" && value.items.length === 1) value = value.items[0];
    if (value === undefined || isPlaceholder(value)) {
      const standard = "default" in element ? element.default : undefined;
      if (standard === undefined) {
        const missing = element.prompt === "" ? "a value" : element.prompt.toLowerCase();
        faults.push({
          id: "SMR0014",
          with: [row.map(show).join(" ") || "()", parameter.keyword, `It needs ${missing}.`],
          at,
        });
        return [];
      }
      bound.push({ text: standard, special: standard.startsWith("*"), at });
    } else if (value.kind === "list") {
      faults.push({
        id: "SMR0014",
        with: [show(value), parameter.keyword, "A list is not expected here."],
        at: value.at,
      });
    } else {
      const atom = bindAtom(parameter, element.shape, value, faults);
      if (atom) bound.push(atom);
    }
  }
  return bound;
}

function bindAtom(parameter: Parameter, shape: SimpleShape, atom: Atom, faults: Diagnostic[]): BoundValue | null {
  const typed = parameter.secret ? "(secret)" : atom.raw;
  const fault = (diagnostic: Omit<Diagnostic, "at">): null => {
    faults.push({ ...diagnostic, at: atom.at });
    return null;
  };
  const quotedText = atom.quoted && shape.kind === "text" && shape.literal === true;
  const choice = quotedText ? undefined : choicesOf(shape).find(({ value }) => value === atom.text.toUpperCase());
  if (choice?.elsewhere !== undefined) {
    return fault({ id: "SMR0034", with: [`${parameter.keyword}(${choice.value})`, choice.elsewhere] });
  }
  if (choice) return { text: choice.value, special: true, at: atom.at };
  if (shape.kind === "number") {
    const value = /^[+-]?\d{1,15}$/.test(atom.text) ? Number(atom.text) : NaN;
    if (value >= shape.min && value <= shape.max) return { text: String(value), special: false, at: atom.at };
    return fault({ id: "SMR0021", with: [typed, parameter.keyword, String(shape.min), String(shape.max)] });
  }
  if (shape.kind === "choice" || (!atom.quoted && atom.text.startsWith("*") && !freeSpecial(shape, atom.text))) {
    const available = specialValues(parameter).filter(({ elsewhere }) => elsewhere === undefined);
    const known = available.map(({ value }) => value);
    const near = nearest(atom.text, known);
    return fault({
      id: "SMR0014",
      with: [typed, parameter.keyword, near ? didYouMean(near) : `It takes ${known.join(" ")}.`],
    });
  }
  if (atom.text.length > shape.lengthMax) {
    return fault({ id: "SMR0020", with: [parameter.keyword, String(shape.lengthMax)] });
  }
  return { text: shape.keepCase ? atom.raw : atom.text, special: false, at: atom.at };
}

/** Durations (*30D) and generic names (QTSM*) are no special values of a list but go by a rule of their own. */
function freeSpecial(shape: SimpleShape, text: string): boolean {
  return shape.kind === "text" && (/^\*\d+[A-Z]$/.test(text) || choicesOf(shape).length === 0);
}

function isPlaceholder(value: Value): boolean {
  return value.kind === "atom" && !value.quoted && value.text === "*N";
}

/** Parameters that do not go with the value of another. */
function checkCompany(
  definition: CommandDefinition,
  bound: ReadonlyMap<string, BoundParameter>,
  faults: Diagnostic[],
): void {
  for (const parameter of definition.parameters) {
    const typed = bound.get(parameter.keyword);
    const { goesWith } = parameter;
    if (!typed || !goesWith) continue;
    const other = bound.get(goesWith.keyword)?.rows[0]?.[0]?.text;
    if (other === undefined || goesWith.values.includes(other)) continue;
    const fitting = definition.parameters.filter(
      (candidate) => candidate.goesWith?.keyword === goesWith.keyword && candidate.goesWith.values.includes(other),
    );
    const takes = fitting.length === 0 ? "" : `It takes ${fitting.map(({ keyword }) => keyword).join(", ")}.`;
    faults.push({ id: "SMR0016", with: [parameter.keyword, goesWith.keyword, other, takes], at: typed.at });
  }
}
