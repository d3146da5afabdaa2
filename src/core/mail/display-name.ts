/** Names longer than this are no people's: what goes beyond is left out. */
const NAME_OCTETS_MAX = 256;

/** A word of RFC 2047 §5 (3), with a dot, which many write though they must not. Bounded, so that looking for one is linear. */
const ENCODED_WORD = /=\?[A-Za-z0-9*_-]{1,40}\?[bBqQ]\?[A-Za-z0-9!*+\-/=_.]{0,200}\?=/y;
const ATOM = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\xff]+$/;
/** What ends an unquoted word: white space and what has a meaning in an address list. */
const WORD_END = /[ \t\r\n"(<>,;:]|$/g;

/**
 * The name beside the first address of an address list (RFC 5322 §3.4), or that in a comment behind an address without angle brackets.
 * As a phrase in one line, fit to stand in front of `<address>`: words that are no atoms are quoted. `""` where there is none. One character is one
 * octet. Linear in the length of `text`, never throws.
 */
export function displayName(text: string): string {
  let words: string[] = [];
  let comment = "";
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char === "<") return phrase(words);
    if (char === "," || char === ";") {
      if (words.length > 0) break;
      at++;
    } else if (char === ":") {
      // What stood there was the name of a group.
      words = [];
      at++;
    } else if (char === '"') {
      const end = quotedEnd(text, at);
      words.push(quoted(text.slice(at + 1, end).replaceAll(/\\(.)/gs, "$1")));
      at = end + 1;
    } else if (char === "(") {
      const end = commentEnd(text, at);
      if (comment === "") comment = text.slice(at + 1, end).replaceAll(/\\(.)/gs, "$1");
      at = end + 1;
    } else if (/[ \t\r\n>]/.test(char)) at++;
    else {
      const { octets, fit } = wordAt(text, at);
      words.push(fit);
      at += octets;
    }
  }
  return words.length > 0 && /[^ \t\r\n]/.test(comment) ? phrase([quoted(comment)]) : "";
}

/** The word that begins at `from`, or the encoded word. */
function wordAt(text: string, from: number): { readonly octets: number; readonly fit: string } {
  ENCODED_WORD.lastIndex = from;
  const encoded = ENCODED_WORD.exec(text)?.[0];
  if (encoded !== undefined) return { octets: encoded.length, fit: encoded };
  WORD_END.lastIndex = from;
  const word = text.slice(from, WORD_END.exec(text)?.index);
  return { octets: word.length, fit: ATOM.test(word) ? word : quoted(word) };
}

function quotedEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === "\\" ? 2 : 1;
  return Math.min(at, text.length);
}

/** At the bracket that closes the comment; comments may stand in comments. */
function commentEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\") at++;
    else if (char === "(") depth++;
    else if (char === ")" && --depth === 0) break;
  }
  return Math.min(at, text.length);
}

function quoted(text: string): string {
  const plain = text.replaceAll(/[\x00-\x20\x7f]+/g, " ").replaceAll(/["\\]/g, "\\$&");
  return `"${plain}"`;
}

function phrase(words: readonly string[]): string {
  let name = "";
  for (const word of words) {
    if (name.length + word.length > NAME_OCTETS_MAX) break;
    name += name === "" ? word : ` ${word}`;
  }
  return name === '""' ? "" : name;
}
