import { assert } from "../base/assert.ts";
import { findParameter, type CommandDefinition, type Parameter } from "./definition.ts";
import type { Diagnostic } from "./messages.ts";

/** One value of a parameter that holds by its definition. `special`: it is one of its choices, not text that looks like one. */
export interface BoundValue {
  readonly text: string;
  readonly special: boolean;
  readonly at: number;
}

export type BoundRows = readonly (readonly BoundValue[])[];

/** What was given for a parameter, and where. */
export interface BoundParameter {
  readonly at: number;
  readonly rows: BoundRows;
}

/** The parameters of a command that was held against its definition; what was not given has its default. */
export class Arguments {
  readonly definition: CommandDefinition;
  readonly warnings: readonly Diagnostic[];
  readonly #bound: ReadonlyMap<string, BoundParameter>;
  readonly #standard: (parameter: Parameter) => BoundRows;

  constructor(
    definition: CommandDefinition,
    bound: ReadonlyMap<string, BoundParameter>,
    warnings: readonly Diagnostic[],
    standard: (parameter: Parameter) => BoundRows,
  ) {
    this.definition = definition;
    this.warnings = warnings;
    this.#bound = bound;
    this.#standard = standard;
  }

  given(keyword: string): boolean {
    return this.#bound.has(keyword);
  }

  /** Where the parameter stands in the command; its beginning where it was not given. */
  at(keyword: string): number {
    return this.#bound.get(keyword)?.at ?? 0;
  }

  /** The values of a parameter, each as its elements. */
  rows(keyword: string): BoundRows {
    const bound = this.#bound.get(keyword);
    if (bound) return bound.rows;
    const parameter = findParameter(this.definition, keyword);
    assert(parameter, `${this.definition.name} has a parameter ${keyword}`);
    return this.#standard(parameter);
  }

  /** The value of a parameter that takes one; null where it has neither value nor default. */
  value(keyword: string): BoundValue | null {
    return this.rows(keyword)[0]?.[0] ?? null;
  }

  /** The text of that value, special values included. */
  text(keyword: string): string | null {
    return this.value(keyword)?.text ?? null;
  }

  /** The text where it is no special value. */
  plain(keyword: string): string | null {
    const value = this.value(keyword);
    return value === null || value.special ? null : value.text;
  }

  /** The texts of a list of single values, special values left out. */
  plains(keyword: string): readonly BoundValue[] {
    return this.rows(keyword).flatMap((row) => (row[0] && !row[0].special ? [row[0]] : []));
  }

  is(keyword: string, value: string): boolean {
    const bound = this.value(keyword);
    return bound !== null && bound.special && bound.text === value;
  }
}
