/** Whether every character is printable ASCII. */
export function isPrintableAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/**
 * `+2B` is `+` (RFC 3461 §4). What is encoded must be printable ASCII (§4.2, §4.4): anything else stays as it is, so that nothing
 * comes out of it that could end a line.
 */
export function decodeXtext(xtext: string): string {
  return xtext.replace(/\+([2-7][0-9A-F])/g, (all, hex: string) => {
    const code = parseInt(hex, 16);
    return code < 0x7f ? String.fromCharCode(code) : all;
  });
}

/** `\x{FC}` is `ü`: utf-8-addr-xtext and utf-8-addr-unitext of RFC 6533 §3 as an address. Control characters stay encoded. */
export function decodeUnitext(text: string): string {
  return text.replace(/\\x\{([0-9A-F]{2,6})\}/g, (all, hex: string) => {
    const code = parseInt(hex, 16);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
      return all;
    return String.fromCodePoint(code);
  });
}

/** An address as utf-8-addr-xtext, its 7-bit form (RFC 6533 §3). */
export function encodeUnitext(address: string): string {
  return address.replace(/[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu, escaped);
}

/**
 * An ORCPT value for a server that does not offer SMTPUTF8: what is beyond ASCII in `utf-8;` becomes `\x{…}`, all else is passed on
 * to the letter (RFC 3461 §5.2.1, RFC 6533 §3).
 */
export function asciiOriginalRecipient(value: string): string {
  return value.replace(/[^\x00-\x7f]/gu, escaped);
}

function escaped(char: string): string {
  return `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, "0")}}`;
}
