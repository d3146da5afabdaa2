/**
 * Text of a stranger, made fit for a terminal, a log line or a table: control characters (C0, DEL, C1), line and paragraph
 * separators, what turns the direction of writing (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069, U+061C), invisible
 * characters and lone surrogates are shown as `\xHH` or `\u{HHHH}`, and a backslash is doubled so that nothing can pose as an escape.
 * At most `max` characters come back; where more was there the last one is `…`.
 */
export function printable(text: string, max = 255): string {
  let shown = "";
  let length = 0;
  for (let i = 0; i < text.length;) {
    const code = text.codePointAt(i) ?? 0;
    const piece = isHarmless(code) ? String.fromCodePoint(code) : escape(code);
    // Room for the piece, and for the ellipsis where something follows it.
    const next = i + (code > 0xffff ? 2 : 1);
    if (length + piece.length > max - (next < text.length ? 1 : 0)) return `${shown}…`;
    shown += piece;
    length += piece.length;
    i = next;
  }
  return shown;
}

/** JSON of a value, for a terminal too: what `printable` would not show is written as `\\uHHHH`, so that every reader gets the same value. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/gu, (char) =>
    isHarmless(char.codePointAt(0) ?? 0) ? char : char.split("").map(escapeUnit).join(""),
  );
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function isHarmless(code: number): boolean {
  if (code >= 0x20 && code < 0x7f) return code !== 0x5c;
  if (code < 0xa1) return false; // C0, DEL, C1, no-break space
  if (code === 0xad || code === 0x61c || code === 0x180e || code === 0xfeff) return false;
  if (code >= 0x200b && code <= 0x200f) return false;
  if (code >= 0x2028 && code <= 0x202f) return false;
  if (code >= 0x2060 && code <= 0x206f) return false;
  if (code >= 0xd800 && code <= 0xdfff) return false;
  if (code >= 0xfff0 && code <= 0xfffb) return false;
  if (code >= 0xe0000 && code <= 0xe0fff) return false; // tags and variation selectors
  return (code & 0xfffe) !== 0xfffe;
}

function escape(code: number): string {
  if (code === 0x5c) return "\\\\";
  const hex = code.toString(16).toUpperCase();
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}
