import tr46 from "tr46";
import type { Brand } from "../base/brand.ts";
import { err, ok, type Result } from "../base/result.ts";

/** A domain name as it is compared and forwarded: lower-case A-labels (UTS 46), no trailing dot, at most 253 octets. */
export type Domain = Brand<string, "Domain">;

export type DomainFault =
  "empty" | "empty-label" | "label-too-long" | "domain-too-long" | "character" | "not-idna" | "numeric";

/** RFC 5321 §4.5.3.1.2: what is longer as received has more octets than any domain. It bounds the work of the mapping too. */
const RECEIVED_MAX = 255;

/**
 * Reads a domain of RFC 5321 §4.1.2 or its U-label form (RFC 6531). One trailing dot is dropped. A name whose last label
 * is all digits is refused: it is a mistyped address, never a host (RFC 3696 §2).
 */
export function parseDomain(text: string): Result<Domain, DomainFault> {
  if (text.length > RECEIVED_MAX) return err("domain-too-long");
  const rooted = text.endsWith(".");
  let name = rooted ? text.slice(0, -1) : text;
  if (name === "") return err(text === "" ? "empty" : "empty-label");
  if (needsIdna(name)) {
    const mapped = tr46.toASCII(name, {
      checkBidi: true,
      checkHyphens: false,
      checkJoiners: true,
      useSTD3ASCIIRules: true,
      verifyDNSLength: false,
    });
    if (mapped === null || mapped === "") return err("not-idna");
    // The ideographic full stop (U+3002) and its like become dots.
    name = !rooted && mapped.endsWith(".") ? mapped.slice(0, -1) : mapped;
  }
  return checkLabels(name.toLowerCase());
}

/** Plain ASCII needs no mapping; an A-label must prove that it is one. */
function needsIdna(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7f) return true;
  return /(^|\.)xn--/i.test(name);
}

function checkLabels(name: string): Result<Domain, DomainFault> {
  if (name.length > 253) return err("domain-too-long");
  let labelAt = 0;
  let digitsOnly = true;
  for (let i = 0; i <= name.length; i++) {
    const c = i === name.length ? 0x2e : name.charCodeAt(i);
    if (c === 0x2e) {
      const length = i - labelAt;
      if (length === 0) return err("empty-label");
      if (length > 63) return err("label-too-long");
      if (name.charCodeAt(labelAt) === 0x2d || name.charCodeAt(i - 1) === 0x2d) return err("character");
      if (i < name.length) {
        labelAt = i + 1;
        digitsOnly = true;
      }
    } else if (c >= 0x61 && c <= 0x7a) digitsOnly = false;
    else if (c === 0x2d || c === 0x5f) digitsOnly = false;
    else if (c < 0x30 || c > 0x39) return err("character");
  }
  return digitsOnly ? err("numeric") : ok(name as Domain);
}

/** The labels of a domain from the right: `mail.example.com` gives `com`, `example.com`, `mail.example.com`. */
export function parentDomains(domain: Domain): string[] {
  const names: string[] = [];
  for (let dot = domain.length; dot > 0;) {
    dot = domain.lastIndexOf(".", dot - 1);
    names.push(domain.slice(dot + 1));
    if (dot < 0) break;
  }
  return names;
}
