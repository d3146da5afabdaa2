/**
 * Where the keys of a TOML text stand: `delivery.mode`, `listener.0.tls` and their tables, each with its line, from 1. The text is one
 * that a TOML parser took already; this only finds its way through it. Keys of inline tables and arrays stand where their
 * value begins.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  return new Scanner(text).scan();
}

/** The line of a path, or of the nearest table around it; null where nothing of it stands in the text. */
export function lineOf(lines: ReadonlyMap<string, number>, path: readonly (string | number)[]): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(path.slice(0, length).join("."));
    if (line !== undefined) return line;
  }
  return null;
}

class Scanner {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  readonly #tables = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): ReadonlyMap<string, number> {
    let table: readonly string[] = [];
    while (this.#at < this.#text.length) {
      this.#skipBlank();
      const line = this.#line;
      if (this.#peek() === "[") {
        table = this.#tableHead();
        this.#note(table, line);
      } else if (this.#at < this.#text.length) {
        const key = this.#dottedKey();
        this.#note([...table, ...key], line);
        this.#skipTo("\n");
      }
    }
    return this.#lines;
  }

  #note(path: readonly string[], line: number): void {
    const name = path.join(".");
    if (name !== "" && !this.#lines.has(name)) this.#lines.set(name, line);
  }

  /** `[a.b]`, or `[[a]]`, which counts: the first is `a.0`. */
  #tableHead(): readonly string[] {
    const many = this.#text.startsWith("[[", this.#at);
    this.#at += many ? 2 : 1;
    const key = this.#dottedKey();
    this.#skipTo("\n");
    if (!many) return this.#withIndex(key);
    const name = key.join(".");
    const index = (this.#tables.get(name) ?? -1) + 1;
    this.#tables.set(name, index);
    return [...key, String(index)];
  }

  /** `[a.b]` below `[[a]]` belongs to the newest `a`. */
  #withIndex(key: readonly string[]): readonly string[] {
    const [first = "", ...rest] = key;
    const index = this.#tables.get(first);
    return index === undefined ? key : [first, String(index), ...rest];
  }

  #dottedKey(): string[] {
    const parts: string[] = [];
    let bare = "";
    const end = (): void => {
      if (bare.trim() !== "") parts.push(bare.trim());
      bare = "";
    };
    for (let c = this.#peek(); c !== "" && c !== "=" && c !== "]" && c !== "\n"; c = this.#peek()) {
      if (c === '"' || c === "'") bare += this.#string();
      else {
        if (c === ".") end();
        else bare += c;
        this.#at++;
      }
    }
    end();
    return parts;
  }

  /** Goes behind the next `stop` that stands outside strings, comments and brackets. */
  #skipTo(stop: string): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const c = this.#peek();
      if (c === '"' || c === "'") this.#string();
      else if (c === "#") this.#skipComment();
      else {
        if (c === "[" || c === "{") depth++;
        if (c === "]" || c === "}") depth--;
        this.#step();
        if (c === stop && depth <= 0) return;
      }
    }
  }

  #skipBlank(): void {
    for (let c = this.#peek(); c !== "" && (c === "#" || /\s/.test(c)); c = this.#peek()) {
      if (c === "#") this.#skipComment();
      else this.#step();
    }
  }

  #skipComment(): void {
    while (this.#at < this.#text.length && this.#peek() !== "\n") this.#at++;
  }

  /** Goes behind a string of any of the four kinds and gives back what stands between its marks. */
  #string(): string {
    const mark = this.#peek();
    const long = this.#text.startsWith(mark.repeat(3), this.#at) ? mark.repeat(3) : mark;
    this.#at += long.length;
    const from = this.#at;
    while (this.#at < this.#text.length && !this.#text.startsWith(long, this.#at)) {
      if (mark === '"' && this.#peek() === "\\") this.#step();
      this.#step();
    }
    const inner = this.#text.slice(from, this.#at);
    this.#at += long.length;
    return inner;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #step(): void {
    if (this.#peek() === "\n") this.#line++;
    this.#at++;
  }
}
