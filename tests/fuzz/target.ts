import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { octetsOf } from "../hostile/table.ts";
import type { Chance } from "../sim/chance.ts";

/** A door of the house where octets of strangers become values, and what must hold there whatever they are. */
export interface Target {
  readonly name: string;
  /** Its folder in `corpus`; more than one may live from the same. */
  readonly corpus: string;
  /** What mutations put in, beside what the corpus has. */
  readonly words: readonly string[];
  /** Throws where something does not hold. `chance` chooses where octets are cut and the like. */
  check(input: Uint8Array, chance: Chance): void | Promise<void>;
  /** Reads the input once: this alone is measured where input is doubled. Absent where nothing of the length is left to grow. */
  readonly work?: (input: Uint8Array) => void;
}

/** What a mistake of ours would look like: a target with the mistake built in, which must be found. */
export interface PlantedBug {
  readonly what: string;
  readonly target: Target;
}

/**
 * The cases of a target: each line of each file in its folder is one, in the escapes of `octetsOf`; lines that begin with `# ` are
 * remarks. In files that end in `.raw` the whole file is one case, without the line end that closes it.
 */
export function readCorpus({ corpus }: Target): readonly Uint8Array[] {
  const folder = join(import.meta.dirname, "corpus", corpus);
  return readdirSync(folder)
    .sort()
    .flatMap((file) => casesOf(readFileSync(join(folder, file), "utf8"), file.endsWith(".raw")));
}

function casesOf(text: string, whole: boolean): Uint8Array[] {
  if (whole) return [Buffer.from(text.replace(/\n$/, ""))];
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("# "));
  return lines.map(octetsOf);
}

/** A case as a line of the corpus. */
export function asLine(input: Uint8Array): string {
  let line = "";
  for (const octet of input) line += ESCAPES.get(octet) ?? plainOrHex(octet);
  return line.startsWith("# ") ? `\\x23${line.slice(1)}` : line;
}

const ESCAPES = new Map([
  [0x0d, "\\r"],
  [0x0a, "\\n"],
  [0x09, "\\t"],
  [0x00, "\\0"],
  [0x5c, "\\\\"],
  // Or `{12 x}` would be a repetition.
  [0x7b, "\\x7b"],
]);

function plainOrHex(octet: number): string {
  return octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : `\\x${octet.toString(16).padStart(2, "0")}`;
}

/** The input cut into pieces anywhere: whole, octet by octet, or by chance. Every piece is a buffer of its own. */
export function* pieces(input: Uint8Array, chance: Chance): Generator<Uint8Array> {
  const longest = chance.pick([1, 2, 7, 64, 1_500, Infinity]);
  for (let at = 0; at < input.length;) {
    const length = longest === Infinity ? input.length : 1 + chance.below(longest);
    yield Uint8Array.from(input.subarray(at, at + length));
    at += length;
  }
}

/** Octet by octet: nothing makes more work of the same input. */
export function* octetByOctet(input: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < input.length; at++) yield input.subarray(at, at + 1);
}

/** What shows nothing of a control character: fit for a reply, a log line, a terminal. */
export function assertPlain(text: string, lengthMax: number): void {
  assert.ok(text.length <= lengthMax, `${text.length} characters`);
  // C0, DEL, C1, line separators and what turns the direction of writing
  const found = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.exec(text);
  assert.equal(found, null, JSON.stringify(text));
}

export function utf8(input: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
}

export function latin1(input: Uint8Array): string {
  return Buffer.from(input.buffer, input.byteOffset, input.length).toString("latin1");
}
