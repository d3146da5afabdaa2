import type { Instant } from "../base/time.ts";
import { err, ok, type Result } from "../base/result.ts";
import { parentDomains, parseDomain, type Domain } from "../mail/domain.ts";

/** RFC 6376 §3.3.2, RFC 8463 §3. */
export type DkimAlgorithm = "rsa-sha256" | "ed25519-sha256";

/**
 * `pending`: made, and not seen in the DNS yet; it signs nothing. `signing`: one of each algorithm for a domain. `retired`: its record
 * stays published for mail that is still under way.
 */
export type DkimKeyState = "pending" | "signing" | "retired";

/** A key without what is private of it. */
export interface DkimKey {
  readonly domain: Domain;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /** As `p=` has it: base64 of the SubjectPublicKeyInfo of RSA, of the 32 octets of Ed25519 (RFC 8463 §4). */
  readonly publicKey: string;
  readonly state: DkimKeyState;
  /** Signs mail from names below the domain as well, where those have no key of their own. */
  readonly subdomains: boolean;
  readonly createdAt: Instant;
  readonly createdBy: string;
}

/** The name of its record (RFC 6376 §3.6.2.1), which names the key everywhere. */
export function recordName({ selector, domain }: Pick<DkimKey, "selector" | "domain">): string {
  return `${selector}._domainkey.${domain}`;
}

/** A selector is one label or several (RFC 6376 §3.1), such that the name of its record is a name of the DNS. */
export function parseSelector(text: string, domain: Domain): Result<string, "selector"> {
  const selector = text.toLowerCase();
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  if (!new RegExp(`^${label}(?:\\.${label})*$`).test(selector)) return err("selector");
  return recordName({ selector, domain }).length <= 253 ? ok(selector) : err("selector");
}

/** `name` is a `recordName`. */
export function parseRecordName(name: string): { readonly selector: string; readonly domain: Domain } | null {
  const at = name.indexOf("._domainkey.");
  const domain = parseDomain(name.slice(at + 12));
  if (at <= 0 || !domain.ok) return null;
  const selector = parseSelector(name.slice(0, at), domain.value);
  return selector.ok ? { selector: selector.value, domain: domain.value } : null;
}

/**
 * The keys that sign mail from `domain`: its own that are signing, else those of the nearest domain above it that sign for names below.
 * A domain with keys of its own of which none signs is signed by none above it.
 */
export function keysFor<Key extends DkimKey>(
  domain: Domain,
  keysOf: (domain: string) => readonly Key[],
): readonly Key[] {
  for (const name of parentDomains(domain).toReversed()) {
    const all = keysOf(name);
    const own = name === domain ? all : all.filter(({ subdomains }) => subdomains);
    if (own.length > 0) return own.filter(({ state }) => state === "signing");
  }
  return [];
}
