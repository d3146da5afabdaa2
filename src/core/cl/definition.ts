/**
 * What a command is, said once: the parser checks by it, the prompt shows it, help, manual pages and the reference are made of it,
 * and the command line completes from it.
 */
export interface CommandDefinition {
  readonly name: string;
  /** As IBM i would title the prompt: `Add SMTP List Entry`. */
  readonly title: string;
  /** What it does, in a paragraph. */
  readonly help: string;
  readonly parameters: readonly Parameter[];
  readonly examples: readonly Example[];
  /** Keywords of IBM i without a meaning here, with what to use instead. */
  readonly elsewhere?: Elsewhere;
}

export interface Example {
  readonly command: string;
  readonly meaning: string;
}

/**
 * `refused`: the command fails, because it would promise what is not done. `ignored`: the keyword changes nothing, and a warning
 * says so.
 */
export interface Elsewhere {
  readonly treatment: "refused" | "ignored";
  readonly keywords: Readonly<Record<string, string>>;
}

export interface Parameter {
  readonly keyword: string;
  readonly prompt: string;
  readonly help: string;
  readonly shape: Shape;
  /** 1 for the first that may be given without its keyword. */
  readonly positional?: number;
  readonly required?: true;
  /** As CL text: `*NONE`, `'255.255.255.255'`. */
  readonly default?: string;
  /** Values that stand alone and exclude all others. */
  readonly singles?: readonly Choice[];
  /** How many values a list takes; one where nothing is said. */
  readonly valuesMax?: number;
  /** The parameter goes only with these values of another one. */
  readonly goesWith?: { readonly keyword: string; readonly values: readonly string[] };
  /** Taken out of everything that is kept or shown. */
  readonly secret?: true;
}

export interface Choice {
  readonly value: string;
  readonly meaning: string;
  /** A value of IBM i that is known and refused, with what to use instead. */
  readonly elsewhere?: string;
}

export type SimpleShape =
  /** One of the choices and nothing else. */
  | { readonly kind: "choice"; readonly choices: readonly Choice[] }
  /**
   * Characters, or one of the choices. `keepCase`: not folded where it was typed without apostrophes (addresses, file names).
   * `literal`: in apostrophes it is never a special value.
   */
  | {
      readonly kind: "text";
      readonly what: string;
      readonly lengthMax: number;
      readonly choices?: readonly Choice[];
      readonly keepCase?: true;
      readonly literal?: true;
    }
  | { readonly kind: "number"; readonly min: number; readonly max: number; readonly choices?: readonly Choice[] };

export type Shape = SimpleShape | { readonly kind: "elements"; readonly elements: readonly ElementDefinition[] };

export interface ElementDefinition {
  readonly prompt: string;
  readonly shape: SimpleShape;
  /** As CL text; an element without one must be given. */
  readonly default?: string;
}

export function choicesOf(shape: SimpleShape): readonly Choice[] {
  return shape.choices ?? [];
}

/** Every special value that the parameter knows, those of its elements and its single values included. */
export function specialValues(parameter: Parameter): readonly Choice[] {
  const { shape } = parameter;
  const own =
    shape.kind === "elements" ? shape.elements.flatMap((element) => choicesOf(element.shape)) : choicesOf(shape);
  return [...(parameter.singles ?? []), ...own];
}

export function findParameter(definition: CommandDefinition, keyword: string): Parameter | undefined {
  return definition.parameters.find((parameter) => parameter.keyword === keyword);
}

/** The parameters that may be given by position, in their order. */
export function positionalParameters(definition: CommandDefinition): readonly Parameter[] {
  const positional = definition.parameters.filter((parameter) => parameter.positional !== undefined);
  return positional.sort((a, b) => (a.positional ?? 0) - (b.positional ?? 0));
}

// --- shapes that many commands share ----------------------------------------------------------------------------------

export function oneOf(choices: Readonly<Record<string, string>>): SimpleShape {
  return { kind: "choice", choices: choiceList(choices) };
}

export function choiceList(choices: Readonly<Record<string, string>>): readonly Choice[] {
  return Object.entries(choices).map(([value, meaning]) => ({ value, meaning }));
}

export function characters(
  lengthMax: number,
  choices: Readonly<Record<string, string>> = {},
  what = "Character value",
): SimpleShape {
  return { kind: "text", what, lengthMax, choices: choiceList(choices) };
}
