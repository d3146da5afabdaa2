import type { Instant } from "../base/time.ts";
import { parseDomain, type Domain } from "../mail/domain.ts";
import type { HeaderField } from "../mail/header-fields.ts";
import { canonicalField, type Canonicalization } from "./canonical-header.ts";
import { parseSelector, type DkimAlgorithm } from "./key.ts";
import { SIGNED_FIELDS_MAX } from "./signature-field.ts";
import { strictTagsOf } from "./tag-list.ts";

/** A signature that came with a message: a DKIM-Signature, or an ARC-Message-Signature, which is made the same way. */
export interface ReceivedSignature {
  readonly field: HeaderField;
  readonly algorithm: DkimAlgorithm;
  readonly domain: Domain;
  readonly selector: string;
  readonly header: Canonicalization;
  readonly body: Canonicalization;
  /** `l=`: so many octets of the canonical body are signed; null where all are. */
  readonly bodyOctets: number | null;
  /** `h=`, in lower case and in order. */
  readonly names: readonly string[];
  /** In base64 without white space: of the canonical body, and the signature. */
  readonly bodyHash: string;
  readonly signature: string;
}

export const BASE64 = /^[A-Za-z0-9+/]{4,1400}={0,2}$/;

/** Reads a signature (RFC 6376 §3.5, §6.1.1). A fault is a phrase: it cannot be verified, whatever the key. */
export function readSignature(field: HeaderField, now: Instant): ReceivedSignature | string {
  const tags = strictTagsOf(field.value.replaceAll("\r\n", ""));
  if (tags === null) return "no tag list";
  const isDkim = field.name === "dkim-signature";
  if (isDkim && tags.get("v") !== "1") return "version";
  const algorithm = tags.get("a");
  if (algorithm !== "rsa-sha256" && algorithm !== "ed25519-sha256") return "algorithm";
  const key = readSigner(tags);
  if (key === null) return "domain or selector";
  const [header = "simple", body = "simple"] = (tags.get("c") ?? "simple").split("/");
  if (!isCanonicalization(header) || !isCanonicalization(body)) return "canonicalization";
  const names = (tags.get("h") ?? "").split(":").map((name) => name.trim().toLowerCase());
  if (names.includes("") || names.length > SIGNED_FIELDS_MAX) return "signed fields";
  if (isDkim ? !names.includes("from") : names.includes("arc-seal")) return "signed fields";
  const bodyHash = plain(tags.get("bh"));
  const signature = plain(tags.get("b"));
  if (!BASE64.test(bodyHash) || !BASE64.test(signature)) return "base64";
  const l = tags.get("l");
  if (l !== undefined && !/^\d{1,15}$/.test(l)) return "body length";
  const expires = tags.get("x");
  if (expires !== undefined && !(Number(expires) * 1_000 >= now)) return "expired";
  const identity = tags.get("i")?.toLowerCase();
  if (isDkim && identity !== undefined && !isWithin(identity, key.domain)) return "identity";
  const bodyOctets = l === undefined ? null : Number(l);
  return { field, algorithm, ...key, header, body, bodyOctets, names, bodyHash, signature };
}

/** `d=` and `s=`. */
export function readSigner(tags: ReadonlyMap<string, string>): { domain: Domain; selector: string } | null {
  const domain = parseDomain(tags.get("d") ?? "");
  if (!domain.ok) return null;
  // Selectors of others are names of the DNS; many have an underscore.
  const selector = parseSelector((tags.get("s") ?? "").replaceAll("_", "-"), domain.value);
  return selector.ok ? { domain: domain.value, selector: (tags.get("s") ?? "").toLowerCase() } : null;
}

/** What the signature is of (RFC 6376 §3.7): the fields of `h=`, of several the lowest first, then itself without what `b=` says. */
export function receivedText(fields: readonly HeaderField[], received: ReceivedSignature): string {
  const { field, header, names } = received;
  const byName = new Map<string, HeaderField[]>();
  for (const one of fields) {
    if (one === field) continue;
    const same = byName.get(one.name);
    if (same) same.push(one);
    else byName.set(one.name, [one]);
  }
  let text = "";
  for (const name of names) {
    const next = byName.get(name)?.pop();
    if (next !== undefined) text += `${canonicalField(next, header)}\r\n`;
  }
  return text + canonicalField(withoutSignature(field), header);
}

/** The field with nothing behind `b=`. */
export function withoutSignature({ name, value, text }: HeaderField): HeaderField {
  const cut = (whole: string): string => whole.replace(/(^|;)([ \t\r\n]*b[ \t\r\n]*=)[^;]*/, "$1$2");
  const colon = text.length - value.length;
  return { name, value: cut(value), text: text.slice(0, colon) + cut(value) };
}

export function plain(base64: string | undefined): string {
  return (base64 ?? "").replaceAll(/[ \t\r\n]/g, "");
}

function isCanonicalization(text: string): text is Canonicalization {
  return text === "simple" || text === "relaxed";
}

function isWithin(identity: string, domain: Domain): boolean {
  const host = identity.slice(identity.lastIndexOf("@") + 1);
  return host === domain || host.endsWith(`.${domain}`);
}
