import { readFile, stat } from "node:fs/promises";

/** A small file that others write, read again when it changed. While it cannot be read, what it said last is as good as anything. */
export class ChangingFile<Value> {
  readonly #file: string;
  readonly #octetsMax: number;
  readonly #parse: (text: string) => Value;
  #stamp = "";
  #value: Value;

  /** A file above `octetsMax` is not read: it would stand in memory whole. Without a file it is as if it were empty. */
  constructor(file: string, octetsMax: number, parse: (text: string) => Value) {
    this.#file = file;
    this.#octetsMax = octetsMax;
    this.#parse = parse;
    this.#value = parse("");
  }

  async read(): Promise<Value> {
    try {
      const { mtimeMs, size } = await stat(this.#file);
      const stamp = `${mtimeMs} ${size}`;
      if (stamp !== this.#stamp && size <= this.#octetsMax) {
        this.#value = this.#parse(await readFile(this.#file, "utf8"));
        this.#stamp = stamp;
      }
    } catch {
      // No such file.
    }
    return this.#value;
  }
}
