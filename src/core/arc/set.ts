import type { Instant } from "../base/time.ts";
import { relaxedField } from "../dkim/canonical-header.ts";
import { foldBase64, formatSignature, signedHeader, signedText, type SignatureKind } from "../dkim/signature-field.ts";
import type { HeaderField } from "../mail/header-fields.ts";
import { formatIpAddress, type IpAddress } from "../mail/ip.ts";
import type { ChainValidation } from "./chain.ts";

/** What was found of a DKIM-Signature (RFC 8601 §2.7.1). */
export interface DkimResult {
  readonly result: "pass" | "fail" | "permerror" | "temperror";
  /** Why not, a phrase of ours. */
  readonly reason: string;
  readonly domain: string;
  readonly selector: string;
  /** The first octets of the signature, to tell one from another (RFC 6008). */
  readonly signature: string;
}

export interface Findings {
  /** Who found it: our hostname. */
  readonly by: string;
  readonly client: IpAddress;
  readonly user: string | null;
  readonly chain: ChainValidation;
  readonly dkim: readonly DkimResult[];
}

/** The ARC-Authentication-Results of a set (RFC 8617 §4.1.1), without its CRLF. In ASCII. */
export function formatResults(instance: number, { by, client, user, chain, dkim }: Findings): string {
  const results = [
    `arc=${chain} smtp.remote-ip="${formatIpAddress(client)}"`,
    ...(user === null ? [] : [`auth=pass smtp.auth=${quoted(user)}`]),
    ...(dkim.length === 0 ? ["dkim=none"] : dkim.map(formatDkim)),
  ];
  return `ARC-Authentication-Results: i=${instance}; ${by};${results.map((result) => `\r\n\t${result}`).join(";")}`;
}

function formatDkim({ result, reason, domain, selector, signature }: DkimResult): string {
  const why = reason === "" ? "" : ` reason="${reason}"`;
  const whose = domain === "" ? "" : ` header.d=${domain} header.s=${selector} header.b="${signature}"`;
  return `dkim=${result}${why}${whose}`;
}

/** Printable ASCII in quotes; anything else becomes a question mark. */
function quoted(text: string): string {
  return `"${text
    .slice(0, 255)
    .replaceAll(/[^\x20-\x7e]/g, "?")
    .replaceAll(/["\\]/g, "\\$&")}"`;
}

export interface Sealing {
  readonly instance: number;
  readonly domain: string;
  readonly selector: string;
  readonly at: Instant;
  readonly validation: ChainValidation;
}

/** What the ARC-Message-Signature of a set is of, and the field once that is signed; null where the header has too many fields. */
export function messageSignature(
  { instance, domain, selector, at }: Sealing,
  fields: readonly HeaderField[],
  bodyHash: string,
): { readonly text: string; format(b: string): string } | null {
  const header = signedHeader(fields, ["dkim-signature"]);
  if (header === null) return null;
  const kind: SignatureKind = { fieldName: "ARC-Message-Signature", first: `i=${instance}` };
  const signature = { algorithm: "rsa-sha256", domain, selector, at, bodyHash, header } as const;
  return { text: signedText(signature, kind), format: (b) => formatSignature(signature, b, kind).slice(0, -2) };
}

/**
 * What the ARC-Seal of a set is of, and the field (RFC 8617 §5.1.1). `before`: the sets before it, canonical; they count where the
 * chain is not broken (§5.1.2).
 */
export function seal(
  { instance, domain, selector, at, validation }: Sealing,
  before: string,
  results: string,
  message: string,
): { readonly text: string; format(b: string): string } {
  const tags = `i=${instance}; a=rsa-sha256; cv=${validation};\r\n\td=${domain}; s=${selector};\r\n\tt=${Math.floor(at / 1_000)};\r\n\tb=`;
  const own = [results, message, `ARC-Seal: ${tags}`].map((text) => relaxedField(fieldOf(text)));
  const text = (validation === "fail" ? "" : before) + own.join("\r\n");
  return { text, format: (b) => `ARC-Seal: ${tags}${foldBase64(b)}` };
}

function fieldOf(text: string): Pick<HeaderField, "name" | "value"> {
  const colon = text.indexOf(":");
  return { name: text.slice(0, colon).toLowerCase(), value: text.slice(colon + 1) };
}
