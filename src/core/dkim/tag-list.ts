/** A tag-list (RFC 6376 §3.2), white space around names and values taken off. The first of several with one name counts. */
export function tagsOf(text: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(0, equals)).trim();
    if (name !== "" && !tags.has(name)) tags.set(name, part.slice(equals + 1).trim());
  }
  return tags;
}

/** The same, where a list that is none, or names a tag twice, is a fault (null). */
export function strictTagsOf(text: string): Map<string, string> | null {
  const parts = text.split(";");
  if (/^[ \t\r\n]*$/.test(parts.at(-1) ?? "")) parts.pop();
  const tags = tagsOf(text);
  const isList = parts.every((part) => /^[ \t\r\n]*[A-Za-z][A-Za-z0-9_]*[ \t\r\n]*=/.test(part));
  return isList && tags.size === parts.length ? tags : null;
}
