import type { TlsaRecord } from "../mail/dns-answer.ts";

/** RFC 6698 §2.1.1, §2.1.3. The two usages of the public authorities, 0 and 1, are not used with SMTP (RFC 7672 §3.1.3). */
export const DANE_TA = 2;
export const DANE_EE = 3;
const FULL = 0;
const SHA_256 = 1;
const SHA_512 = 2;
/** Records of one name, and octets of them all: eight certificates, or more digests than anybody needs. What goes beyond is not used. */
const RECORDS_MAX = 16;
const OCTETS_MAX = 16_384;
const DIGEST_OCTETS: Readonly<Record<number, number>> = { [SHA_256]: 32, [SHA_512]: 64 };

export interface Digests {
  sha256(octets: Uint8Array): Uint8Array;
  sha512(octets: Uint8Array): Uint8Array;
}

/** A certificate, as far as records and pins look at it. */
export interface CertificateOctets {
  /** The whole of it, DER. */
  readonly whole: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/**
 * The records that can be used: usage 2 or 3, a selector and a matching type that are known, a digest of its length. Of the digests of
 * one usage and selector only the strongest count (RFC 7671 §9): whoever can forge SHA-256 gains nothing where SHA-512 stands beside it.
 */
export function usableRecords(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  const known = records.filter(({ usage, selector, matchingType, octets }) => {
    if ((usage !== DANE_TA && usage !== DANE_EE) || selector > 1 || octets.length === 0) return false;
    return matchingType === FULL || octets.length === DIGEST_OCTETS[matchingType];
  });
  let left = OCTETS_MAX;
  const within = known.slice(0, RECORDS_MAX).filter(({ octets }) => (left -= octets.length) >= 0);
  return within.filter(
    (record) =>
      record.matchingType !== SHA_256 ||
      !within.some(
        (other) => other.matchingType === SHA_512 && other.usage === record.usage && other.selector === record.selector,
      ),
  );
}

/** Whether the record names this certificate, by selector and matching type (RFC 6698 §2.1.2, §2.1.3). */
export function matchesTlsa(record: TlsaRecord, certificate: CertificateOctets, digests: Digests): boolean {
  const selected = record.selector === 0 ? certificate.whole : certificate.publicKey;
  return sameOctets(record.octets, matched(record.matchingType, selected, digests));
}

function matched(matchingType: number, octets: Uint8Array, digests: Digests): Uint8Array {
  if (matchingType === SHA_256) return digests.sha256(octets);
  return matchingType === SHA_512 ? digests.sha512(octets) : octets;
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

/** The certificates that records of usage 2 carry whole: the server need not show those (RFC 7671 §5.2.1). */
export function anchorsInRecords(records: readonly TlsaRecord[]): readonly Uint8Array[] {
  return records
    .filter(({ usage, selector, matchingType }) => usage === DANE_TA && selector === 0 && matchingType === FULL)
    .map(({ octets }) => octets);
}
