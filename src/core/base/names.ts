/**
 * A name that operators give, of a route or an account, as it is kept: in upper case, as CL writes names. null where the text is none, so that a name is never a
 * path or two words: 1 to 32 letters, digits, underscores, hyphens and dots, the first a letter or digit.
 */
export function parseName(text: string): string | null {
  return /^[A-Z0-9][A-Z0-9_.-]{0,31}$/i.test(text) ? text.toUpperCase() : null;
}
