import { Readable } from "node:stream";
import type { Json } from "../../core/base/json.ts";

/** What is written at once, in characters. */
const PIECE_LENGTH = 65_536;
/** Elements of a list that are written at once. */
const ELEMENTS = 64;

/**
 * A value as JSON: text where it is short, else a stream, so that a list of a million entries does not hold up everything else while it
 * is written.
 */
export function jsonBody(value: Json): string | Readable {
  const pieces = gathered(jsonPieces(value));
  const first = pieces.next();
  const second = pieces.next();
  if (first.done) return "";
  if (second.done) return first.value;
  return Readable.from(behind([first.value, second.value], pieces));
}

function* behind(first: readonly string[], rest: Iterable<string>): Generator<string> {
  yield* first;
  yield* rest;
}

function* gathered(pieces: Iterable<string>): Generator<string, void> {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}

/** The JSON of a value, none of its pieces much longer than `PIECE_LENGTH` unless an element of a list is. */
export function* jsonPieces(value: Json): Generator<string, void> {
  if (typeof value === "string") {
    yield '"';
    // A surrogate pair that is cut is written as two escapes, which read as the pair again.
    for (let at = 0; at < value.length; at += PIECE_LENGTH) {
      yield JSON.stringify(value.slice(at, at + PIECE_LENGTH)).slice(1, -1);
    }
    yield '"';
  } else if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += ELEMENTS) {
      yield `${at === 0 ? "[" : ","}${JSON.stringify(value.slice(at, at + ELEMENTS)).slice(1, -1)}`;
    }
    yield value.length === 0 ? "[]" : "]";
  } else if (typeof value === "object" && value !== null) {
    let before = "{";
    for (const [name, member] of Object.entries(value as { readonly [name: string]: Json | undefined })) {
      if (member === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      yield* jsonPieces(member);
      before = ",";
    }
    yield before === "{" ? "{}" : "}";
  } else yield JSON.stringify(value);
}
