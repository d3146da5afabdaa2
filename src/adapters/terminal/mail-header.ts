/** A header larger than this is none. */
const HEADER_OCTETS_MAX = 1_048_576;

/** Without the `From ` line that a message in a mailbox file has in front. */
export function withoutMailboxLine(octets: Buffer): Buffer {
  const line = /^>?From [^\n]*\n/.exec(octets.toString("latin1", 0, 1_000))?.[0] ?? "";
  return octets.subarray(line.length);
}

/** What the header of a message has. Text that begins with no field is all body. */
export function scanLocalHeader(octets: Buffer): { readonly hasHeader: boolean; readonly hasFrom: boolean } {
  const text = octets.toString("latin1", 0, HEADER_OCTETS_MAX);
  const field = /([!-9;-~]+)[ \t]*:[^\n]*(?:\n(?:[ \t][^\n]*\n?)*|$)/y;
  let hasHeader = false;
  for (let found = field.exec(text); found; found = field.exec(text)) {
    hasHeader = true;
    if (found[1]?.toLowerCase() === "from") return { hasHeader, hasFrom: true };
  }
  return { hasHeader, hasFrom: false };
}

/** The message with one more field in front; an empty line parts it from text that is no header. */
export function withField(octets: Buffer, field: string): Buffer {
  const gap = scanLocalHeader(octets).hasHeader || /^\r?\n/.test(octets.toString("latin1", 0, 2)) ? "" : "\n";
  return Buffer.concat([Buffer.from(`${field}\n${gap}`), octets]);
}

/** A From field (RFC 5322 §3.6.2); a name that is no plain words goes in quotes, or as encoded words where it is not ASCII. */
export function formatFrom(address: string, fullName: string | null): string {
  const name = (fullName ?? "").replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  if (name === "") return `From: ${address}`;
  return `From: ${formatPhrase(name)} <${address}>`;
}

function formatPhrase(name: string): string {
  if (/^[\w !#$%&'*+/=?^`{|}~-]+$/.test(name)) return name;
  if (/^[\x20-\x7e]+$/.test(name)) return `"${name.replaceAll(/["\\]/g, "\\$&")}"`;
  return encodedWords(name);
}

/** Text that is not ASCII as encoded words of at most 75 characters (RFC 2047 §2). */
export function encodedWords(text: string): string {
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString("base64")}?=`).join("\n ");
}
