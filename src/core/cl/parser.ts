import { err, ok, type Result } from "../base/result.ts";
import { readTokens, type Token } from "./lexer.ts";
import type { Diagnostic } from "./messages.ts";

/** A value as typed. `text` is folded to upper case where it was not quoted; `raw` is not. */
export interface Atom {
  readonly kind: "atom";
  readonly text: string;
  readonly raw: string;
  readonly quoted: boolean;
  readonly at: number;
  readonly end: number;
}

export interface List {
  readonly kind: "list";
  readonly items: readonly Value[];
  readonly at: number;
  readonly end: number;
}

export type Value = Atom | List;

export interface KeywordParameter {
  readonly keyword: string;
  readonly values: readonly Value[];
  readonly at: number;
  readonly end: number;
}

/** A command by its grammar alone: nothing is known yet about what it may say. */
export interface ParsedCommand {
  readonly label: string | null;
  readonly library: string | null;
  readonly name: string;
  readonly at: number;
  /** `?` before the command or after it, or `??KEYWORD()`: the prompt is wanted instead of the deed. */
  readonly prompted: boolean;
  readonly positional: readonly Value[];
  readonly keywords: readonly KeywordParameter[];
}

/** Levels of parentheses within a parameter, and values of one list (IBM i: the same). */
const NESTING_MAX = 3;
const LIST_VALUES_MAX = 300;

/** Reads one command that stands on one line (see `splitSource`). The first fault of grammar ends the reading. */
export function parseCommand(text: string): Result<ParsedCommand, Diagnostic> {
  const tokens = readTokens(text);
  if (!tokens.ok) return tokens;
  return new Reader(tokens.value, text.length).command();
}

/** Reads the values of a parameter, as they stand between its parentheses. */
export function parseValues(text: string): Result<readonly Value[], Diagnostic> {
  const tokens = readTokens(text);
  if (!tokens.ok) return tokens;
  return new Reader(tokens.value, text.length).values(0, "");
}

const NAME = /^[A-Z$#@][A-Z0-9$#@_.]{0,31}$/i;

class Reader {
  readonly #tokens: readonly Token[];
  readonly #length: number;
  #next = 0;

  constructor(tokens: readonly Token[], length: number) {
    this.#tokens = tokens;
    this.#length = length;
  }

  command(): Result<ParsedCommand, Diagnostic> {
    const head = this.#head();
    if (!head.ok) return head;
    const positional: Value[] = [];
    const keywords: KeywordParameter[] = [];
    let prompted = head.value.prompted;
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (token.kind === "word" && token.text === "?" && this.#next === this.#tokens.length - 1) {
        prompted = true;
        this.#next++;
      } else if (token.kind === "word" && this.#opensAt(token.end)) {
        const parameter = this.#keyword(token);
        if (!parameter.ok) return parameter;
        if (parameter.value.prompted) prompted = true;
        keywords.push(parameter.value);
      } else {
        const value = this.#value(0);
        if (!value.ok) return value;
        if (keywords.length > 0) return err({ id: "SMR0019", with: [show(value.value)], at: value.value.at });
        positional.push(value.value);
      }
    }
    return ok({ ...head.value, prompted, positional, keywords });
  }

  /** Values up to the end or, where `keyword` opened a parenthesis, to the one that closes it. */
  values(depth: number, keyword: string): Result<readonly Value[], Diagnostic> {
    const values: Value[] = [];
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (token.kind === "close") {
        if (keyword === "") return err({ id: "SMR0024", with: [], at: token.at });
        return ok(values);
      }
      const value = this.#value(depth);
      if (!value.ok) return value;
      values.push(value.value);
      if (values.length > LIST_VALUES_MAX) {
        return err({ id: "SMR0015", with: [keyword, String(LIST_VALUES_MAX), ""], at: token.at });
      }
    }
    return keyword === "" ? ok(values) : err({ id: "SMR0023", with: [keyword], at: this.#length });
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #opensAt(offset: number): boolean {
    const token = this.#tokens[this.#next + 1];
    return token?.kind === "open" && token.at === offset;
  }

  /** `label: ? LIB/COMMAND`, of which only the command must be there. */
  #head(): Result<Omit<ParsedCommand, "positional" | "keywords">, Diagnostic> {
    let label: string | null = null;
    let prompted = false;
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (token.kind !== "word") return err({ id: "SMR0031", with: [], at: token.at });
      let text = token.text;
      let at = token.at;
      const colon = text.indexOf(":");
      if (label === null && colon > 0 && NAME.test(text.slice(0, colon))) {
        label = text.slice(0, colon).toUpperCase();
        text = text.slice(colon + 1);
        at += colon + 1;
      }
      if (text.startsWith("?")) {
        prompted = true;
        text = text.slice(1);
        at++;
      }
      this.#next++;
      if (text === "") continue;
      const slash = text.indexOf("/");
      const library = slash < 0 ? null : text.slice(0, slash).toUpperCase();
      const name = text.slice(slash + 1).toUpperCase();
      if (!NAME.test(name)) return err({ id: "SMR0010", with: [name, ""], at });
      return ok({ label, library, name, at, prompted });
    }
    return err({ id: "SMR0031", with: [], at: this.#length });
  }

  /** `KEYWORD(values)`, with the characters of selective prompting before it. */
  #keyword(token: Token & { kind: "word" }): Result<KeywordParameter & { prompted: boolean }, Diagnostic> {
    const marked = /^\?[?*-]/.exec(token.text);
    const keyword = token.text.slice(marked ? 2 : 0).toUpperCase();
    if (!NAME.test(keyword)) return err({ id: "SMR0025", with: [token.text, "A keyword was expected."], at: token.at });
    this.#next += 2;
    const values = this.values(1, keyword);
    if (!values.ok) return values;
    const end = this.#peek()?.end ?? this.#length;
    this.#next++;
    return ok({ keyword, values: values.value, at: token.at, end, prompted: marked !== null });
  }

  #value(depth: number): Result<Value, Diagnostic> {
    const token = this.#peek();
    if (!token || token.kind === "close") return err({ id: "SMR0024", with: [], at: token?.at ?? this.#length });
    if (token.kind === "string") {
      this.#next++;
      return ok({ kind: "atom", text: token.text, raw: token.text, quoted: true, at: token.at, end: token.end });
    }
    if (token.kind === "word") {
      if (depth > 0 && this.#opensAt(token.end)) {
        return err({ id: "SMR0025", with: ["(", "A blank must stand before a list."], at: token.end });
      }
      this.#next++;
      const { text, at, end } = token;
      return ok({ kind: "atom", text: text.toUpperCase(), raw: text, quoted: false, at, end });
    }
    if (depth >= NESTING_MAX) return err({ id: "SMR0027", with: [String(NESTING_MAX)], at: token.at });
    this.#next++;
    const items = this.values(depth + 1, "(");
    if (!items.ok) return items;
    const end = this.#peek()?.end ?? this.#length;
    this.#next++;
    return ok({ kind: "list", items: items.value, at: token.at, end });
  }
}

/** A value on one line, for messages. */
export function show(value: Value): string {
  return value.kind === "atom" ? value.raw : `(${value.items.map(show).join(" ")})`;
}
