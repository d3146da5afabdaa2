import { err, ok, type Result } from "../base/result.ts";
import type { Diagnostic } from "./messages.ts";
import { COMMAND_LENGTH_MAX, endsToken } from "./source.ts";

/** `at` and `end` are offsets into the text of the command. Text of a word is as typed; that of a string is without its quotes. */
export type Token =
  | { readonly kind: "word"; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: "string"; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: "open" | "close"; readonly at: number; readonly end: number };

/** Cuts a command into words, quoted strings and parentheses. Blanks and commas separate; comments count as blanks. */
export function readTokens(text: string): Result<readonly Token[], Diagnostic> {
  if (text.length > COMMAND_LENGTH_MAX) {
    return err({ id: "SMR0026", with: [String(COMMAND_LENGTH_MAX)], at: COMMAND_LENGTH_MAX });
  }
  const tokens: Token[] = [];
  for (let i = 0; i < text.length;) {
    const char = text.charAt(i);
    if (isBlank(char)) i++;
    else if (char === "(" || char === ")") {
      tokens.push({ kind: char === "(" ? "open" : "close", at: i, end: i + 1 });
      i++;
    } else if (char === "/" && text[i + 1] === "*" && endsToken(text.charAt(i - 1))) {
      const end = text.indexOf("*/", i + 2);
      if (end < 0) return err({ id: "SMR0028", with: [], at: i });
      i = end + 2;
    } else {
      const token = readToken(text, i);
      if (!token.ok) return token;
      tokens.push(token.value);
      i = token.value.end;
    }
  }
  return ok(tokens);
}

function readToken(text: string, at: number): Result<Token, Diagnostic> {
  const char = text.charAt(at);
  if (char === "'") return readString(text, at, at);
  if ((char === "X" || char === "x") && text[at + 1] === "'") return readHex(text, at);
  const hint = misplaced(char);
  if (hint !== null) return err({ id: "SMR0025", with: [char, hint], at });
  let end = at;
  while (end < text.length && !endsWord(text.charAt(end))) end++;
  if (text[end] === "'") return err({ id: "SMR0025", with: ["'", "A quoted value stands by itself."], at: end });
  if (text.charAt(end - 1) === ";") {
    return err({ id: "SMR0025", with: [";", "Commands end with the line, without a semicolon."], at: end - 1 });
  }
  return ok({ kind: "word", text: text.slice(at, end), at, end });
}

/** What people paste from articles and from other languages, with what CL has in its place. */
function misplaced(char: string): string | null {
  if (/["\u2018\u2019\u201a\u201c\u201d\u201e\u00b4`]/.test(char)) return "CL quotes with the plain apostrophe (').";
  if (char === "&") return "Variables are known in CL programs only.";
  if (char === ";") return "Commands end with the line, without a semicolon.";
  return null;
}

/** `'quoted ''strings'''`: an apostrophe within is doubled. */
function readString(text: string, at: number, quoteAt: number): Result<Token, Diagnostic> {
  let value = "";
  for (let from = quoteAt + 1; ;) {
    const quote = text.indexOf("'", from);
    if (quote < 0) return err({ id: "SMR0022", with: [], at });
    value += text.slice(from, quote);
    if (text[quote + 1] !== "'") {
      const next = text.charAt(quote + 1);
      if (next !== "" && !/[\s,()]/.test(next) && !text.startsWith("/*", quote + 1)) {
        return err({ id: "SMR0025", with: [next, "A blank must follow a quoted value."], at: quote + 1 });
      }
      return ok({ kind: "string", text: value, at, end: quote + 1 });
    }
    value += "'";
    from = quote + 2;
  }
}

/** `X'4D6F'`: pairs of hexadecimal digits, read as UTF-8. */
function readHex(text: string, at: number): Result<Token, Diagnostic> {
  const string = readString(text, at, at + 1);
  if (!string.ok || string.value.kind !== "string") return string;
  const digits = string.value.text;
  const fault = err({ id: "SMR0029", with: [digits], at });
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return fault;
  const octets = Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  try {
    return ok({ ...string.value, text: new TextDecoder("utf-8", { fatal: true }).decode(octets) });
  } catch {
    return fault;
  }
}

function endsWord(char: string): boolean {
  return char === "(" || char === ")" || char === "'" || isBlank(char);
}

function isBlank(char: string): boolean {
  return char === " " || char === "," || char === "\t" || char === "\r" || char === "\n" || char === "\f";
}
