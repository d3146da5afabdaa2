import type { Instant } from "../base/time.ts";
import type { HeaderField } from "../mail/header-fields.ts";
import { relaxedField } from "./canonical-header.ts";
import type { DkimAlgorithm } from "./key.ts";

/** Signed once more than they are there, so that nobody can add another one behind our back (RFC 6376 §5.4.2, §8.15). */
const ALWAYS = ["from", "reply-to", "subject", "to", "cc"];
/** The same where they are there: a next hop may add what is missing of them (RFC 6409 §8). */
const IF_PRESENT = [
  "sender",
  "date",
  "message-id",
  "in-reply-to",
  "references",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];
/** Signed as often as they are there: those who forward or run lists may add theirs (RFC 6376 §5.4.1). */
const AS_THEY_ARE = [
  "resent-date",
  "resent-from",
  "resent-to",
  "resent-cc",
  "list-id",
  "list-help",
  "list-unsubscribe",
  "list-unsubscribe-post",
  "list-subscribe",
  "list-post",
  "list-owner",
  "list-archive",
];

/** More fields than this are signed by nobody: such a header is no letter's. */
export const SIGNED_FIELDS_MAX = 200;

/** What is signed of a header. */
export interface SignedHeader {
  /** The names of `h=`, in order. */
  readonly names: readonly string[];
  /** The canonical fields, each with its CRLF, in the order of `names`. */
  readonly canonical: string;
}

/** null where there are more than `SIGNED_FIELDS_MAX`. `alsoNames`: what is signed besides, as often as it is there. */
export function signedHeader(fields: readonly HeaderField[], alsoNames: readonly string[] = []): SignedHeader | null {
  const byName = new Map<string, HeaderField[]>();
  for (const field of fields) {
    const same = byName.get(field.name);
    if (same) same.push(field);
    else byName.set(field.name, [field]);
  }
  const names: string[] = [];
  let canonical = "";
  const sign = (name: string, once: boolean): void => {
    // Of several the lowest counts first (RFC 6376 §5.4.2).
    const same = (byName.get(name) ?? []).toReversed();
    for (const field of same.slice(0, SIGNED_FIELDS_MAX)) {
      names.push(name);
      canonical += `${relaxedField(field)}\r\n`;
    }
    if (once) names.push(name);
  };
  for (const name of ALWAYS) sign(name, true);
  for (const name of IF_PRESENT) sign(name, byName.has(name));
  for (const name of [...AS_THEY_ARE, ...alsoNames]) sign(name, false);
  return names.length > SIGNED_FIELDS_MAX ? null : { names, canonical };
}

/** The field that a signature is: DKIM's own, or the ARC-Message-Signature of an instance (RFC 8617 §4.1.2). */
export interface SignatureKind {
  readonly fieldName: string;
  /** Its first tag. */
  readonly first: string;
}

const DKIM: SignatureKind = { fieldName: "DKIM-Signature", first: "v=1" };

export interface Signature {
  readonly algorithm: DkimAlgorithm;
  readonly domain: string;
  readonly selector: string;
  readonly at: Instant;
  /** SHA-256 of the canonical body, in base64. */
  readonly bodyHash: string;
  readonly header: SignedHeader;
}

/** What the key signs (RFC 6376 §3.7): the canonical header, then the DKIM-Signature field itself with an empty `b=`. */
export function signedText(signature: Signature, kind = DKIM): string {
  const value = fieldValue(signature, kind);
  const field = { name: kind.fieldName.toLowerCase(), value };
  return `${signature.header.canonical}${relaxedField(field)}`;
}

/** The whole field with its CRLF, in lines of 78 characters where that can be; `b` is the signature in base64. */
export function formatSignature(signature: Signature, b: string, kind = DKIM): string {
  return `${kind.fieldName}:${fieldValue(signature, kind)}${foldBase64(b)}\r\n`;
}

export function foldBase64(text: string): string {
  return (text.match(/.{1,68}/g) ?? []).join("\r\n\t ");
}

const LINE_MAX = 78;

function fieldValue({ algorithm, domain, selector, at, bodyHash, header }: Signature, kind: SignatureKind): string {
  const tags = [
    `${kind.first};`,
    `a=${algorithm};`,
    `c=relaxed/relaxed;`,
    `d=${domain};`,
    `s=${selector};`,
    `t=${Math.floor(at / 1_000)};`,
  ];
  let value = "";
  let column = kind.fieldName.length + 1;
  const put = (text: string, gap: string): void => {
    const folds = column + gap.length + text.length > LINE_MAX;
    value += folds ? `\r\n\t${text}` : gap + text;
    column = folds ? 8 + text.length : column + gap.length + text.length;
  };
  for (const tag of tags) put(tag, " ");
  const last = header.names.length - 1;
  header.names.forEach((name, i) => put(`${i === 0 ? "h=" : ""}${name}${i === last ? ";" : ":"}`, i === 0 ? " " : ""));
  return `${value}\r\n\tbh=${bodyHash};\r\n\tb=`;
}
