const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Base64 of RFC 4648 §4 as SASL wants it: padded, canonical, nothing else in between. Null where the text is not. */
export function decodeBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const octets = new Uint8Array((text.length / 4) * 3 - padding);
  const digits = text.length - padding;
  let bits = 0;
  let held = 0;
  let length = 0;
  for (let i = 0; i < digits; i++) {
    const c = text.charCodeAt(i);
    const value = c < 128 ? (VALUES[c] as number) : -1;
    if (value < 0) return null;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      octets[length++] = held >> bits;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? octets : null;
}

export function encodeBase64(octets: Uint8Array): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 3) {
    const b = octets[i + 1];
    const c = octets[i + 2];
    const group = ((octets[i] as number) << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    text += b === undefined ? "=" : ALPHABET.charAt((group >> 6) & 63);
    text += c === undefined ? "=" : ALPHABET.charAt(group & 63);
  }
  return text;
}

/** The alphabet for names and addresses, without padding (RFC 4648 §5). */
export function encodeBase64Url(octets: Uint8Array): string {
  return encodeBase64(octets).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
