import type { HeaderField } from "../mail/header-fields.ts";

/** The relaxed canonicalisation of a field (RFC 6376 §3.4.2), without its CRLF. */
export function relaxedField({ name, value }: Pick<HeaderField, "name" | "value">): string {
  const flat = value.replaceAll("\r\n", "").replace(/[ \t]+/g, " ");
  const from = flat.startsWith(" ") ? 1 : 0;
  return `${name}:${flat.slice(from, flat.length > from && flat.endsWith(" ") ? -1 : undefined)}`;
}

export type Canonicalization = "simple" | "relaxed";

/** A field in its canonical form, without its CRLF. */
export function canonicalField(field: HeaderField, canonicalization: Canonicalization): string {
  return canonicalization === "simple" ? field.text : relaxedField(field);
}
