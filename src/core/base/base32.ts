const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A number in Crockford's base 32: no I, L, O or U, so that it can be read out over a telephone. */
export function formatBase32(value: number): string {
  let text = "";
  for (let rest = value; rest > 0 || text === ""; rest = Math.floor(rest / 32))
    text = CROCKFORD.charAt(rest % 32) + text;
  return text;
}

/** The number again, in any case, with O for 0 and I or L for 1; NaN where the text is none. */
export function parseBase32(text: string): number {
  const plain = text.toUpperCase().replaceAll("O", "0").replaceAll("I", "1").replaceAll("L", "1");
  let value = 0;
  for (const char of plain) {
    const digit = CROCKFORD.indexOf(char);
    if (digit < 0) return NaN;
    value = value * 32 + digit;
  }
  return text === "" ? NaN : value;
}
