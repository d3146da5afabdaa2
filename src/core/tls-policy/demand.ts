import { encodeHex } from "../base/hex.ts";
import type { TlsaRecord } from "../mail/dns-answer.ts";
import type { Domain } from "../mail/domain.ts";

/**
 * What is asked of TLS with one server of a next hop.
 *
 * | kind    | without TLS       | certificate                                                                            |
 * | ------- | ----------------- | -------------------------------------------------------------------------------------- |
 * | none    | always            | none                                                                                   |
 * | may     | goes in the clear | not looked at: whoever could forge it could also strip STARTTLS (RFC 7435)             |
 * | encrypt | nothing is sent   | not looked at                                                                          |
 * | verify  | nothing is sent   | of a trusted authority, for one of `names`                                             |
 * | dane    | nothing is sent   | as the TLSA records say; without a usable one not looked at (RFC 7672 §2.2)            |
 * | mta-sts | nothing is sent   | of a trusted authority, for `names`; mode `testing` only tells what failed (RFC 8461 §5) |
 * | pin     | nothing is sent   | itself or its public key has one of these SHA-256 digests                              |
 */
export type TlsDemand =
  | { readonly kind: "none" | "may" | "encrypt" }
  | { readonly kind: "verify"; readonly names: readonly string[] }
  | {
      readonly kind: "dane";
      /** The usable ones. */
      readonly records: readonly TlsaRecord[];
      /** The TLSA base domain first, which SNI says too; the others are for usage 2 (RFC 7672 §3.2.2). */
      readonly names: readonly string[];
    }
  | { readonly kind: "mta-sts"; readonly mode: "enforce" | "testing"; readonly names: readonly string[] }
  /** Digests in lower-case hexadecimal. */
  | { readonly kind: "pin"; readonly pins: readonly string[] };

/** Whether mail goes on without TLS, or with a certificate that proves nothing. */
export function isOpportunistic(demand: TlsDemand): boolean {
  return demand.kind === "may" || (demand.kind === "mta-sts" && demand.mode === "testing");
}

/** Whether nothing may be sent before TLS is there. */
export function needsTls(demand: TlsDemand): boolean {
  return demand.kind !== "none" && !isOpportunistic(demand);
}

/** Equal demands have equal texts, and others have others: what was verified for one holds for no other. */
export function textOfDemand(demand: TlsDemand): string {
  switch (demand.kind) {
    case "none":
    case "may":
    case "encrypt":
      return demand.kind;
    case "verify":
      return `verify ${demand.names.join(" ")}`;
    case "dane":
      return `dane ${demand.names.join(" ")}: ${demand.records.map(textOfTlsa).sort().join(" ")}`;
    case "mta-sts":
      return `mta-sts ${demand.mode} ${demand.names.join(" ")}`;
    case "pin":
      return `pin ${[...demand.pins].sort().join(" ")}`;
  }
}

/** `3 1 1 0f0f…` */
export function textOfTlsa({ usage, selector, matchingType, octets }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${encodeHex(octets)}`;
}

/** Under which policy a server was spoken to, as TLSRPT groups its figures (RFC 8460 §4.4). */
export interface AppliedPolicy {
  readonly type: "tlsa" | "sts" | "no-policy-found";
  /** Whose policy it is: the domain of the recipients, for DANE the TLSA base domain. */
  readonly domain: Domain;
  /** TLSA records as text, or the lines of the MTA-STS policy. */
  readonly strings: readonly string[];
  /** `mx` patterns of the MTA-STS policy. */
  readonly mxPatterns: readonly string[];
}
