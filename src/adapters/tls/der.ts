/** Writes the few kinds of DER (X.690) that a certificate is made of. */

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(content.length), content]);
}

/** Short form below 128, else the number of octets and the length in them. */
function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  return length < 0x100 ? Buffer.from([0x81, length]) : Buffer.from([0x82, length >>> 8, length & 0xff]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return tlv(0x31, ...parts);
}

/** A positive integer from its octets, the most significant first. */
export function integer(octets: Uint8Array): Buffer {
  return (octets[0] ?? 0) >= 0x80 ? tlv(0x02, Buffer.from([0]), octets) : tlv(0x02, octets);
}

export function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0]));
}

/** `1.2.840.10045.2.1` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const octets = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) octets.unshift((left & 0x7f) | 0x80);
  return octets;
}

export function utf8String(text: string): Buffer {
  return tlv(0x0c, Buffer.from(text, "utf8"));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-T:]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

/** `unused` is how many of the last bits do not count. */
export function bitString(octets: Uint8Array, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), octets);
}

export function octetString(octets: Uint8Array): Buffer {
  return tlv(0x04, octets);
}

/** `[n]` around whole values. */
export function explicit(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  return tlv(0xa0 | tag, ...parts);
}

/** `[n]` in place of the value's own tag. */
export function implicit(tag: number, octets: Uint8Array): Buffer {
  return tlv(0x80 | tag, octets);
}
