/**
 * CL source is lines; a command may take several. `+` or `-` as the last character of a line that is no blank continues it:
 * blanks before the sign count, blanks after it do not; after `+` the leading blanks of the next line are dropped, after `-` they
 * are kept. A comment that is not ended goes on in the next line by itself.
 */

/** The longest command, continuations included, in characters (IBM i: the same). */
export const COMMAND_LENGTH_MAX = 32_702;

/** One command of a source, joined to one line; `segments` say from which line and column each part of it came. */
export interface SourceCommand {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** The source ended where a continuation was announced. */
  readonly unfinished: boolean;
}

interface Segment {
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

/** Where something stands in the source: line and column from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The commands of a source, in order. Empty lines and comments between them are left out. */
export function* splitSource(source: string): Generator<SourceCommand> {
  let number = 1;
  for (let from = 0; from <= source.length;) {
    const command = new Joining();
    while (from <= source.length && command.wantsMore) {
      const lf = source.indexOf("\n", from);
      const end = lf < 0 ? source.length : lf;
      command.add(source.slice(from, lf > from && source[lf - 1] === "\r" ? lf - 1 : end), number++);
      from = end + 1;
    }
    if (!command.isBlank) yield command.finish();
  }
}

export function placeOf(command: SourceCommand, at: number): Place {
  let found: Segment = command.segments[0] ?? { at: 0, line: 1, column: 1 };
  for (const segment of command.segments) if (segment.at <= at) found = segment;
  return { line: found.line, column: found.column + (at - found.at) };
}

/** Joins lines and knows, at the end of each, whether it stands in a quoted string or in a comment. */
class Joining {
  wantsMore = true;
  isBlank = true;
  #parts: string[] = [];
  #length = 0;
  #segments: Segment[] = [];
  #state: "code" | "quote" | "comment" = "code";
  #keepBlanks = true;
  #continued = false;

  add(line: string, number: number): void {
    const blanks = this.#keepBlanks ? 0 : line.length - line.trimStart().length;
    const trimmed = line.trimEnd();
    const sign = trimmed.at(-1);
    this.#continued = sign === "+" || sign === "-";
    const part = this.#continued ? trimmed.slice(0, -1).slice(blanks) : line.slice(blanks);
    this.#segments.push({ at: this.#length, line: number, column: blanks + 1 });
    this.#scan(part);
    this.#keepBlanks = sign !== "+";
    const inComment = this.#state === "comment";
    this.#push(inComment ? `${part} ` : part);
    this.wantsMore = (this.#continued || inComment) && this.#length <= COMMAND_LENGTH_MAX;
  }

  finish(): SourceCommand {
    return { text: this.#parts.join(""), segments: this.#segments, unfinished: this.#continued && this.wantsMore };
  }

  #push(part: string): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  #scan(part: string): void {
    if (this.#state !== "comment" && !part.includes("/*")) {
      if (part.trim() !== "") this.isBlank = false;
      const quotes = part.split("'").length - 1;
      if (quotes % 2 === 1) this.#state = this.#state === "quote" ? "code" : "quote";
      return;
    }
    let before = " ";
    for (let i = 0; i < part.length; i++) {
      const char = part.charAt(i);
      if (this.#state === "comment") {
        if (char === "*" && part[i + 1] === "/") {
          this.#state = "code";
          i++;
        }
      } else if (char === "'") {
        this.#state = this.#state === "quote" ? "code" : "quote";
        this.isBlank = false;
      } else if (this.#state === "code" && char === "/" && part[i + 1] === "*" && endsToken(before)) {
        this.#state = "comment";
        i++;
      } else if (!/\s/.test(char)) this.isBlank = false;
      before = char;
    }
  }
}

/** Whether a comment may begin after this character: within a word `/*` is part of the word (`image/*`). */
export function endsToken(before: string): boolean {
  return before === "" || /[\s,()']/.test(before);
}
